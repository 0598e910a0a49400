// Package misery makes simulated gateways that go wrong, each in a way of its own, so that tests can show that nobody else suffers from them.
package misery

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// Misery is a way of going wrong.
type Misery struct {
	// Name says what goes wrong.
	Name string

	answer  func(normal http.Handler) http.HandlerFunc // nil: as usual
	cost    time.Duration                              // of a request, where it is above 0
	burst   int                                        // so many sessions start within a second, once an hour
	pending int                                        // so many reviews have been waiting from the start
}

// All are those that there are. many is how many sessions a flood has; five times as many reviews wait where that is the misery.
func All(many int) []Misery {
	return []Misery{
		{Name: "hangs for ever", answer: instead(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })},
		{Name: "answers long after the time-out", answer: func(normal http.Handler) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				sleep(r, 5*time.Minute)
				normal.ServeHTTP(w, r)
			}
		}},
		{Name: "resets the connection", answer: instead(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })},
		{Name: "cuts its answers in half", answer: half},
		{Name: "drips", answer: drip},
		{Name: "500", answer: status(http.StatusInternalServerError)},
		{Name: "401", answer: status(http.StatusUnauthorized)},
		{Name: "HTML", answer: instead(gatewaytest.Spoil(http.StatusOK, "text/html", []byte("<!doctype html><title>hoop</title>")).ServeHTTP)},
		{Name: "garbage without end", answer: instead(garbage)},
		{Name: "floods", burst: many},
		{Name: "thousands of pending reviews", pending: 5 * many},
		{Name: "ten seconds a request", cost: 10 * time.Second},
		{Name: "odd dates", answer: odd},
	}
}

// Gateway makes a gateway that goes wrong in this way, and is as cfg says but for that.
func (m Misery) Gateway(cfg gatewaytest.Config) *gatewaytest.Gateway {
	var g *gatewaytest.Gateway
	if m.answer != nil {
		h := m.answer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.Normal().ServeHTTP(w, r) }))
		cfg.Fault = func(*http.Request) http.Handler { return h }
	}
	if m.cost > 0 {
		cfg.Cost = func(gatewaytest.Request) time.Duration { return m.cost }
	}
	if m.burst > 0 {
		cfg.Life.BurstSize, cfg.Life.BurstEvery = m.burst, time.Hour
	}
	g = gatewaytest.New(cfg)
	if now := time.Now(); m.pending > 0 {
		g.AddHistory(m.pending, now.Add(-6*24*time.Hour), now.Add(-time.Minute), gatewaytest.HistoryOptions{Unfinished: m.pending, Pending: m.pending})
	}
	return g
}

func instead(h http.HandlerFunc) func(http.Handler) http.HandlerFunc {
	return func(http.Handler) http.HandlerFunc { return h }
}

func status(code int) func(http.Handler) http.HandlerFunc {
	return instead(gatewaytest.Fail(code, "simulated trouble").ServeHTTP)
}

// sleep waits, unless the client has gone before. It tells whether the client is there.
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

// usual is the usual answer, not sent yet.
func usual(normal http.Handler, w http.ResponseWriter, r *http.Request) (body []byte) {
	rec := httptest.NewRecorder()
	normal.ServeHTTP(rec, r)
	for name, values := range rec.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	return rec.Body.Bytes()
}

func half(normal http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body := usual(normal, w, r)
		_, _ = w.Write(body[:len(body)/2]) // who does not listen misses nothing
		panic(http.ErrAbortHandler)
	}
}

// drip sends a byte a second.
func drip(normal http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for b := range slices.Chunk(usual(normal, w, r), 1) {
			if _, err := w.Write(b); err != nil || http.NewResponseController(w).Flush() != nil || !sleep(r, time.Second) {
				return
			}
		}
	}
}

// garbage is a list of sessions whose first one does not end.
func garbage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"data":[{"id":"`))
	more := bytes.Repeat([]byte("hoop"), 8<<10)
	for r.Context().Err() == nil {
		if _, err := w.Write(more); err != nil {
			return
		}
	}
}

// odd tells dates that are off by up to a day, or none.
func odd(normal http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body := usual(normal, w, r)
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
