package client

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Bounds of what a row may hold. They are far above what the API gives, and still affordable for a million rows in memory.
const (
	maxRowBytes  = 16 << 20 // of a row as text, including what the decoder read ahead
	maxIDBytes   = 128
	maxWordBytes = 1 << 10
	maxItems     = 1000          // tags or review groups of a row
	maxRows      = 10 * MaxLimit // rows of a page
)

// MalformedSession is a row that could not be read. It says what is known about the row, so that others need not be lost with it.
type MalformedSession struct {
	// ID is `id`; empty if it cannot be read.
	ID string
	// StartDate is `start_date`; zero if it cannot be read.
	StartDate Time
	// Near is StartDate. If that cannot be read, it is the start of the nearest readable row before this one, or else after it.
	// It is zero if no row of the page has a readable start.
	Near time.Time
	// Digest is a short hash of the row's text. It identifies a row without an ID until the row changes.
	Digest string
	// Err says what is wrong with the row, in one line that is fit for a log.
	Err error
}

// rowReader decodes rows into a page, one at a time.
type rowReader struct {
	dec   *json.Decoder
	text  *textWindow
	limit int // the expected number of rows
	page  *SessionPage
	near  time.Time // the last start that could be read
}

func newRowReader(r io.Reader, limit int, page *SessionPage) *rowReader {
	text := &textWindow{r: r}
	dec := json.NewDecoder(text)
	dec.UseNumber() // a skipped number may have any size
	return &rowReader{dec: dec, text: text, limit: limit, page: page}
}

// readAll reads the array of rows. null is an empty array.
func (r *rowReader) readAll() error {
	t, err := r.dec.Token()
	if err != nil {
		return err
	}
	if t == nil {
		return nil
	}
	if t != json.Delim('[') {
		return malformed("its data is not a list")
	}
	for r.dec.More() {
		if r.page.Rows == maxRows {
			return malformed(fmt.Sprintf("it has more than %d rows", maxRows))
		}
		if err := r.read(); err != nil {
			return err
		}
	}
	return expectDelim(r.dec, ']')
}

// read reads one row. A row with wrong types or values becomes a malformed one; only broken JSON is an error.
func (r *rowReader) read() error {
	r.text.keepFrom(r.dec.InputOffset())
	p := r.page
	if p.Sessions == nil {
		p.Sessions = make([]Session, 0, min(max(r.limit, 1), MaxLimit))
	}
	p.Sessions = append(p.Sessions, Session{})
	last := len(p.Sessions) - 1
	s := &p.Sessions[last]
	err := r.dec.Decode(s)
	if err != nil && r.isBroken(err) {
		return unexpectedEOF(err)
	}
	if err == nil {
		err = s.check()
	}
	p.Rows++
	if err == nil {
		r.setNear(s.StartDate.Time)
		return nil
	}
	p.Sessions = p.Sessions[:last]
	p.Malformed = append(p.Malformed, malformedRow(r.text.to(r.dec.InputOffset()), err))
	r.setNear(p.Malformed[len(p.Malformed)-1].StartDate.Time)
	return nil
}

// setNear records the start of the row just read, and sets Near of the malformed rows that do not have it yet.
func (r *rowReader) setNear(start time.Time) {
	unknown := r.near.IsZero()
	if !start.IsZero() {
		r.near = start
	}
	m := r.page.Malformed
	if !unknown {
		// All but the last one have it already.
		m = m[max(len(m)-1, 0):]
	}
	for i := range m {
		if m[i].Near.IsZero() {
			m[i].Near = r.near
		}
	}
}

// isBroken reports whether the decoder cannot continue after this error.
func (r *rowReader) isBroken(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		(r.text.err != nil && errors.Is(err, r.text.err))
}

// malformedRow describes a row that could not be read, from its text.
func malformedRow(raw []byte, err error) MalformedSession {
	sum := sha256.Sum256(raw)
	m := MalformedSession{Digest: hex.EncodeToString(sum[:8]), Err: &rowError{err}}
	var row struct {
		ID        json.RawMessage `json:"id"`
		StartDate json.RawMessage `json:"start_date"`
	}
	_ = json.Unmarshal(raw, &row) // a field that cannot be read stays empty
	if json.Unmarshal(row.ID, &m.ID) != nil || len(m.ID) > maxIDBytes {
		m.ID = ""
	}
	if json.Unmarshal(row.StartDate, &m.StartDate) != nil {
		m.StartDate = Time{}
	}
	return m
}

// rowError says what is wrong with a row.
type rowError struct{ cause error }

func (e *rowError) Error() string { return "malformed session: " + plainText(e.cause.Error(), 200) }

func (e *rowError) Unwrap() error { return e.cause }

// check returns an error if a decoded row cannot be used: a required field is missing or a value is too large.
func (s *Session) check() error {
	switch {
	case s.ID == "":
		return errors.New("id is missing")
	case s.StartDate.IsZero():
		return errors.New("start_date is missing")
	case s.Connection == "":
		return errors.New("connection is missing")
	}
	return s.checkSizes()
}

// checkSizes refuses values that are far larger than anything the API gives, before they are kept in memory.
func (s *Session) checkSizes() error {
	if len(s.ID) > maxIDBytes {
		return fmt.Errorf("id has %d bytes, more than %d", len(s.ID), maxIDBytes)
	}
	words := []struct{ name, value string }{
		{"connection", s.Connection},
		{"type", s.Type},
		{"connection_subtype", s.ConnectionSubtype},
		{"verb", s.Verb},
		{"status", s.Status},
		{"user_id", s.UserID},
	}
	for _, w := range words {
		if err := checkWord(w.name, w.value); err != nil {
			return err
		}
	}
	if n := len(s.ConnectionTags); n > maxItems {
		return fmt.Errorf("connection_tags has %d entries, more than %d", n, maxItems)
	}
	for k, v := range s.ConnectionTags {
		if err := errors.Join(checkWord("connection_tags", k), checkWord("connection_tags", v)); err != nil {
			return err
		}
	}
	if s.Review == nil {
		return nil
	}
	return s.Review.checkSizes()
}

func (r *Review) checkSizes() error {
	if len(r.ID) > maxIDBytes {
		return fmt.Errorf("review.id has %d bytes, more than %d", len(r.ID), maxIDBytes)
	}
	if err := errors.Join(checkWord("review.type", r.Type), checkWord("review.status", r.Status)); err != nil {
		return err
	}
	if n := len(r.Groups); n > maxItems {
		return fmt.Errorf("review_groups_data has %d entries, more than %d", n, maxItems)
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		if err := errors.Join(checkWord("group", g.Group), checkWord("group status", g.Status)); err != nil {
			return err
		}
	}
	return nil
}

func checkWord(name, value string) error {
	if len(value) > maxWordBytes {
		return fmt.Errorf("%s has %d bytes, more than %d", name, len(value), maxWordBytes)
	}
	return nil
}
