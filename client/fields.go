package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MalformedField is a field of the answer that could not be used. It counts as absent.
type MalformedField struct {
	// Name is one of a fixed list: the fields that this package decodes but can do without, such as exit_code or review.status.
	Name string
	// Count is how often it could not be used in this answer.
	Count int
	// Err says what is wrong with the first one, in one line that is suitable for a log. It does not contain the value.
	Err error
}

// fieldReader reads fields whose meaning is clear, even if their form is not the API's. All others are added to the page's malformed
// fields. null is an absent field.
type fieldReader struct {
	page *SessionPage
	row  string // id of the session; empty for a field of the page
}

// unusable adds a malformed field.
func (f fieldReader) unusable(name, reason string) {
	for i := range f.page.MalformedFields {
		if field := &f.page.MalformedFields[i]; field.Name == name {
			field.Count++
			return
		}
	}
	err := fmt.Errorf("field %s: %s", name, reason)
	if f.row != "" {
		err = fmt.Errorf("field %s of session %s: %s", name, plainText(f.row, maxIDBytes), reason)
	}
	f.page.MalformedFields = append(f.page.MalformedFields, MalformedField{Name: name, Count: 1, Err: err})
}

// word reads a short text. A number, true or false is taken as it is written.
func (f fieldReader) word(name string, raw json.RawMessage) string {
	if isNull(raw) {
		return ""
	}
	s, err := wordOf(raw)
	if err != nil {
		f.unusable(name, err.Error())
	}
	return s
}

func wordOf(raw json.RawMessage) (string, error) {
	var s string
	switch raw[0] {
	case '"':
		if err := json.Unmarshal(raw, &s); err != nil {
			return "", errors.New("it is not a string")
		}
	case '{', '[':
		return "", errors.New("it is not a string")
	default:
		s = string(raw)
	}
	if err := checkWord(s); err != nil {
		return "", err
	}
	return s, nil
}

// integer reads a whole number. The result is false if it is absent.
func (f fieldReader) integer(name string, raw json.RawMessage) (int64, bool) {
	if isNull(raw) {
		return 0, false
	}
	n, ok := integerOf(raw)
	if !ok {
		f.unusable(name, "it is not a whole number")
	}
	return n, ok
}

// integerOf reads a whole number, even if it is text, or has an exponent or a fraction of zeros.
func integerOf(raw json.RawMessage) (int64, bool) {
	s, err := wordOf(raw)
	if err != nil {
		return 0, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false // an infinity, or a notation that JSON does not have
	}
	const exact = 1 << 53 // up to here every whole number is a float64
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v != math.Trunc(v) || math.Abs(v) > exact {
		return 0, false
	}
	return int64(v), true
}

// flag reads true or false, even if it is a number or text. The result is absent if it cannot be used.
func (f fieldReader) flag(name string, raw json.RawMessage, absent bool) bool {
	if isNull(raw) {
		return false
	}
	if s, err := wordOf(raw); err == nil {
		if v, err := strconv.ParseBool(strings.ToLower(s)); err == nil {
			return v
		}
	}
	if n, ok := integerOf(raw); ok && (n == 0 || n == 1) {
		return n == 1
	}
	f.unusable(name, "it is neither true nor false")
	return absent
}

// moment reads a time.
func (f fieldReader) moment(name string, raw json.RawMessage) Time {
	if isNull(raw) {
		return Time{}
	}
	t, err := timeOf(raw)
	if err != nil {
		f.unusable(name, err.Error())
	}
	return t
}

// timeOf reads a time, also in the forms that databases and logs use. Without a zone it is in UTC, like all times of the API.
func timeOf(raw json.RawMessage) (Time, error) {
	var t Time
	strict := t.UnmarshalJSON(raw)
	if strict == nil {
		return t, nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return Time{}, errors.New("it is not a time but a value of another type")
	}
	s = strings.ToUpper(strings.TrimSpace(s))
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05-07", "2006-01-02T15:04:05 -0700 MST", "2006-01-02T15:04:05 MST",
	} {
		v, err := time.Parse(layout, s)
		if err != nil || strings.HasSuffix(layout, " MST") && !strings.HasSuffix(s, " UTC") {
			continue // Go knows the offset of no other abbreviation
		}
		if text, err := v.UTC().MarshalJSON(); err == nil && t.UnmarshalJSON(text) == nil {
			return t, nil
		}
	}
	return Time{}, errors.New("it is not a time such as 2006-01-02T15:04:05Z")
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func checkWord(s string) error {
	if len(s) > maxWordBytes {
		return fmt.Errorf("it has %d bytes, more than %d", len(s), maxWordBytes)
	}
	return nil
}
