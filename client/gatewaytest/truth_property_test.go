package gatewaytest

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTruthNeverFalls plays life with occasional requests and tests that no counter falls, also if sessions are forgotten.
func TestTruthNeverFalls(t *testing.T) {
	each(t, func(outer *testing.T, d Dialect) {
		rapid.Check(outer, func(t *rapid.T) {
			l := DefaultLife()
			l.Rate, l.VeryLateMax, l.Connections, l.BurstSize = 0.05, 20*time.Minute, Connections(1), 0
			everything := rapid.Bool().Draw(t, "everything")
			if everything {
				l.Revoked, l.Overturned = 0, 0 // a decision that nobody received can change
			}
			g, c := newLife(d, rapid.Uint64().Draw(t, "seed"), l)
			c.sleep(90 * time.Minute)
			o := TruthOptions{
				T0: c.t, Lookback: time.Hour, AllowedLateness: 15 * time.Minute,
				ForgetAfter: rapid.SampledFrom([]time.Duration{0, 90 * time.Minute, 3 * time.Hour}).Draw(t, "forget after"),
				Everything:  everything,
			}
			last := g.Truth(o).Samples
			for range rapid.IntRange(1, 6).Draw(t, "steps") {
				c.sleep(time.Duration(rapid.IntRange(1, 1800).Draw(t, "seconds")) * time.Second)
				if rapid.Bool().Draw(t, "look") {
					list(outer, g, "limit", "100")
					list(outer, g, "limit", "100", "review.status", pending)
				}
				now := g.Truth(o).Samples
				for k, v := range last {
					if isCounter(k) && now[k] < v {
						t.Fatalf("%s falls from %v to %v", k, v, now[k])
					}
				}
				last = now
			}
		})
	})
}

// isCounter reports whether a series is a counter or belongs to a histogram.
func isCounter(series string) bool {
	name, _, _ := strings.Cut(series, "{")
	for _, suffix := range []string{"_total", "_count", "_sum", "_bucket"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// TestTruthAddsUp compares the totals of eight hours with the single sessions. None of them is forgotten or too late.
func TestTruthAddsUp(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		g, c := newLife(d, 4, DefaultLife())
		o := TruthOptions{T0: c.t, Lookback: time.Hour, AllowedLateness: 15 * time.Minute}
		c.sleep(8 * time.Hour)
		want := map[string]float64{}
		for _, r := range g.Rows() {
			want["hoop_sessions_started_total"]++
			v := r.Review
			over := r.Status == "done"
			if v != nil {
				want["hoop_reviews_requested_total"]++
				over = v.Status != pending && (over || v.Status == rejected || v.Status == revoked || v.Status == expired)
			}
			if over {
				want["hoop_sessions_finished_total"]++
			} else {
				want["hoop_open_sessions"]++
			}
			if over && (v == nil || v.Status != rejected) {
				want["hoop_session_exit_codes_total"]++
			}
			undecided := v != nil && (v.Status == pending || v.RevokeAt.IsZero() && (v.Status == expired || v.Status == escalated))
			if v != nil && !undecided {
				want["hoop_review_wait_seconds_count"]++
			}
		}
		truth := g.Truth(o)
		want["hoop_review_wait_seconds_count"] -= float64(truth.Unobserved["hoop_review_wait_seconds"])
		got := map[string]float64{}
		for k, v := range truth.Samples {
			name, _, _ := strings.Cut(k, "{")
			got[name] += v
		}
		for name, n := range want {
			if got[name] != n {
				t.Errorf("%s is %v in all, want %v", name, got[name], n)
			}
		}
		if reviews := got["hoop_reviews_resolved_total"] + got["hoop_open_reviews"]; reviews != want["hoop_reviews_requested_total"] {
			t.Errorf("%v reviews resolved or open, %v requested", reviews, want["hoop_reviews_requested_total"])
		}
	})
}
