// Package scenario makes simulated gateways that fail, each in one way. Tests use them to show that one failing gateway does not affect the
// others.
package scenario

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// Scenario is one way in which a gateway can fail. The zero value is a healthy gateway.
type Scenario struct {
	// Name says what fails.
	Name string

	respond func(normal http.Handler) http.HandlerFunc // nil: the normal answer
	cost    time.Duration                              // of each request; 0: the configured cost
	burst   int                                        // sessions that start within one second, once an hour
	pending int                                        // reviews that have been pending from the start
}

// All returns all scenarios. many is the number of sessions in a burst; the scenario of pending reviews has five times as many of them.
func All(many int) []Scenario {
	return []Scenario{
		{Name: "hangs for ever", respond: always(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })},
		{Name: "answers long after the timeout", respond: func(normal http.Handler) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				sleep(r, 5*time.Minute)
				normal.ServeHTTP(w, r)
			}
		}},
		{Name: "resets the connection", respond: always(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })},
		{Name: "cuts its answers in half", respond: cutInHalf},
		{Name: "drips", respond: drip},
		{Name: "500", respond: status(http.StatusInternalServerError)},
		{Name: "401", respond: status(http.StatusUnauthorized)},
		{Name: "HTML", respond: always(gatewaytest.Spoil(http.StatusOK, "text/html", []byte("<!doctype html><title>hoop</title>")).ServeHTTP)},
		{Name: "contradicts itself", respond: always(gatewaytest.Spoil(http.StatusOK, "application/json", []byte(`{"data":[],"has_next_page":true,"total":57}`)).ServeHTTP)},
		{Name: "garbage without end", respond: always(endlessRow)},
		{Name: "floods", burst: many},
		{Name: "thousands of pending reviews", pending: 5 * many},
		{Name: "ten seconds a request", cost: 10 * time.Second},
		{Name: "odd dates", respond: oddDates},
	}
}

// Gateway returns a gateway with the configuration cfg that fails in this way.
func (s Scenario) Gateway(cfg gatewaytest.Config) *gatewaytest.Gateway {
	var g *gatewaytest.Gateway
	if s.respond != nil {
		h := s.respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.Normal().ServeHTTP(w, r) }))
		cfg.Fault = func(*http.Request) http.Handler { return h }
	}
	if s.cost > 0 {
		cfg.Cost = func(gatewaytest.Request) time.Duration { return s.cost }
	}
	if s.burst > 0 {
		cfg.Life.BurstSize, cfg.Life.BurstEvery = s.burst, time.Hour
	}
	g = gatewaytest.New(cfg)
	if now := time.Now(); s.pending > 0 {
		g.AddHistory(s.pending, now.Add(-6*24*time.Hour), now.Add(-time.Minute), gatewaytest.HistoryOptions{Unfinished: s.pending, Pending: s.pending})
	}
	return g
}

// always ignores the normal answer.
func always(h http.HandlerFunc) func(http.Handler) http.HandlerFunc {
	return func(http.Handler) http.HandlerFunc { return h }
}

func status(code int) func(http.Handler) http.HandlerFunc {
	return always(gatewaytest.Fail(code, "simulated trouble").ServeHTTP)
}

// sleep waits for d, and reports whether the client is still connected then. It returns early if the client disconnects.
func sleep(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// record sets the headers of the normal answer in w and returns its body, without sending anything.
func record(normal http.Handler, w http.ResponseWriter, r *http.Request) (body []byte) {
	rec := httptest.NewRecorder()
	normal.ServeHTTP(rec, r)
	for name, values := range rec.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	return rec.Body.Bytes()
}

// cutInHalf sends half of the normal answer, then resets the connection.
func cutInHalf(normal http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body := record(normal, w, r)
		_, _ = w.Write(body[:len(body)/2]) // a client that disconnected misses nothing
		panic(http.ErrAbortHandler)
	}
}

// drip sends the normal answer at one byte a second.
func drip(normal http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for b := range slices.Chunk(record(normal, w, r), 1) {
			if _, err := w.Write(b); err != nil || http.NewResponseController(w).Flush() != nil || !sleep(r, time.Second) {
				return
			}
		}
	}
}

// endlessRow sends a list of sessions whose first row never ends.
func endlessRow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"data":[{"id":"`))
	more := bytes.Repeat([]byte("hoop"), 8<<10)
	for r.Context().Err() == nil {
		if _, err := w.Write(more); err != nil {
			return
		}
	}
}

// oddDates sends the normal answer with a Date that is wrong by up to a day, invalid, or missing.
func oddDates(normal http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body := record(normal, w, r)
		switch off := time.Duration(rand.N(int64(48*time.Hour))) - 24*time.Hour; {
		case off > 12*time.Hour:
			w.Header()["Date"] = nil
		case off < -12*time.Hour:
			w.Header().Set("Date", "yesterday")
		default:
			w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		}
		_, _ = w.Write(body)
	}
}
