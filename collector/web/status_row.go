package web

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// state is how a gateway is, for people. The order is that of the page: what needs somebody first.
type state int

const (
	down state = iota
	unheld
	stale
	limited
	starting
	up
	elsewhere
	states // how many there are
)

// Key is the word for the state in links and styles.
func (s state) Key() string {
	return [...]string{"down", "unheld", "stale", "limited", "starting", "up", "elsewhere"}[s]
}

// Text is the word for the state on the page.
func (s state) Text() string {
	return [...]string{"Down", "Not watched", "Stale", "Limited", "Starting", "Up", "Elsewhere"}[s]
}

// Alarming reports whether somebody should look.
func (s state) Alarming() bool { return s <= limited }

// expiringWithin is how long before its expiry a credential is marked.
const expiringWithin = 7 * 24 * time.Hour

// moment is a time as the page shows it: relative, shorter below a heading, and exact when the pointer is on it. The zero value is unknown.
type moment struct{ Text, Short, UTC string }

// bar is a progress bar with its text.
type bar struct {
	Percent     int
	Text, Label string
}

// row is a gateway as the page shows it.
type row struct {
	Name, Title string
	State       state
	Link        string // its own page, which can be another process's
	Metrics     string // its metrics; "" if another process has them
	Holder      string // the URL of the process that watches it; "" for this one or none
	Here        bool   // this process watches it
	Reason      string // why it is not up; "" if it is
	NextTry     string

	Refresh, Success                         moment
	RefreshNote                              string
	Open, OpenBy, Waiting, OldestWait        string
	Backfill, Budget                         bar
	BackfillNote, BudgetNote, Requests, Role string
	Version                                  string
	Backfilled, Limited, Expiring            bool
	Expiry                                   moment

	status collector.Status // what it is sorted by; zero unless Here
}

// Failing reports that the table shows the reason, too: it differs from gateway to gateway.
func (r row) Failing() bool { return r.State == down || r.State == unheld }

// Span is how many of n columns are left beside the name and the state.
func (row) Span(n int) int { return n - 2 }

// rowOf makes the row of a gateway, wherever it is watched. ok is false if the configuration no longer has it.
func rowOf(name string, locate func() (Collector, string, error), metricsPath string) (r row, ok bool) {
	r = row{Name: name, Title: name, Link: "./?" + url.Values{"gateway": {name}}.Encode()}
	if name == "" { // flags give it none
		r.Title, r.Link = "Gateway", "./"
	}
	c, at, err := locate()
	if err == nil && at == "" {
		err = c.CheckTerm()
	}
	switch {
	case errors.Is(err, fleet.ErrUnknown):
		return row{}, false
	case err != nil:
		r.State, r.Reason = unheld, sentence(err.Error())
		return r, true
	case at != "":
		r.State, r.Holder = elsewhere, strings.TrimSuffix(at, "/")
		r.Link = r.Holder + strings.TrimPrefix(r.Link, ".")
		return r, true
	}
	r.Here, r.Metrics, r.status = true, metricsPath, c.Status()
	r.show()
	return r, true
}

// show writes the status in words.
func (r *row) show() {
	s := &r.status
	r.State, r.Reason = stateOf(s)
	if s.Failed {
		r.NextTry = "Next try " + nextTry(s.NextTry, s.At) + "."
	}
	r.Refresh, r.Success = ago(s.LastRefresh, s.At), ago(s.LastSuccess, s.At)
	r.RefreshNote = "succeeded"
	switch {
	case s.LastRefresh.IsZero():
		r.Refresh.Text, r.RefreshNote = "–", "none yet"
	case s.Failed:
		r.RefreshNote = "failed"
	}
	r.Open, r.OpenBy, r.Waiting = "–", "not known", "–"
	if c := s.Counts; c != nil {
		atLeast := ""
		if !s.Backfilled {
			atLeast = "≥ "
		}
		r.Open, r.Waiting = atLeast+fmt.Sprint(c.Open()), fmt.Sprint(c.Waiting)
		r.OpenBy = fmt.Sprintf("%d running, %d pending, %d other", c.Running, c.Pending, c.Ready+c.Expired+c.Unknown)
		if c.OldestWait > 0 {
			r.OldestWait = lasting(c.OldestWait)
		}
	}
	r.showBackfill(s)
	r.Budget = bar{Percent: percent(s.Busy / s.Budget), Text: fmt.Sprintf("%d %%", percent(s.Busy/s.Budget)), Label: "Budget used"}
	r.BudgetNote = fmt.Sprintf("requests took %s of the last minutes, and may take %s", fraction(s.Busy), fraction(s.Budget))
	r.Requests = fmt.Sprintf("%.1f", s.RequestsPerMinute)
	if s.RequestsPerMinute >= 100 {
		r.Requests = fmt.Sprintf("%.0f", s.RequestsPerMinute)
	}
	r.Role, r.Limited, r.Version = short(s.Role, "–"), s.Limited, short(s.Version, "–")
	if !s.CredentialExpiry.IsZero() {
		r.Expiry, r.Expiring = until(s.CredentialExpiry, s.At), s.CredentialExpiry.Sub(s.At) < expiringWithin
	}
}

