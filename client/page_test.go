package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// aRow returns the text of a row with some members replaced, or removed if the new text is empty.
func aRow(members ...string) string {
	row := [][2]string{{"id", `"s1"`}, {"connection", `"pg"`}, {"start_date", `"2026-08-01T10:00:00.5Z"`}}
	for i := 0; i < len(members); i += 2 {
		found := false
		for j := range row {
			if row[j][0] == members[i] {
				row[j][1], found = members[i+1], true
			}
		}
		if !found {
			row = append(row, [2]string{members[i], members[i+1]})
		}
	}
	var text []string
	for _, m := range row {
		if m[1] != "" {
			text = append(text, fmt.Sprintf("%q:%s", m[0], m[1]))
		}
	}
	return "{" + strings.Join(text, ",") + "}"
}

func TestDecodePageReadsWhatSurroundsTheRows(t *testing.T) {
	ten := 10
	tests := map[string]struct {
		text string
		want SessionPage // Sessions by number only
	}{
		"keys in the order of old gateways": {`{"data":[` + aRow() + `],"total":10,"has_next_page":true}`,
			SessionPage{Rows: 1, Total: &ten, HasNextPage: true}},
		"data last, unknown keys between": {`{"has_next_page":true,"x":{"data":[1,[{}]]},"total":10,"y":1e999,"data":[` + aRow() + `]}`,
			SessionPage{Rows: 1, Total: &ten, HasNextPage: true}},
		"no rows":                      {`{"data":[],"has_next_page":false}`, SessionPage{}},
		"data null":                    {` {"data" : null , "total_is_capped" : true,"has_next_page" : false } ` + "\n", SessionPage{TotalIsCapped: true}},
		"total null":                   {`{"data":[],"total":null,"has_next_page":false}`, SessionPage{}},
		"a total that cannot be":       {`{"data":[],"total":-1,"has_next_page":false}`, SessionPage{}},
		"has_next_page null":           {`{"data":[` + aRow() + `],"has_next_page":null}`, SessionPage{Rows: 1}},
		"keys that differ in case":     {`{"Data":[` + aRow() + `],"TOTAL":10}`, SessionPage{Rows: 1, Total: &ten}},
		"a row of white space and all": {"{\"data\":[\n  " + aRow() + "\t,\r\n" + aRow("id", `"s2"`) + "\n]}", SessionPage{Rows: 2}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got SessionPage
			// Single bytes test every position at which the decoder can be interrupted.
			if err := decodePage(iotest.OneByteReader(strings.NewReader(tt.text)), 0, &got); err != nil {
				t.Fatal(err)
			}
			if len(got.Sessions) != tt.want.Rows || len(got.Malformed) != 0 {
				t.Errorf("%d sessions and %d malformed of %d rows", len(got.Sessions), len(got.Malformed), tt.want.Rows)
			}
			got.Sessions = nil
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestDecodePageRefusesWhatIsNotAPage(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                  ``,
		"cut off before a key":     `{"data":[],`,
		"cut off in a row":         `{"data":[{"id":"s`,
		"cut off at a backslash":   `{"data":[\`,
		"a backslash and a value":  `{"data":[\{}]}`,
		"cut off between rows":     `{"data":[` + aRow() + `,`,
		"cut off after the rows":   `{"data":[` + aRow() + `]`,
		"cut off in a skipped one": `{"data":[],"x":{"y":[1,`,
		"no data":                  `{"items":[],"total":3}`,
		"an empty object":          `{}`,
		"data twice":               `{"data":[],"data":[],"total":0}`,
		"data an object":           `{"data":{}}`,
		"no rows and no more":      `{"data":[]}`,
		"no data but errors":       `{"data":null,"errors":[{"message":"timeout"}]}`,
		"no rows, all else null":   `{"data":[],"total":null,"has_next_page":null}`,
		"no rows, an odd total":    `{"data":[],"total":-1}`,
		"data a string":            `{"data":"none"}`,
		"a row that is broken":     `{"data":[` + aRow() + `,{"id":nope}]}`,
		"a comma too many":         `{"data":[` + aRow() + `,]}`,
		"a total that is no value": `{"data":[],"total":1o}`,
		"something after the end":  emptyPage + ` {}`,
		"garbage after the end":    emptyPage + `<!-- cached -->`,
		"rows beyond reason":       `{"data":[` + strings.Repeat("{},", 1000) + `{}]}`,
		"nested beyond reason":     `{"data":[],"total":0,"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		"a row nested likewise":    `{"data":[{"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			var p SessionPage
			err := decodePage(strings.NewReader(text), 0, &p)
			if err == nil {
				t.Fatalf("no error, but %+v", p)
			}
			if errors.Is(err, io.EOF) {
				t.Error("the error is io.EOF, which looks like a good end")
			}
			if got := asMalformed(err); !errors.Is(got, ErrMalformed) || len(got.Error()) > 400 {
				t.Errorf("error %v", got)
			}
		})
	}
}

// The hexadecimal digits of a UUID mean the same in either case, so a session has one ID in whatever case an answer has it. Other ids stay
// as they are.
func TestAnIDIsTheSameInEitherCase(t *testing.T) {
	const id, review = "bdaeca17-15f2-4a18-a2fc-cdf01db11c21", "0af5c0de-15f2-4a18-a2fc-cdf01db11c22"
	const org = "5d1f2c8a-6b7e-4c39-9a40-e1d3f5b7a912"
	for sent, want := range map[string]string{
		id: id, strings.ToUpper(id): id, "BDAECA17-15f2-4a18-A2FC-cdf01db11c21": id,
		"S1": "S1", strings.ToUpper(id) + "X": strings.ToUpper(id) + "X", "BDAECA17015F204A180A2FC0CDF01DB11C21": "BDAECA17015F204A180A2FC0CDF01DB11C21",
		"XDAECA17-15F2-4A18-A2FC-CDF01DB11C21": "XDAECA17-15F2-4A18-A2FC-CDF01DB11C21",
	} {
		quoted := strconv.Quote(sent)
		for name, row := range map[string]string{
			"healthy":   aRow("id", quoted, "org_id", strconv.Quote(strings.ToUpper(org)), "review", `{"id":"`+strings.ToUpper(review)+`"}`),
			"lenient":   aRow("id", quoted, "event_size", `"7"`, "org_id", strconv.Quote(strings.ToUpper(org)), "review", `{"id":"`+strings.ToUpper(review)+`"}`),
			"malformed": aRow("id", quoted, "start_date", `null`),
		} {
			var p SessionPage
			if err := decodePage(strings.NewReader(`{"data":[`+row+`]}`), 0, &p); err != nil {
				t.Fatal(err)
			}
			var got string
			for _, s := range p.Sessions {
				if got = s.ID; s.Review.ID != review || s.OrgID != org {
					t.Errorf("%s: the review is %s, the organization %s; want %s, %s", name, s.Review.ID, s.OrgID, review, org)
				}
			}
			for _, m := range p.Malformed {
				got = m.ID
			}
			if got != want {
				t.Errorf("%s: %s is read as %s, want %s", name, sent, got, want)
			}
		}
	}
	var user UserInfo
	if err := decodeUserInfo(strings.NewReader(`{"id":"u","org_id":"`+strings.ToUpper(org)+`"}`), &user); err != nil || user.OrgID != org {
		t.Errorf("the user's organization is %s, error %v", user.OrgID, err)
	}
}

func TestDecodePageSkipsMalformedRows(t *testing.T) {
	start := time.Date(2026, 8, 1, 10, 0, 0, 500e6, time.UTC)
	tests := map[string]struct {
		row    string
		id     string
		start  time.Time
		reason string
	}{
		"no id":               {aRow("id", ``), "", start, "id is missing"},
		"id null":             {aRow("id", `null`), "", start, "id is missing"},
		"id a number":         {aRow("id", `7`), "", start, "id"},
		"id of 129 bytes":     {aRow("id", `"`+strings.Repeat("i", 129)+`"`), "", start, "id has 129 bytes"},
		"no start":            {aRow("start_date", ``), "s1", time.Time{}, "start_date is missing"},
		"start null":          {aRow("start_date", `null`), "s1", time.Time{}, "start_date is missing"},
		"start a number":      {aRow("start_date", `1785578400`), "s1", time.Time{}, "start_date cannot be used: it is not a time"},
		"start in year 0":     {aRow("start_date", `"0000-06-01T00:00:00Z"`), "s1", time.Time{}, "start_date cannot be used"},
		"start that is zero":  {aRow("start_date", `"0001-01-01T00:00:00Z"`), "s1", time.Time{}, "start_date is missing"},
		"start before year 1": {aRow("start_date", `"0001-01-01T00:00:00+01:00"`), "s1", time.Time{}, "start_date cannot be used"},
		"null":                {`null`, "", time.Time{}, "id is missing"},
		"a number":            {`7`, "", time.Time{}, "not an object"},
		"a list":              {`[]`, "", time.Time{}, "not an object"},
		"an empty object":     {`{}`, "", time.Time{}, "id is missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := aRow("id", `"before"`, "start_date", `"2026-08-01T11:00:00Z"`)
			after := aRow("id", `"after"`, "start_date", `"2026-08-01T09:00:00Z"`)
			var p SessionPage
			text := `{"data":[` + before + " , \n" + tt.row + `,` + after + `]}`
			if err := decodePage(strings.NewReader(text), 0, &p); err != nil {
				t.Fatal(err)
			}
			if p.Rows != 3 || len(p.Sessions) != 2 || p.Sessions[0].ID != "before" || p.Sessions[1].ID != "after" {
				t.Fatalf("the rows beside it are %d: %+v", p.Rows, p.Sessions)
			}
			if len(p.Malformed) != 1 {
				t.Fatalf("malformed: %+v", p.Malformed)
			}
			m := p.Malformed[0]
			if m.ID != tt.id || !m.StartDate.Equal(tt.start) {
				t.Errorf("id %q, start %v", m.ID, m.StartDate)
			}
			near := tt.start
			if near.IsZero() {
				near = p.Sessions[0].StartDate.Time
			}
			if !m.Near.Equal(near) {
				t.Errorf("near %v, want %v", m.Near, near)
			}
			if want := summarize([]byte(tt.row)).digest; m.Digest != want || len(m.Digest) != 16 {
				t.Errorf("digest %q, want %q of the row's own text", m.Digest, want)
			}
			if text := m.Err.Error(); errors.Unwrap(m.Err) == nil || !strings.Contains(text, tt.reason) || len(text) > 250 {
				t.Errorf("error %q, want %q in it", text, tt.reason)
			}
		})
	}
}

func manyTags(n int) string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf(`"t%d":""`, i)
	}
	return "{" + strings.Join(tags, ",") + "}"
}

// A malformed row before all readable ones is near the first readable one. Without any, Near is zero.
func TestAMalformedRowIsNearTheNextReadableOne(t *testing.T) {
	lost := aRow("start_date", ``)
	for name, tt := range map[string]struct {
		rows []string
		want []string
	}{
		"two at the beginning": {[]string{lost, lost, aRow(), lost}, []string{"10:00:00.5", "10:00:00.5", "10:00:00.5"}},
		"after an older one": {[]string{aRow(), aRow("start_date", `"2026-08-01T09:00:00Z"`), lost},
			[]string{"09:00:00"}},
		"beside a malformed one with a start": {[]string{lost, aRow("id", ``), lost}, []string{"10:00:00.5", "10:00:00.5", "10:00:00.5"}},
		"nothing readable":                    {[]string{lost, lost}, []string{"00:00:00", "00:00:00"}},
	} {
		var p SessionPage
		if err := decodePage(strings.NewReader(`{"data":[`+strings.Join(tt.rows, ",")+`]}`), 0, &p); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range p.Malformed {
			got = append(got, m.Near.Format("15:04:05.999"))
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: near %v, want %v", name, got, tt.want)
		}
	}
}

func TestDecodePageMakesTextValid(t *testing.T) {
	var p SessionPage
	text := `{"data":[` + aRow("connection", "\"a\xffb\\ud800\"", "connection_tags", "{\"k\xfe\":\"v\xfd\"}", "verb", `"future"`) + `]}`
	if err := decodePage(strings.NewReader(text), 0, &p); err != nil || len(p.Sessions) != 1 {
		t.Fatalf("%v, %+v", err, p)
	}
	s := p.Sessions[0]
	if s.Connection != "a\uFFFDb\uFFFD" || s.ConnectionTags["k\uFFFD"] != "v\uFFFD" || s.Verb != "future" {
		t.Errorf("got %+v", s)
	}
}

// At most one row and what the decoder reads ahead is in memory, however long the body is.
func TestDecodePageForgetsRows(t *testing.T) {
	const rows = maxRows
	row := aRow("metadata", `"`+strings.Repeat("m", 2000)+`"`)
	var page SessionPage
	r := newRowReader(strings.NewReader("["+strings.Repeat(row+",", rows-1)+row+"]"), 0, &page)
	if err := r.readAll(); err != nil || page.Rows != rows {
		t.Fatal(err, page.Rows)
	}
	if size := cap(r.text.buf); size > 32*len(row) {
		t.Errorf("after %d rows of %d bytes each, %d bytes of text are kept", rows, len(row), size)
	}
}

// Times are decoded and encoded. An absent time is null, zero or "".
func TestTimesGoBothWays(t *testing.T) {
	for text, want := range map[string]string{
		`null`: `null`, `""`: `null`, `"0001-01-01T00:00:00Z"`: `null`,
		`"2026-08-01T10:00:00.1234Z"`:       `"2026-08-01T10:00:00.1234Z"`,
		`"2026-08-01T10:00:00+02:00"`:       `"2026-08-01T08:00:00Z"`,
		`"9999-12-31T23:59:59.999999Z"`:     `"9999-12-31T23:59:59.999999Z"`,
		`"9999-12-31T23:59:59.999999-1:00"`: ``,
		`"9999-12-31T23:59:59-01:00"`:       ``,
		`"0000-12-31T23:00:00Z"`:            ``,
		`"2026-08-01"`:                      ``,
		`7`:                                 ``,
	} {
		var m Time
		err := json.Unmarshal([]byte(text), &m)
		if (err == nil) != (want != "") {
			t.Errorf("%s: error %v", text, err)
			continue
		}
		if err != nil {
			continue
		}
		if got, err := json.Marshal(m); err != nil || string(got) != want || m.Location() != time.UTC {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
}
