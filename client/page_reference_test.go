package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// plainPage is an answer for encoding/json alone, which is the reference for decodePage.
type plainPage struct {
	Data          []json.RawMessage `json:"data"`
	HasNextPage   json.RawMessage   `json:"has_next_page"`
	Total         json.RawMessage   `json:"total"`
	TotalIsCapped json.RawMessage   `json:"total_is_capped"`
}

// plainRow is a row for encoding/json alone.
type plainRow struct {
	// healthy is true if encoding/json can decode the row. Then session is the result.
	healthy bool
	session Session
	// id and start are the row's id and start, if there are any, in whatever form the rest of the row is.
	id    string
	start Time
}

// decodePlain decodes a page with encoding/json alone, row by row.
func decodePlain(body []byte) (*plainPage, []plainRow, error) {
	var plain plainPage
	if err := json.Unmarshal(body, &plain); err != nil {
		return nil, nil, err
	}
	rows := make([]plainRow, len(plain.Data))
	for i, raw := range plain.Data {
		r := &rows[i]
		r.healthy = json.Unmarshal(raw, &r.session) == nil && r.session.fits()
		r.session.canonicalizeIDs()
		var fields struct {
			ID        json.RawMessage `json:"id"`
			StartDate json.RawMessage `json:"start_date"`
		}
		_ = json.Unmarshal(raw, &fields) // a row that is not an object has no fields
		if json.Unmarshal(fields.ID, &r.id) != nil || len(r.id) > maxIDBytes {
			r.id = ""
		}
		r.id = canonicalID(r.id)
		if r.start.UnmarshalJSON(fields.StartDate) != nil {
			r.start = Time{}
		}
	}
	return &plain, rows, nil
}

// samePage compares a page with the reference. A healthy row must be exactly what encoding/json makes of it, and of any other one with an
// id and a start there must be a session with these.
func samePage(got *SessionPage, plain *plainPage, rows []plainRow) error {
	if got.Rows != len(rows) || got.Rows != len(got.Sessions)+len(got.Malformed) {
		return fmt.Errorf("%d sessions and %d malformed of %d rows, want %d", len(got.Sessions), len(got.Malformed), got.Rows, len(rows))
	}
	var more, capped bool
	if json.Unmarshal(plain.HasNextPage, &more) == nil && got.HasNextPage != more || json.Unmarshal(plain.TotalIsCapped, &capped) == nil && got.TotalIsCapped != capped {
		return fmt.Errorf("frame is %+v, want %+v", got, plain)
	}
	var total *int
	if plain.Total != nil && json.Unmarshal(plain.Total, &total) == nil && (total == nil || *total >= 0) && !reflect.DeepEqual(got.Total, total) {
		return fmt.Errorf("total is %v, want %s", got.Total, plain.Total)
	}
	sessions, malformed := got.Sessions, got.Malformed
	for i, want := range rows {
		if want.healthy || want.id != "" && !want.start.IsZero() {
			if len(sessions) == 0 || want.healthy && !reflect.DeepEqual(sessions[0], want.session) ||
				sessions[0].ID != want.id && !want.healthy || sessions[0].StartDate != want.start && !want.healthy {
				return fmt.Errorf("row %d is not the next one of %+v, want %+v", i, sessions, want)
			}
			sessions = sessions[1:]
			continue
		}
		// Its start may be in a form that only decodePage knows.
		if len(sessions) > 0 && want.id != "" && sessions[0].ID == want.id && (len(malformed) == 0 || malformed[0].ID != want.id) {
			sessions = sessions[1:]
			continue
		}
		if len(malformed) == 0 || malformed[0].ID != want.id || malformed[0].Err == nil || malformed[0].Digest != summarize(plain.Data[i]).digest {
			return fmt.Errorf("row %d is not the next one of %+v, want %+v", i, malformed, want)
		}
		malformed = malformed[1:]
	}
	return nil
}

// For generated pages with good and bad rows, decodePage returns the same as encoding/json row by row.
func TestDecodePageEqualsPlain(t *testing.T) {
	text := pageText()
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(text.Draw(t, "page"))
		want, rows, err := decodePlain(body)
		if err != nil {
			t.Fatalf("the generator's page is no page: %v\n%s", err, body)
		}
		var got SessionPage
		if err := decodePage(iotest.HalfReader(bytes.NewReader(body)), 0, &got); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		if err := samePage(&got, want, rows); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
	})
}

