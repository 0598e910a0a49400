package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// endless is a body that starts with some text and never ends.
type endless struct {
	begin io.Reader
	read  int
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.begin.Read(p)
	if n == 0 && err != nil {
		n = copy(p, bytes.Repeat([]byte("x"), len(p)))
	}
	e.read += n
	return n, nil
}

func (e *endless) Close() error { return nil }

func (e *endless) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: e, Request: r}, nil
}

// No single value of an answer can fill the memory, even if the answer may be larger: one broken gateway must not end the process for all.
func TestAValueWithoutEndIsNotKeptInMemory(t *testing.T) {
	for name, begin := range map[string]string{
		"a row":                     `{"data":[{"id":"`,
		"a row after others":        `{"data":[` + strings.Repeat(`{"id":"6c1e5d3c-2f4a-4d7e-9b1a-000000000000"},`, 50) + `{"labels":{"a":"`,
		"a key":                     `{"`,
		"something that is skipped": `{"next":"`,
	} {
		t.Run(name, func(t *testing.T) {
			for what, request := range map[string]func(*Client) error{
				"sessions":  func(c *Client) error { _, err := c.ListSessions(t.Context(), ListOptions{}); return err },
				"user info": func(c *Client) error { _, _, err := c.UserInfo(t.Context()); return err },
				"agents":    func(c *Client) error { _, err := c.Agents(t.Context()); return err },
			} {
				body := &endless{begin: strings.NewReader(begin)}
				c, err := New("https://hoop.example", &http.Client{Transport: body}, WithAPIKey(func() (string, error) { return "k", nil }), WithMaxResponseBytes(1<<40))
				if err != nil {
					t.Fatal(err)
				}
				if err := request(c); !errors.Is(err, ErrMalformed) {
					t.Errorf("%s: %v", what, err)
				}
				if body.read > 4*maxRowBytes {
					t.Errorf("%s: %d bytes were read", what, body.read)
				}
			}
		})
	}
}

// An entry costs more memory than text, so the entries of a row are counted while they are read: a row of 15 MB has millions of them.
func TestEntriesBeyondTheBoundAreNotKeptInMemory(t *testing.T) {
	const entries = 1_000_000
	object := func(value string) string {
		var b strings.Builder
		for i := range entries {
			_, _ = fmt.Fprintf(&b, `"%x":%s,`, i, value)
		}
		return "{" + strings.TrimSuffix(b.String(), ",") + "}"
	}
	for field, value := range map[string]string{
		"review.review_groups_data":       `{"review_groups_data":[` + strings.Repeat(`{},`, 4*entries) + `{}]}`,
		"connection_tags":                 object(`""`),
		"metrics.data_masking.info_types": `{"data_masking":{"info_types":` + object(`1`) + `}}`,
	} {
		t.Run(field, func(t *testing.T) {
			name, _, _ := strings.Cut(field, ".")
			body := strings.NewReader(`{"data":[` + aRow("verb", `"exec"`, name, value) + `],"has_next_page":false}`)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var page SessionPage
			if err := decodePage(body, 1, &page); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 8*maxRowBytes {
				t.Errorf("%d MB were allocated", used>>20)
			}
			if len(page.Sessions) != 1 || page.Sessions[0].Verb != VerbExec {
				t.Fatalf("the row is not there: %+v", page.Malformed)
			}
			if f := page.MalformedFields; len(f) != 1 || f[0].Name != field || f[0].Count != 1 {
				t.Errorf("got %+v, want the field once", f)
			}
		})
	}
}

// A long row is read field by field, and gives the same: as many entries as there may be, and an error for the page if it is not JSON.
func TestLongRowsAreReadLikeOthers(t *testing.T) {
	padding := `"` + strings.Repeat("x", maxWholeRow) + `"`
	object := func(n int, value string) string {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"k%d":%s`, i, value))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	for _, n := range []int{maxItems, maxItems + 1} {
		want := n % (maxItems + 1)
		s, unusable := decodeRow(t, aRow("labels", padding, "connection_tags", object(n, `"v"`), "metrics", `{"data_masking":{"info_types":`+object(n, `1`)+`}}`,
			"review", `{"review_groups_data":[`+strings.TrimSuffix(strings.Repeat(`{"group":"sre"},`, n), ",")+`]}`))
		if len(s.ConnectionTags) != want || len(s.Metrics.Masking.InfoTypes) != want || len(s.Review.Groups) != want || (unusable == "") != (want == maxItems) {
			t.Errorf("%d entries: %d tags, %d types, %d groups, not used: %s", n, len(s.ConnectionTags), len(s.Metrics.Masking.InfoTypes), len(s.Review.Groups), unusable)
		}
	}
	var page SessionPage
	if err := decodePage(strings.NewReader(`{"data":[`+aRow("labels", padding, "verb", `nul`)+`]}`), 0, &page); !errors.Is(err, ErrMalformed) || len(page.Malformed) > 0 {
		t.Errorf("a long row that is not JSON: %v, %+v", err, page.Malformed)
	}
}
