package gatewaytest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// get sends a request with a client and reads the answer to its end.
func get(ctx context.Context, c *http.Client, url string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer token")
	res, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

const sessionsURL = "http://gateway.test/api/sessions"

func flat(d time.Duration) func(Request) time.Duration {
	return func(Request) time.Duration { return d }
}

func TestCostIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Cost: flat(3 * time.Second)})
		from := time.Now()
		a := send(t, g, "/api/sessions")
		if took := time.Since(from); took != 3*time.Second {
			t.Errorf("took %v, want 3s", took)
		}
		if want := from.Add(3 * time.Second).UTC().Format(http.TimeFormat); a.header.Get("Date") != want {
			t.Errorf("Date %s is not when the answer was given, %s", a.header.Get("Date"), want)
		}
		if s := g.Stats(); s.Busy != 3*time.Second || s.InFlight != 0 || s.MaxInFlight != 1 {
			t.Errorf("busy %v, in flight %d, at most %d", s.Busy, s.InFlight, s.MaxInFlight)
		}
	})
}

// TestAnswerIsFromBeforeTheCost tests that an answer has the state from when the request arrived.
func TestAnswerIsFromBeforeTheCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Cost: flat(3 * time.Second)})
		g.Add(Row{ID: "early"})
		go func() {
			time.Sleep(time.Second)
			g.Add(Row{ID: "meanwhile"})
			g.Update("early", func(r *Row) { r.Status = "done" })
		}()
		p := list(t, g)
		if len(p.Data) != 1 || p.Data[0].Status != "open" {
			t.Errorf("got %+v, want one session that is open", p.Data)
		}
	})
}

func TestTheGatewayWorksOnWhenTheClientGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Cost: flat(10 * time.Second)})
		g.Add(Row{ID: "open"})
		c := &http.Client{Transport: g.Transport()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		from := time.Now()
		_, _, err := get(ctx, c, sessionsURL)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(from) != time.Second {
			t.Fatalf("got %v after %v, want a deadline after 1s", err, time.Since(from))
		}
		if s := g.Stats(); s.InFlight != 1 || s.Busy != 0 {
			t.Errorf("in flight %d, busy %v: the gateway stopped working", s.InFlight, s.Busy)
		}
		go func() { _, _, _ = get(t.Context(), c, sessionsURL) }()
		time.Sleep(20 * time.Second)
		s := g.Stats()
		if s.InFlight != 0 || s.Busy != 20*time.Second || s.MaxInFlight != 2 || s.Overlapping != 1 || s.Abandoned != 1 {
			t.Errorf("got %+v, want two requests in full, one of them abandoned, one overlapping", s)
		}
		if s.Rows != 1 {
			t.Errorf("%d rows delivered, want only those of the second", s.Rows)
		}
	})
}

func TestACanceledRequestIsNotCounted(t *testing.T) {
	g := New(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := get(ctx, &http.Client{Transport: g.Transport()}, sessionsURL); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if n := g.Stats().Requests[PathSessions]; n != 0 {
		t.Errorf("%d requests reached the gateway", n)
	}
}

// TestAFaultReplacesTheAnswer tests faults over the transport and over a real connection.
func TestAFaultReplacesTheAnswer(t *testing.T) {
	half := func(g func() *Gateway) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			g().Normal().ServeHTTP(rec, r)
			w.Header().Set("Content-Length", rec.Header().Get("Content-Length"))
			_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
		})
	}
	abort := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	var g *Gateway
	tests := []struct {
		name  string
		fault http.Handler
		code  int
		body  string
		err   bool
	}{
		{"as usual", nil, 200, `{"data":[],"total":0,"has_next_page":false}`, false},
		{"403", Fail(http.StatusForbidden, "forbidden"), 403, `{"message":"forbidden"}`, false},
		{"500", Fail(http.StatusInternalServerError, `it "broke"`), 500, `{"message":"it \"broke\""}`, false},
		{"garbage", Spoil(http.StatusOK, "application/json", []byte("{]")), 200, "{]", false},
		{"half a page", half(func() *Gateway { return g }), 200, "", true},
		{"cut off", abort, 0, "", true},
	}
	for _, test := range tests {
		for _, way := range []string{"transport", "connection"} {
			t.Run(test.name+" by "+way, func(t *testing.T) {
				g = New(Config{Fault: func(*http.Request) http.Handler { return test.fault }})
				c, url := &http.Client{Transport: g.Transport()}, sessionsURL
				if way == "connection" {
					s := httptest.NewServer(g)
					defer s.Close()
					c, url = s.Client(), s.URL+"/api/sessions"
				}
				code, body, err := get(t.Context(), c, url)
				if (err != nil) != test.err || code != test.code {
					t.Fatalf("got %d, %v, want %d, error %v", code, err, test.code, test.err)
				}
				if err == nil && string(body) != test.body {
					t.Errorf("got %s, want %s", body, test.body)
				}
				s := g.Stats()
				if test.code >= 400 && s.Errors[test.code] != 1 || s.InFlight != 0 {
					t.Errorf("errors %v, in flight %d", s.Errors, s.InFlight)
				}
			})
		}
	}
}

func TestAFaultMayHangInTheMiddleOfAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Fault: func(*http.Request) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`{"data":[`))
				time.Sleep(time.Minute)
			})
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		code, body, err := get(ctx, &http.Client{Transport: g.Transport()}, sessionsURL)
		if !errors.Is(err, context.DeadlineExceeded) || code != http.StatusOK || string(body) != `{"data":[` {
			t.Errorf("got %d %s %v, want the beginning of a 200 and a deadline", code, body, err)
		}
		time.Sleep(time.Minute)
		if s := g.Stats(); s.InFlight != 0 || s.Busy != time.Minute {
			t.Errorf("in flight %d, busy %v, want 0 and the whole minute", s.InFlight, s.Busy)
		}
	})
}

// TestTransportIsTheHandler compares the transport with a real server.
func TestTransportIsTheHandler(t *testing.T) {
	c := noon()
	g := New(Config{Now: c.now, Dialect: New2026})
	g.AddHistory(500, c.t.Add(-time.Hour), c.t, HistoryOptions{})
	s := httptest.NewServer(g)
	defer s.Close()
	for _, path := range []string{"/api/sessions?limit=100", "/api/sessions?limit=0", "/api/userinfo", "/other"} {
		code, body, err := get(t.Context(), &http.Client{Transport: g.Transport()}, "http://gateway.test"+path)
		if err != nil {
			t.Fatal(err)
		}
		realCode, realBody, err := get(t.Context(), s.Client(), s.URL+path)
		if err != nil {
			t.Fatal(err)
		}
		if code != realCode || !bytes.Equal(body, realBody) {
			t.Errorf("%s: %d %s\nover a connection %d %s", path, code, body, realCode, realBody)
		}
	}
}

// TestEverythingMayBeUsedAtOnce uses everything from several goroutines, for the race detector.
func TestEverythingMayBeUsedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Life: DefaultLife(), Seed: 2, Cost: flat(time.Millisecond)})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				c := &http.Client{Transport: g.Transport()}
				for range 20 {
					if code, _, err := get(t.Context(), c, sessionsURL); err != nil || code != http.StatusOK {
						t.Errorf("%d, %v", code, err)
					}
					switch i {
					case 0:
						g.Truth(TruthOptions{T0: time.Now()})
					case 1:
						g.AddHistory(10, time.Now(), time.Now(), HistoryOptions{})
					case 2:
						g.Update(g.Add(Row{}), func(r *Row) { r.Status = "done" })
					}
					time.Sleep(time.Minute)
				}
			})
		}
		wg.Wait()
		if n := g.Stats().Requests[PathSessions]; n != 160 {
			t.Errorf("%d requests, want 160", n)
		}
	})
}

func TestStatsCountRequestsByKind(t *testing.T) {
	c := noon()
	g := New(Config{Now: c.now, Dialect: New2026})
	g.AddHistory(30, c.t.Add(-time.Hour), c.t, HistoryOptions{Unfinished: 2, Pending: 2})
	window := []string{"start_date", "2026-11-23T00:00:00Z", "end_date", "2026-11-24T00:00:00Z"}
	list(t, g)
	list(t, g, window...)
	list(t, g, "review.status", "PENDING")
	list(t, g, append(window, "review.status", "PENDING", "connection", "%")...)
	send(t, g, "/api/sessions?limit=0")
	send(t, g, "/api/userinfo")
	send(t, g, "/api/sessions/none")
	send(t, g, "/")
	s := g.Stats()
	for _, kind := range []string{QueryNewest, QueryWindow, QueryStatus, QueryStatusWindow} {
		if s.Queries[kind] != 1 {
			t.Errorf("%d queries of kind %s, want 1", s.Queries[kind], kind)
		}
	}
	if s.Requests[PathSessions] != 5 || s.Requests[PathUserinfo] != 1 || s.Requests[PathSession] != 1 || s.Requests[PathOther] != 1 {
		t.Errorf("requests %v", s.Requests)
	}
	if s.Errors[422] != 1 || s.Errors[404] != 1 || s.Rows != 20+20+2+2 || s.Overlapping != 0 {
		t.Errorf("errors %v, rows %d, overlapping %d", s.Errors, s.Rows, s.Overlapping)
	}
}
