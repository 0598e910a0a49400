package client

import (
	"encoding/json"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// longText is the text of a string value, longer than a row may be.
func longText() string { return `"` + strings.Repeat(`long \"text\" `, maxRowBytes/12) + `"` }

// A row that is too long to keep in memory is skipped and counted, with its id and start wherever they are in it. The rest of the page
// counts.
func TestARowThatIsTooLongIsSkipped(t *testing.T) {
	long, start := longText(), time.Date(2026, 8, 1, 10, 0, 0, 500e6, time.UTC)
	many := "[" + strings.Repeat(`{"a":[1,2.5e-3,null,true]},`, maxRowBytes/24) + `{}]`
	for name, tt := range map[string]struct {
		row, id string
		start   time.Time
	}{
		"id and start first":      {aRow("script", long), "s1", start},
		"id and start last":       {`{"script":` + long + `,` + strings.TrimPrefix(aRow(), "{"), "s1", start},
		"between two long ones":   {`{"script":` + long + `,"ID":"s1","metadata":` + long + `,"start_date":"2026-08-01T10:00:00.5Z"}`, "s1", start},
		"many small values":       {aRow("metadata", many), "s1", start},
		"an id in a nested value": {`{"metadata":{"id":"no","x":` + long + `},"start_date":"2026-08-01T10:00:00.5Z"}`, "", start},
		"a long id":               {aRow("id", long), "", start},
		"a long key":              {`{` + long + `:1,` + strings.TrimPrefix(aRow(), "{"), "s1", start},
		"a list":                  {many, "", time.Time{}},
		"a text":                  {long, "", time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := aRow("id", `"before"`, "start_date", `"2026-08-01T11:00:00Z"`), aRow("id", `"after"`, "start_date", `"2026-08-01T09:00:00Z"`)
			var p SessionPage
			body := `{"data":[` + before + " , \n" + tt.row + "\t," + after + `],"total":3}`
			if err := decodePage(strings.NewReader(body), 0, &p); err != nil {
				t.Fatal(err)
			}
			if p.Rows != 3 || len(p.Sessions) != 2 || p.Sessions[0].ID != "before" || p.Sessions[1].ID != "after" || *p.Total != 3 || len(p.Malformed) != 1 {
				t.Fatalf("%d rows, %+v, malformed %+v", p.Rows, p.Sessions, p.Malformed)
			}
			m := p.Malformed[0]
			if m.ID != tt.id || !m.StartDate.Equal(tt.start) || m.Digest != summarize([]byte(tt.row)).digest || !strings.Contains(m.Err.Error(), "more than 16777216 bytes") {
				t.Errorf("got %+v", m)
			}
		})
	}
}

// However long a row is, no more than the text of the longest row is kept in memory.
func TestALongRowIsNotKeptInMemory(t *testing.T) {
	part := strings.Repeat("x", 1<<20)
	parts := []io.Reader{strings.NewReader(`{"data":[{"id":"s1","start_date":"2026-08-01T10:00:00Z","script":"`)}
	for range 60 {
		parts = append(parts, strings.NewReader(part))
	}
	parts = append(parts, strings.NewReader(`"},`+aRow()+`]}`))
	var page SessionPage
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := decodePage(io.MultiReader(parts...), 0, &page); err != nil || len(page.Sessions) != 1 || len(page.Malformed) != 1 || page.Malformed[0].ID != "s1" {
		t.Fatalf("%v, %+v", err, page)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 3*maxRowBytes {
		t.Errorf("%d bytes were allocated for a row of 60 MiB", used)
	}
}

// skipText skips a value as if it were too long.
func skipText(r io.Reader) (*skipped, string, error) {
	text := newJSONText(r)
	if _, err := text.peek(); err != nil {
		return nil, "", err
	}
	s, err := text.skip()
	if err != nil {
		return nil, "", err
	}
	rest, err := io.ReadAll(io.MultiReader(strings.NewReader(string(text.buf[text.pos:])), text.r))
	return s, string(rest), err
}

// What is skipped is validated all the same.
func TestSkippedValuesAreValidated(t *testing.T) {
	for _, value := range []string{
		`{"id":"s1","a":[1,-2.5E+7,{"b":null}],"c":"\u00e9\n\\","start_date":""}`, `[]`, `{}`, `[[],{}]`, `"a"`, `null`, ` { "a" : [ 1 , 2 ] } `,
		`{"a":1,"a":2}`, "\"a\xff\"",
		`{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[,1]`, `[1 2]`, `{1:2}`, `{"a" 1}`, `{"a":1]`, `[1}`, `tru`, `01`, `1.`, `-`, `"\x"`, `"\u12g4"`, "\"a\nb\"", `"a`, `[`, `{"a":`,
		`{"a":nul}`, `{,}`, `"\`,
	} {
		for _, reader := range []func(io.Reader) io.Reader{iotest.OneByteReader, func(r io.Reader) io.Reader { return r }} {
			s, rest, err := skipText(reader(strings.NewReader(value + ",rest")))
			if want := json.Valid([]byte(value)); (err == nil) != want || want && strings.TrimLeft(rest, " ") != ",rest" {
				t.Errorf("%s: rest %q, error %v", value, rest, err)
			}
			if err == nil && s.digest != summarize([]byte(strings.TrimSpace(value))).digest {
				t.Errorf("%s: digest %s", value, s.digest)
			}
		}
	}
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	if _, _, err := skipText(strings.NewReader(deep)); err == nil {
		t.Error("no error of a value that is nested too deep")
	}
}

// For any text, a value is skipped if and only if encoding/json takes it, and then to its end.
func FuzzSkip(f *testing.F) {
	for _, s := range []string{aRow(), `{"a":[1,{"id":"x\u00e9"}],"id":null}`, `[1,]`, `"\ud800"`, `-1.5e+9`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		value = slices.DeleteFunc(value, func(b byte) bool { return b == '\r' })
		s, rest, err := skipText(iotest.HalfReader(strings.NewReader(string(value) + " ,")))
		if err != nil {
			if json.Valid(value) && strings.Count(string(value), "[")+strings.Count(string(value), "{") < maxDepth {
				t.Fatalf("%v of %q", err, value)
			}
			return
		}
		read := string(value) + " ,"
		text := strings.TrimSuffix(read, rest)
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q was skipped", text)
		}
		want := summarize([]byte(strings.TrimSpace(text)))
		if s.digest != want.digest {
			t.Fatalf("digest of %q", text)
		}
		id, errID := idOf(s.id)
		wantID, errWant := idOf(want.id)
		if id != wantID || (errID == nil) != (errWant == nil) {
			t.Fatalf("id %q, want %q of %q", id, wantID, text)
		}
	})
}