// pageText generates the text of pages.
func pageText() *rapid.Generator[string] {
	values := rapid.SampledFrom([]string{
		`null`, `""`, `"x"`, `"\u00e9\ud800"`, "\"\xff\"", `0`, `-2`, `254`, `1.5`, `1e999`, `true`, `{}`, `[]`, `{"a":"b","c":null}`, `{"a":{"b":[1]}}`,
		`"2026-08-01T10:00:00.5Z"`, `"2026-08-01T10:00:00+02:00"`, `"0000-01-01T00:00:00Z"`,
		`{"id":"r","status":"PENDING","access_duration":1800000000000,"created_at":"2026-08-01T10:00:00.123Z","review_groups_data":[{"group":"sre","reviewed_by":{"name":"n"}}],"time_window":{"type":"time_range","configuration":{"start_time":"09:00"}}}`,
		`{"review_groups_data":[{"group":"sre","status":"APPROVED","forced_review":true},{"group":"dba","forced_review":7}]}`,
		`{"data_masking":{"info_types":{"A":3,"B":-1},"transformed_bytes":5,"err_count":1},"truncated":true}`, `{"data_masking":{"info_types":{"A":"3"}}}`,
		`[{"rule_name":"a","direction":"input","message":"m"},{"rule_name":"a","direction":"input"}]`, `[{"rule_name":7},null,{}]`,
		`{"risk_level":"low","action":"allow_execution","title":"t"}`, `"user"`, `"machine"`,
	})
	names := rapid.SampledFrom([]string{
		"id", "org_id", "script", "script_size", "labels", "metadata", "metrics", "event_stream", "user", "user_id", "user_name", "type",
		"connection_subtype", "connection", "CONNECTION", "connection_tags", "review", "verb", "status", "exit_code", "event_size",
		"start_date", "end_date", "guardrails_info", "ai_analysis", "identity_type",
	})
	space := rapid.SampledFrom([]string{"", "", " ", "\n\t"})
	row := rapid.Custom(func(t *rapid.T) string {
		var members []string
		if rapid.IntRange(0, 9).Draw(t, "complete") > 0 {
			members = append(members, `"id":"i"`, `"connection":"c"`, `"start_date":"2026-08-01T10:00:00.123456Z"`)
		}
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			members = append(members, fmt.Sprintf("%q:%s%s", names.Draw(t, "name"), space.Draw(t, "space"), values.Draw(t, "value")))
		}
		return space.Draw(t, "space") + "{" + strings.Join(rapid.Permutation(members).Draw(t, "order"), ",") + "}" + space.Draw(t, "space")
	})
	return rapid.Custom(func(t *rapid.T) string {
		members := []string{`"data":[` + strings.Join(rapid.SliceOfN(row, 0, 8).Draw(t, "rows"), ",") + `]`}
		for _, m := range []string{`"total":7`, `"total":null`, `"has_next_page":true`, `"total_is_capped":true`, `"future":{"data":[{"id":1}]}`} {
			if rapid.Bool().Draw(t, m) {
				members = append(members, m)
			}
		}
		if members[0] == `"data":[]` {
			members = append(members, `"has_next_page":false`) // an empty page has to say something
		}
		return "{" + strings.Join(rapid.Permutation(members).Draw(t, "order"), ","+space.Draw(t, "space")) + "}"
	})
}

