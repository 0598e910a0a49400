package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Pages is the walk with requests.
func TestPages(t *testing.T) {
	l := fakeList{rows: spread(250, at(50_500), 150*time.Millisecond)}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { answer(w, 200, l.answer(t, r.URL.Query())) })
	window := ListOptions{Start: at(0), End: at(60_000), Limit: 20, Count: CountNone}
	var got []string
	for p, err := range c.Pages(context.Background(), window) {
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Sessions {
			got = append(got, s.ID)
		}
	}
	if !equalAsSets(got, ids(l.rows)) {
		t.Errorf("%d of %d sessions", len(got), len(l.rows))
	}

	l.requests = 0
	for _, err := range c.Pages(context.Background(), window) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if l.requests != 1 {
		t.Errorf("%d requests for the first page alone", l.requests)
	}
}

// answer writes a page of the list as JSON.
func (l *fakeList) answer(t *testing.T, q url.Values) string {
	var o ListOptions
	for name, to := range map[string]*time.Time{"start_date": &o.Start, "end_date": &o.End} {
		var err error
		if *to, err = time.Parse("2006-01-02T15:04:05Z", q.Get(name)); err != nil {
			t.Error(err)
		}
	}
	_, _ = fmt.Sscan(q.Get("limit"), &o.Limit)
	_, _ = fmt.Sscan(q.Get("offset"), &o.Offset)
	o.Count = Count(q.Get("count"))
	p := l.list(o)
	var rows []string
	for _, s := range p.Sessions {
		rows = append(rows, fmt.Sprintf(`{"id":%q,"connection":"c","start_date":%q}`, s.ID, s.StartDate.Format(time.RFC3339Nano)))
	}
	total := "null"
	if p.Total != nil {
		total = fmt.Sprint(*p.Total)
	}
	return fmt.Sprintf(`{"data":[%s],"total":%s,"has_next_page":%v}`, strings.Join(rows, ","), total, p.HasNextPage)
}

func TestPagesEndWithAnError(t *testing.T) {
	failing := func(after int) *Client {
		n := 0
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			if n++; n > after {
				answer(w, 500, `{"message":"trouble"}`)
				return
			}
			answer(w, 200, (&fakeList{rows: spread(250, at(50_500), 150*time.Millisecond)}).answer(t, r.URL.Query()))
		})
	}
	ignoresDates := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, `{"data":[`+aRow("start_date", `"2020-01-01T00:00:00Z"`)+`],"has_next_page":true}`)
	})
	tooDense := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("end_date") == "2026-08-01T10:00:01Z" {
			answer(w, 200, `{"data":[`+aRow()+`],"total":20000,"has_next_page":true}`)
			return
		}
		answer(w, 200, emptyPage)
	})
	window := ListOptions{Start: at(0), End: at(60_000)}
	for name, tt := range map[string]struct {
		client  *Client
		options ListOptions
		pages   int
		kind    string
	}{
		"the third request fails": {failing(2), window, 2, "status_5xx"},
		"no window":               {failing(0), ListOptions{Start: at(0)}, 0, "other"},
		"dates ignored":           {ignoresDates, window, 1, "malformed"},
		"a second too dense":      {tooDense, ListOptions{Start: at(0), End: at(1000)}, 14, "incomplete"},
	} {
		t.Run(name, func(t *testing.T) {
			pages := 0
			var last error
			for p, err := range tt.client.Pages(context.Background(), tt.options) {
				if last != nil {
					t.Fatal("it goes on after an error")
				}
				if last = err; p != nil {
					pages++
				}
			}
			if Kind(last) != tt.kind || pages != tt.pages {
				t.Errorf("%d pages, then %v (%s)", pages, last, Kind(last))
			}
		})
	}
}
