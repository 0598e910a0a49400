package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// writtenAnswers returns the paths of the answers that were written, not recorded.
func writtenAnswers() []string {
	return []string{"testdata/written/1.49.10.json", "testdata/written/2026-08.json"}
}

// summary writes what a session reports about the protection of data.
func (s *Session) summary() string {
	out := []string{fmt.Sprintf("script %d", s.ScriptSize)}
	if s.Identity != "" {
		out = append(out, string(s.Identity))
	}
	if m := s.Metrics.Masking; m != nil {
		out = append(out, fmt.Sprintf("masked %v, %d bytes, %d errors", m.InfoTypes, m.TransformedBytes, m.ErrCount))
	}
	if s.Metrics.Truncated {
		out = append(out, "truncated")
	}
	for _, m := range s.Guardrails {
		out = append(out, fmt.Sprintf("%d x %s %s", m.Count, m.Rule, m.Direction))
	}
	if s.AI != nil {
		out = append(out, s.AI.RiskLevel+" "+s.AI.Action)
	}
	if s.Review != nil {
		out = append(out, s.Review.Type, s.Review.AccessDuration.String())
		for _, g := range s.Review.Groups {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s forced %v %s", g.Group, g.Status, g.Forced, g.at())))
		}
	}
	return strings.Join(out, "; ")
}

// at returns when the group decided, or nothing.
func (g ReviewGroup) at() string {
	if g.ReviewDate.IsZero() {
		return ""
	}
	return g.ReviewDate.Format(time.TimeOnly)
}

// What rows report about the protection of data is read, and the free text beside it is not.
func TestTheProtectionOfDataIsRead(t *testing.T) {
	want := map[string][]string{
		"testdata/written/1.49.10.json": {
			"script 212; masked map[EMAIL_ADDRESS:3 PHONE_NUMBER:1], 120 bytes, 0 errors",
			"script 0; masked map[], 0 bytes, 2 errors; truncated",
			"script -2",
			"script 31; masked map[US_SSN:2], 0 bytes, 0 errors",
			"script 44; jit; 1h0m0s; sre PENDING forced false; security APPROVED forced true 16:41:10",
		},
		"testdata/written/2026-08.json": {
			"script 0; user; masked map[EMAIL_ADDRESS:1], 17 bytes, 0 errors",
			"script 212; user; high block_execution",
			"script 180; machine; masked map[PERSON:7], 300 bytes, 1 errors; 2 x no-secrets input; 1 x pii output; low allow_execution",
			"script 0; user",
			"script 0; user; truncated",
			"script 90; user; onetime; 0s; sre APPROVED forced false 16:31:00; dba REJECTED forced false 16:35:00; security PENDING forced false",
			"script 0; machine",
		},
	}
	for _, file := range writtenAnswers() {
		text := readFixture(t, file)
		if n := strings.Count(string(text), "free text"); n == 0 {
			t.Errorf("%s has no free text, so it tests nothing", file)
		}
		var page SessionPage
		if err := decodePage(bytes.NewReader(text), 0, &page); err != nil || page.MalformedFields != nil || page.Malformed != nil {
			t.Fatalf("%s: %v, %+v, %+v", file, err, page.MalformedFields, page.Malformed)
		}
		for i, s := range page.Sessions {
			if got := s.summary(); i >= len(want[file]) || got != want[file][i] {
				t.Errorf("%s, row %d: %s", file, i, got)
			}
		}
		if found := find(reflect.ValueOf(page), "free"); found != "" {
			t.Errorf("%s: the page keeps free text: %s", file, found)
		}
	}
}