// For any text, decodePage does not panic, returns valid strings and no more rows than the text has, and agrees with encoding/json.
func FuzzDecodePage(f *testing.F) {
	for _, file := range append(fixtures(f), writtenAnswers()...) {
		var p plainPage
		if json.Unmarshal(readFixture(f, file), &p) != nil || len(p.Data) == 0 {
			continue
		}
		rows := p.Data[:1]
		if strings.Contains(file, "written") {
			rows = p.Data // each has something else
		}
		for _, row := range rows {
			f.Add([]byte(`{"data":[` + string(row) + `]}`)) // small ones, which mutate well
		}
	}
	for _, row := range []string{
		aRow(), aRow("id", "7"), aRow("start_date", `"9999-12-31T23:59:59-01:00"`), "null", "{}",
		aRow("metrics", `{"data_masking":{"info_types":{"A":"3"},"err_count":1e2}}`), aRow("guardrails_info", `[{"rule_name":7},[],{"direction":"input"}]`),
		aRow("ai_analysis", `{"risk_level":1}`, "identity_type", `"machine"`),
	} {
		f.Add([]byte(`{"total":1,"data":[` + row + `,` + aRow() + `],"has_next_page":true}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 2*maxRows {
			t.Skip()
		}
		var got SessionPage
		err := decodePage(bytes.NewReader(body), 0, &got)
		want, rows, plainErr := decodePlain(body)
		if err != nil {
			if plainErr == nil && isPage(body) && (len(rows) > 0 || !isNull(want.HasNextPage)) {
				t.Fatalf("refused, though encoding/json takes it: %v\n%q", err, body)
			}
			return
		}
		if plainErr != nil {
			t.Fatalf("taken, though encoding/json refuses it: %v\n%q", plainErr, body)
		}
		if err := samePage(&got, want, rows); err != nil {
			t.Fatalf("%v\n%q", err, body)
		}
		if n := len(got.Sessions) + len(got.Malformed); n != got.Rows || n > len(body) {
			t.Fatalf("%d rows of %d in %d bytes", n, got.Rows, len(body))
		}
		for _, s := range got.Sessions {
			if !s.fits() || !utf8.ValidString(s.ID+s.Connection+s.Type+s.Status+s.UserID+string(s.Identity)) {
				t.Fatalf("a session that should be malformed: %+v", s)
			}
			matches := 0
			for _, m := range s.Guardrails {
				matches += m.Count
				if m.Count < 1 || max(len(m.Rule), len(m.Direction)) > maxWordBytes || !utf8.ValidString(m.Rule+m.Direction) {
					t.Fatalf("an impossible guardrail match: %+v", m)
				}
			}
			if matches > len(body) || len(s.Guardrails) > maxMatches {
				t.Fatalf("%d guardrail matches, %d of them different, in %d bytes", matches, len(s.Guardrails), len(body))
			}
		}
	})
}

// isPage reports whether a text has data exactly once and is not nested too deep. decodePage requires this, encoding/json does not.
func isPage(body []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(body))
	n := 0
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for dec.More() {
		key, _ := dec.Token()
		if name, ok := key.(string); ok && strings.EqualFold(name, "data") {
			n++
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return false
		}
	}
	return n == 1 && bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) < maxDepth
}

// BenchmarkDecodePage decodes a page of 100 rows as new gateways send them, a fifth of them with a review.
func BenchmarkDecodePage(b *testing.B) {
	text := benchmarkPage(b)
	b.Run("stream", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			var p SessionPage
			if err := decodePage(bytes.NewReader(text), 100, &p); err != nil || len(p.Sessions) != 100 {
				b.Fatal(err, len(p.Sessions))
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			var p struct {
				Data          []Session `json:"data"`
				HasNextPage   bool      `json:"has_next_page"`
				Total         *int      `json:"total"`
				TotalIsCapped bool      `json:"total_is_capped"`
			}
			if err := json.Unmarshal(text, &p); err != nil || len(p.Data) != 100 {
				b.Fatal(err, len(p.Data))
			}
		}
	})
}

func benchmarkPage(b *testing.B) []byte {
	var rows []json.RawMessage
	for _, file := range []string{"page-newest", "page-newest", "page-newest", "page-newest", "pending", "approved-ready", "executed", "page-window"} {
		text, err := os.ReadFile("testdata/gateway-2026-08/" + file + ".json")
		if err != nil {
			b.Fatal(err)
		}
		var p plainPage
		if err := json.Unmarshal(text, &p); err != nil {
			b.Fatal(err)
		}
		rows = append(rows, p.Data...)
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	if err := enc.Encode(map[string]any{"data": rows[:100], "total": 100, "total_is_capped": false, "has_next_page": true}); err != nil {
		b.Fatal(err)
	}
	return text.Bytes()
}
