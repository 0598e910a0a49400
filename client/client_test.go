package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestNewFindsTheAPI(t *testing.T) {
	for base, want := range map[string]string{
		"https://hoop.example.com":              "https://hoop.example.com/api",
		"https://hoop.example.com/":             "https://hoop.example.com/api",
		"https://hoop.example.com/api":          "https://hoop.example.com/api",
		"https://hoop.example.com/api/":         "https://hoop.example.com/api",
		"https://hoop.example.com/api//":        "https://hoop.example.com/api",
		"https://hoop.example.com/hoop":         "https://hoop.example.com/hoop/api",
		"https://hoop.example.com/hoop/":        "https://hoop.example.com/hoop/api",
		"https://hoop.example.com/hoop/api":     "https://hoop.example.com/hoop/api",
		"https://hoop.example.com/myapi":        "https://hoop.example.com/myapi/api",
		"https://hoop.example.com/a%2Fb":        "https://hoop.example.com/a%2Fb/api",
		"http://127.0.0.1:8009":                 "http://127.0.0.1:8009/api",
		"http://[::1]:8009/":                    "http://[::1]:8009/api",
		"  https://hoop.example.com \n":         "https://hoop.example.com/api",
		"HTTPS://hoop.example.com":              "https://hoop.example.com/api",
		"https://hoop.example.com/../x/./hoop/": "https://hoop.example.com/x/hoop/api",
	} {
		c, err := New(base, nil)
		if err != nil {
			t.Errorf("%s: %v", base, err)
			continue
		}
		if got := c.URL(); got != want {
			t.Errorf("%s: base is %s, want %s", base, got, want)
		}
	}
}

func TestNewRefusesWhatIsNotTheURLOfAGateway(t *testing.T) {
	for base, reason := range map[string]string{
		"":                                     "scheme",
		"hoop.example.com":                     "scheme",
		"hoop.example.com:8009":                "scheme",
		"grpc://hoop.example.com":              "scheme",
		"file:///etc/passwd":                   "scheme",
		"https://":                             "host",
		"https:///api":                         "host",
		"https://:8009":                        "host",
		"https://u:hunter2@hoop.example.com":   "user or password",
		"https://hunter2@hoop.example.com/api": "user or password",
		"https://hoop.example.com?t=hunter2":   "query",
		"https://hoop.example.com/api?":        "query",
		"https://hoop.example.com/#hunter2":    "fragment",
		"https://u:hunter2@hoop:x%zz/":         "parsed",
		"https://u:hun ter2@hoop/":             "parsed",
	} {
		_, err := New(base, nil)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: error %v, want one about the %s", base, err, reason)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error contains the secret: %v", base, err)
		}
	}
}

func TestListSessionsSendsItsOptions(t *testing.T) {
	zone := time.FixedZone("", -3*3600)
	tests := map[string]struct {
		options ListOptions
		want    string
	}{
		"nothing": {ListOptions{}, ""},
		"everything": {
			ListOptions{
				Filters:      Filters{User: "user-1", Connection: `pg\_%`, Type: "database", ReviewApprover: "a+b@example.com"},
				ReviewStatus: ReviewPending,
				Start:        time.Date(2026, 8, 1, 7, 0, 0, 999, zone), End: time.Date(2026, 8, 1, 8, 0, 0, 1, zone),
				Limit: 100, Offset: 300, Count: CountNone,
			},
			"connection=pg%5C_%25&count=none&end_date=2026-08-01T11%3A00%3A01Z&limit=100&offset=300&review.approver=a%2Bb%40example.com" +
				"&review.status=PENDING&start_date=2026-08-01T10%3A00%3A00Z&type=database&user=user-1",
		},
		"whole seconds stay": {
			ListOptions{Start: at(0), End: at(1000), Count: CountExact},
			"count=exact&end_date=2026-08-01T10%3A00%3A01Z&start_date=2026-08-01T10%3A00%3A00Z",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				answer(w, 200, emptyPage)
			}, WithUserAgent("test/1"), WithAPIKey(func() (string, error) { return " org|key\n", nil }))
			if _, err := c.ListSessions(context.Background(), tt.options); err != nil {
				t.Fatal(err)
			}
			if got.Method != "GET" || got.URL.Path != "/api/sessions" || got.URL.RawQuery != tt.want {
				t.Errorf("got  %s %s\nwant GET /api/sessions?%s", got.Method, got.URL, tt.want)
			}
			for header, want := range map[string]string{
				"Accept": "application/json", "User-Agent": "test/1", "Api-Key": "org|key", "Authorization": ""} {
				if v := got.Header.Get(header); v != want {
					t.Errorf("header %s is %q, want %q", header, v, want)
				}
			}
		})
	}
}

