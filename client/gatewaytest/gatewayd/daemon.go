package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// daemon serves a gateway, and what tests need to know about it.
type daemon struct {
	gateway *gatewaytest.Gateway
	first   atomic.Pointer[time.Time] // the Date of the first successful answer of GET /sessions; nil: none yet
}

func newDaemon(g *gatewaytest.Gateway) http.Handler {
	d := &daemon{gateway: g}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /truth", d.truth)
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { answer(w, g.Stats()) })
	mux.HandleFunc("POST /calm", func(w http.ResponseWriter, _ *http.Request) {
		g.Calm()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("/", g.ServeHTTP)
	mux.HandleFunc("GET /api/sessions", func(w http.ResponseWriter, r *http.Request) {
		g.ServeHTTP(&firstAnswer{w, &d.first}, r)
	})
	return mux
}

// firstAnswer records the Date of the first successful answer.
type firstAnswer struct {
	http.ResponseWriter
	first *atomic.Pointer[time.Time]
}

// WriteHeader implements http.ResponseWriter.
func (w *firstAnswer) WriteHeader(code int) {
	if date, err := http.ParseTime(w.Header().Get("Date")); err == nil && code == http.StatusOK {
		w.first.CompareAndSwap(nil, &date)
	}
	w.ResponseWriter.WriteHeader(code)
}

// truth answers with a gatewaytest.Truth and its T0.
func (d *daemon) truth(w http.ResponseWriter, r *http.Request) {
	o, err := truthOptions(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if o.T0.IsZero() {
		first := d.first.Load()
		if first == nil {
			http.Error(w, "no client has requested sessions yet: set t0=", http.StatusConflict)
			return
		}
		o.T0 = *first
	}
	answer(w, struct {
		T0 time.Time
		gatewaytest.Truth
	}{o.T0, d.gateway.Truth(o)})
}

// truthOptions parses the parameters of /truth: t0 (RFC 3339; the default is the Date of the first successful answer of GET /sessions),
// lookback, overlap (the allowed lateness) and forget_after (durations, such as 168h), and the comma-separated lists long_running and
// overdue (durations, which are also the labels), event_size_buckets, duration_buckets, wait_buckets, input_size_buckets,
// group_wait_buckets, access_buckets (upper bounds) and connection_tags. everything=true adds the metrics about the protection of data and
// the decisions of groups, agents=true those about agents.
func truthOptions(q url.Values) (o gatewaytest.TruthOptions, err error) {
	known := map[string]func(string) error{
		"t0":           func(s string) (err error) { o.T0, err = time.Parse(time.RFC3339, s); return err },
		"lookback":     func(s string) (err error) { o.Lookback, err = time.ParseDuration(s); return err },
		"overlap":      func(s string) (err error) { o.AllowedLateness, err = time.ParseDuration(s); return err },
		"forget_after": func(s string) (err error) { o.ForgetAfter, err = time.ParseDuration(s); return err },
		"long_running": func(s string) (err error) {
			o.LongRunningLabels = strings.Split(s, ",")
			o.LongRunning, err = each(s, time.ParseDuration)
			return err
		},
		"overdue": func(s string) (err error) {
			o.OverdueLabels = strings.Split(s, ",")
			o.Overdue, err = each(s, time.ParseDuration)
			return err
		},
		"event_size_buckets": func(s string) (err error) { o.EventSizeBuckets, err = each(s, parseFloat); return err },
		"duration_buckets":   func(s string) (err error) { o.DurationBuckets, err = each(s, parseFloat); return err },
		"wait_buckets":       func(s string) (err error) { o.WaitBuckets, err = each(s, parseFloat); return err },
		"input_size_buckets": func(s string) (err error) { o.InputSizeBuckets, err = each(s, parseFloat); return err },
		"group_wait_buckets": func(s string) (err error) { o.GroupWaitBuckets, err = each(s, parseFloat); return err },
		"access_buckets":     func(s string) (err error) { o.AccessBuckets, err = each(s, parseFloat); return err },
		"everything":         func(s string) (err error) { o.Everything, err = strconv.ParseBool(s); return err },
		"agents":             func(s string) (err error) { o.Agents, err = strconv.ParseBool(s); return err },
		"connection_tags":    func(s string) error { o.ConnectionTags = strings.Split(s, ","); return nil },
	}
	for name, values := range q {
		read := known[name]
		if read == nil {
			return o, fmt.Errorf("unknown parameter %q", name)
		}
		if len(values) != 1 {
			return o, fmt.Errorf("%s is set %d times", name, len(values))
		}
		if err := read(values[0]); err != nil {
			return o, fmt.Errorf("%s: %w", name, err)
		}
	}
	if o.Lookback <= 0 || o.AllowedLateness <= 0 {
		return o, errors.New("lookback and overlap are required, such as lookback=168h&overlap=15m")
	}
	return o, nil
}

// each parses a comma-separated list.
func each[T any](list string, parse func(string) (T, error)) ([]T, error) {
	var out []T
	for item := range strings.SplitSeq(list, ",") {
		v, err := parse(item)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func parseFloat(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	// If the client has disconnected, there is no one to report the error to.
	_ = json.NewEncoder(w).Encode(v)
}