// find returns a string in v that contains a text, or nothing. It follows pointers, interfaces and unexported fields.
func find(v reflect.Value, text string) string {
	switch v.Kind() {
	case reflect.String:
		if strings.Contains(v.String(), text) {
			return v.String()
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() {
			return find(v.Elem(), text)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if found := find(field, text); found != "" {
				return found
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 && strings.Contains(string(v.Bytes()), text) {
			return string(v.Bytes())
		}
		for i := range v.Len() {
			if found := find(v.Index(i), text); found != "" {
				return found
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if found := find(key, text) + find(v.MapIndex(key), text); found != "" {
				return found
			}
		}
	}
	return ""
}

// rowsWithFreeText returns rows with a text wherever a row has text that must not be kept: in the usual form, and with fields that cannot
// be used.
func rowsWithFreeText(text string) []string {
	quoted := `"` + text + `"`
	match := `{"rule_name":"pii","direction":"output","matched_words":[` + quoted + `],"message":` + quoted + `,"rule":{"words":[` + quoted + `]}}`
	return []string{
		aRow("guardrails_info", `[`+match+`,`+match+`]`),
		aRow("guardrails_info", `[`+match+`,{"rule_name":["`+text+`"],"message":`+quoted+`},`+quoted+`]`),
		aRow("guardrails_info", `{"message":`+quoted+`}`),
		aRow("ai_analysis", `{"risk_level":"low","action":"allow_execution","title":`+quoted+`,"explanation":`+quoted+`}`),
		aRow("ai_analysis", `{"risk_level":{"title":`+quoted+`},"title":`+quoted+`}`),
		aRow("metadata", `{"a":`+quoted+`}`, "labels", `{"a":`+quoted+`}`, "script", `{"data":`+quoted+`}`, "user", quoted, "user_name", quoted),
		aRow("metrics", `{"detections":[`+quoted+`],"data_masking":{"samples":[`+quoted+`],"info_types":{"A":"x"}}}`),
		aRow("review", `{"access_request_rule_name":`+quoted+`,"review_groups_data":[{"reviewed_by":{"email":`+quoted+`},"forced_review":2}],"time_window":`+quoted+`}`),
	}
}

// Free text is never in a page, nor in its errors, whatever form its row has.
func TestFreeTextIsNotInThePage(t *testing.T) {
	for _, row := range rowsWithFreeText("free text") {
		var page SessionPage
		if err := decodePage(strings.NewReader(`{"data":[`+row+`]}`), 0, &page); err != nil || len(page.Sessions) != 1 {
			t.Fatalf("%v of %s", err, row)
		}
		if found := find(reflect.ValueOf(page), "free"); found != "" {
			t.Errorf("kept: %s of %s", found, row)
		}
	}
}

// Free text is not longer in memory than its row: a page with many megabytes of it holds nearly nothing afterwards.
func TestFreeTextIsForgottenWithItsRow(t *testing.T) {
	const size = 64 << 10
	rows := rowsWithFreeText(strings.Repeat("free text ", size/10))
	var body bytes.Buffer
	body.WriteString(`{"data":[`)
	for i := range 10 * len(rows) {
		if i > 0 {
			body.WriteByte(',')
		}
		body.WriteString(rows[i%len(rows)])
	}
	body.WriteString(`]}`)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var page SessionPage
	if err := decodePage(bytes.NewReader(body.Bytes()), 0, &page); err != nil || len(page.Sessions) != 10*len(rows) {
		t.Fatal(err, len(page.Sessions))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 2*size {
		t.Errorf("%d bytes are kept of %d bytes of text", kept, body.Len())
	}
	runtime.KeepAlive(&page)
	runtime.KeepAlive(&body)
}

// A list of matches can be very long: they are counted, and only those that differ are kept, up to a limit.
func TestGuardrailMatchesAreCountedNotKept(t *testing.T) {
	repeated := strings.Repeat(`{"rule_name":"pii","direction":"output","message":"m"},`, 10_000)
	got, unusable := decodeRow(t, aRow("guardrails_info", `[`+repeated+`{"rule_name":"pii","direction":"input"}]`))
	if want := (Guardrails{{"pii", "output", 10_000}, {"pii", "input", 1}}); unusable != "" || !reflect.DeepEqual(got.Guardrails, want) {
		t.Errorf("got %+v, not used: %s", got.Guardrails, unusable)
	}
	var different strings.Builder
	for i := range maxMatches + 5 {
		fmt.Fprintf(&different, `{"rule_name":"rule %d","direction":"input"},`, i)
	}
	got, unusable = decodeRow(t, aRow("guardrails_info", `[`+different.String()+`{"rule_name":"rule 0","direction":"input"}]`))
	if len(got.Guardrails) != maxMatches || got.Guardrails[0] != (GuardrailMatch{"rule 0", "input", 2}) || unusable != "guardrails_info 5" {
		t.Errorf("%d different ones, first %+v, not used: %s", len(got.Guardrails), got.Guardrails[0], unusable)
	}
}

// Reading a row field by field gives the same as reading it at once, for every row of an answer that is recorded or written.
func TestReadingFieldByFieldGivesTheSame(t *testing.T) {
	rows := 0
	for _, file := range append(fixtures(t), writtenAnswers()...) {
		var plain plainPage
		if json.Unmarshal(readFixture(t, file), &plain) != nil {
			continue
		}
		for i, raw := range plain.Data {
			var want, got Session
			var page SessionPage
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			if err := decodeLenient(raw, &page, &got); err != nil || page.MalformedFields != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, row %d: %v, %+v\ngot  %+v\nwant %+v", file, i, err, page.MalformedFields, got, want)
			}
			rows++
		}
	}
	if rows < 100 {
		t.Errorf("%d rows", rows)
	}
}