func TestListSessionsRefusesWhatGatewaysMisunderstand(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	for name, o := range map[string]ListOptions{
		"negative limit":      {Limit: -1},
		"negative offset":     {Offset: -1},
		"unknown count":       {Count: "maybe"},
		"end without start":   {End: at(0)},
		"start after 9999":    {Start: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"end rounds to 10000": {Start: at(0), End: time.Date(9999, 12, 31, 23, 59, 59, 1, time.UTC)},
	} {
		if _, err := c.ListSessions(context.Background(), o); err == nil || !strings.HasPrefix(err.Error(), "list sessions: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestEscapeLikeEscapesEveryWildcard(t *testing.T) {
	for s, want := range map[string]string{"": "", "pg-demo": "pg-demo", "a_b%c": `a\_b\%c`, `a\b`: `a\\b`, `\_`: `\\\_`} {
		got := Filters{Connection: s, Type: s, User: s, ReviewApprover: s}.Literal()
		if want := (Filters{Connection: want, Type: want, User: want, ReviewApprover: s}); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestDateAndVersionAreReadFromHeaders(t *testing.T) {
	tests := map[string]struct {
		date, server string
		want         ResponseInfo
	}{
		"both": {"Sat, 01 Aug 2026 10:00:00 GMT", "hoopgateway/1.49.10",
			ResponseInfo{Date: fakeEpoch, Version: "1.49.10", Bytes: int64(len(emptyPage))}},
		"a proxy's server":   {"Sat, 01 Aug 2026 10:00:00 GMT", "nginx/1.27", ResponseInfo{Date: fakeEpoch, Bytes: int64(len(emptyPage))}},
		"server with more":   {"", "hoopgateway/1.148.0 (linux)", ResponseInfo{Version: "1.148.0", Bytes: int64(len(emptyPage))}},
		"a date in no form":  {"yesterday", "", ResponseInfo{Bytes: int64(len(emptyPage))}},
		"an endless version": {"", "hoopgateway/" + strings.Repeat("9", 1000), ResponseInfo{Version: strings.Repeat("9", 64), Bytes: int64(len(emptyPage))}},
		"an odd version":     {"", "hoopgateway/1.\xff\x01", ResponseInfo{Version: "1.\uFFFD", Bytes: int64(len(emptyPage))}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := New("http://gateway", &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
				return &http.Response{
					StatusCode: 200, Body: io.NopCloser(strings.NewReader(emptyPage)),
					Header: http.Header{"Date": {tt.date}, "Server": {tt.server}},
				}, nil
			})})
			if err != nil {
				t.Fatal(err)
			}
			p, err := c.ListSessions(context.Background(), ListOptions{})
			if err != nil || p.ResponseInfo != tt.want || (!p.Date.IsZero() && p.Date.Location() != time.UTC) {
				t.Errorf("got %+v, %v, want %+v", p.ResponseInfo, err, tt.want)
			}
		})
	}
}

func TestGetSessionReadsOneRow(t *testing.T) {
	row := `{"id":"a/b","connection":"pg","start_date":"2026-08-01T10:00:00Z","event_stream":[[1,"o","eA=="]],"script":{"data":"select"}}`
	tests := map[string]struct {
		id, path    string
		code        int
		contentType string
		body        string
		rows, bad   int
		err         error
	}{
		"found":                 {"a/b", "/api/sessions/a%2Fb", 200, "application/json", row, 1, 0, nil},
		"an id in another case": {"A/B", "/api/sessions/A%2FB", 200, "application/json", row, 1, 0, nil},
		"not there":             {"s1", "/api/sessions/s1", 404, "application/json", `{"message":"not found"}`, 0, 0, nil},
		"not there, says a proxy": {"s1", "/api/sessions/s1", 404, "text/html", `<html>404</html>`, 0, 0,
			&StatusError{}},
		"malformed":       {"s1", "/api/sessions/s1", 200, "application/json", `{"id":"s1","exit_code":"0"}`, 1, 1, nil},
		"no session":      {"s1", "/api/sessions/s1", 200, "application/json", `{"message":"hello"}`, 1, 1, nil},
		"another session": {"s1", "/api/sessions/s1", 200, "application/json", row, 0, 0, ErrMalformed},
		"cut off":         {"s1", "/api/sessions/s1", 200, "application/json", row[:40], 0, 0, ErrMalformed},
		"two of them":     {"a/b", "/api/sessions/a%2Fb", 200, "application/json", row + row, 0, 0, ErrMalformed},
		"a web page":      {"s1", "/api/sessions/s1", 200, "text/html", `<!DOCTYPE html>`, 0, 0, ErrNotJSON},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.URL.EscapedPath() + "?" + r.URL.RawQuery; got != tt.path+"?expand=none" {
					t.Errorf("requested %s", got)
				}
				w.Header().Set("Content-Type", tt.contentType)
				w.Header().Set("Server", "hoopgateway/1.49.10")
				w.WriteHeader(tt.code)
				_, _ = w.Write([]byte(tt.body))
			})
			p, err := c.GetSession(context.Background(), tt.id)
			if tt.err != nil {
				var status *StatusError
				if !errors.Is(err, tt.err) && !errors.As(err, &status) || p != nil {
					t.Errorf("error %v, want %v", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.Rows != tt.rows || len(p.Malformed) != tt.bad || len(p.Sessions) != tt.rows-tt.bad {
				t.Errorf("page %+v", p)
			}
			if p.Date.IsZero() || p.Version != "1.49.10" || p.Bytes != int64(len(tt.body)) {
				t.Errorf("answer %+v", p.ResponseInfo)
			}
			for _, m := range p.Malformed {
				if m.ID != tt.id {
					t.Errorf("malformed row has id %q", m.ID)
				}
			}
		})
	}
}