func (r *row) showBackfill(s *collector.Status) {
	done := 1 - s.Unread.Seconds()/s.Lookback.Seconds()
	r.Backfill = bar{Percent: percent(done), Text: fmt.Sprintf("%d %%", percent(done)), Label: "Backfill"}
	r.Backfilled = s.Backfilled && r.Backfill.Percent >= 99
	switch {
	case s.Backfilled && s.Unread == 0, s.Backfilled && r.Backfilled:
		r.Backfill.Percent, r.Backfill.Text, r.BackfillNote = 100, "100 %", "complete"
	case s.Backfilled:
		r.BackfillNote = lasting(s.Unread) + " of a gap are still to be read"
	default:
		r.BackfillNote = lasting(s.Unread) + " of the past " + lasting(s.Lookback) + " are still to be read; until then open sessions can be missing"
	}
}

// stateOf returns the state, and why it is not up.
func stateOf(s *collector.Status) (state, string) {
	switch {
	case !s.Attempted:
		return starting, "No refresh has ended yet."
	case s.Failed:
		return down, sentence(s.Reason)
	case s.Withheld:
		return stale, "Nothing has scraped this gateway for " + lasting(s.At.Sub(s.LastRefresh)) + ", so these numbers are old: only a scrape starts a refresh."
	case s.Limited:
		return limited, "The credential’s role sees only part of the sessions, so every number is too low."
	}
	return up, ""
}

// sentence writes an error as a sentence.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

// short returns a word from outside, cut to the room that a table has, or what is shown if there is none.
func short(word, none string) string {
	const most = 24
	if word == "" {
		return none
	}
	if utf8.RuneCountInString(word) > most {
		return string([]rune(word)[:most-1]) + "…"
	}
	return word
}

// percent is a fraction in percent between 0 and 100, rounded down so that only what is complete is 100.
func percent(f float64) int {
	if math.IsNaN(f) {
		return 0
	}
	return int(math.Floor(100*min(max(f, 0), 1) + 1e-9))
}

// fraction is a fraction of the time as people read it.
func fraction(f float64) string { return fmt.Sprintf("%.3g %%", math.Round(f*1000)/10) }

// ago is a time in the past.
func ago(t, now time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	short := lasting(now.Sub(t))
	return moment{short + " ago", short, utc(t)}
}

// until is a time that is usually in the future.
func until(t, now time.Time) moment {
	if !t.After(now) {
		past := ago(t, now)
		past.Short = past.Text
		return past
	}
	short := lasting(t.Sub(now))
	return moment{"in " + short, short, utc(t)}
}

// nextTry is when a refresh queries the gateway again.
func nextTry(t, now time.Time) string {
	if !t.After(now) {
		return "at the next scrape"
	}
	return "at the first scrape after " + t.UTC().Format("15:04:05 UTC") + ", in " + lasting(t.Sub(now))
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// lasting is a duration in its largest unit, and the next one if the first is small.
func lasting(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, u := range units[:3] {
		if d < u.size {
			continue
		}
		whole, next := d/u.size, units[i+1]
		if rest := d % u.size / next.size; rest > 0 && whole < 10 {
			return fmt.Sprintf("%d %s %d %s", whole, u.name, rest, next.name)
		}
		return fmt.Sprintf("%d %s", whole, u.name)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