func TestGetSessionRefusesIDsThatAreOtherPaths(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	for _, id := range []string{"", ".", ".."} {
		if _, err := c.GetSession(context.Background(), id); err == nil {
			t.Errorf("id %q was taken", id)
		}
	}
}

func TestOnlyAdminsAndAuditorsSeeAllSessions(t *testing.T) {
	for body, sees := range map[string]bool{
		`{"id":"u","role":"admin"}`:    true,
		`{"id":"u","role":"auditor"}`:  true,
		`{"id":"u","role":"standard"}`: false,
		`{"id":"u","groups":null}`:     false,
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/userinfo" {
				t.Errorf("requested %s", r.URL)
			}
			answer(w, 200, body)
		})
		if u, a, err := c.UserInfo(context.Background()); err != nil || u.SeesAllSessions() != sees || a.Date.IsZero() {
			t.Errorf("%s: %+v, %+v, %v", body, u, a, err)
		}
	}
	for _, body := range []string{`{}`, `{"id":7}`, `{"id":"u"}{}`, `{"id":"u"`} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, body) })
		if _, _, err := c.UserInfo(context.Background()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v", body, err)
		}
	}
}

// Every answer, successful or not, is read to its end, so that the network connection can be reused.
func TestConnectionsAreReused(t *testing.T) {
	bodies := []struct {
		code int
		body string
	}{{200, emptyPage}, {500, `{"message":"trouble"}`}, {404, `{"message":"not found"}`}, {200, emptyPage + "  \n"}, {401, ""}, {200, emptyPage}}
	n := 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, bodies[n].code, bodies[n].body) })
	read := watchBodies(c)
	for n = range bodies {
		_, err := c.ListSessions(context.Background(), ListOptions{})
		if (err == nil) != (bodies[n].code == 200) {
			t.Fatalf("request %d: %v", n, err)
		}
	}
	read.wantAllReadToTheEnd(t)
}

// A page without rows that says of itself that there are some is a failed request, for every list.
func TestAPageThatContradictsItselfIsAFailedRequest(t *testing.T) {
	for body, says := range map[string]string{
		`{"data":[],"has_next_page":true,"total":57}`:    "it has no sessions, but has_next_page says that more follow",
		`{"data":null,"has_next_page":1}`:                "it has no sessions, but has_next_page says that more follow",
		`{"data":[],"has_next_page":false,"total":57}`:   "it has no sessions, but total is 57",
		`{"data":null,"total":"57"}`:                     "it has no sessions, but total is 57",
		`{"data":[],"total":10000,"total_is_capped":1}`:  "it has no sessions, but total is 10000",
		`{"data":[],"has_next_page":false,"total":0}`:    "",
		`{"data":[],"total":0}`:                          "",
		`{"data":[],"has_next_page":false}`:              "",
		`{"data":[],"total":null}`:                       "it has no sessions, and neither has_next_page nor total says that there are none",
		`{"data":null,"errors":[{"message":"timeout"}]}`: "it has no sessions, and neither has_next_page nor total says that there are none",
		`{"data":[],"has_next_page":"yes"}`:              "it has no sessions, but has_next_page says that more follow",
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, body) })
		page, err := c.ListSessions(context.Background(), ListOptions{Limit: 100})
		if says == "" {
			if err != nil || page.Rows != 0 {
				t.Errorf("%s: %+v, %v", body, page, err)
			}
			continue
		}
		checkError(t, err, "malformed", ErrMalformed, says)
		_, err = c.ListSessions(context.Background(), ListOptions{Limit: 100, ReviewStatus: ReviewPending})
		checkError(t, err, "malformed", ErrMalformed, says)
	}
}
