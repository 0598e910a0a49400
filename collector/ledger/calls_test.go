package ledger_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// The tests in this package state what the ledger does by its exported methods alone. All of these are called in this file.

// book is a ledger. Its times are distances from T0, which is noon; both clocks, the gateway's and the exporter's, show the same.
type book struct {
	*testing.T
	ledger *ledger.Ledger
}

type (
	target   = ledger.TargetSnapshot
	snapshot = ledger.Snapshot
	options  = ledger.Options
)

const (
	day      = 24 * time.Hour
	microsec = time.Microsecond
	lateness = 15 * time.Minute
	lookback = day
	forget   = 90 * day
)

func noon(d time.Duration) time.Time {
	return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC).Add(d)
}

func moment(d time.Duration) client.Time { return client.Time{Time: noon(d)} }

// newBook is a ledger that has read nothing yet.
func newBook(t *testing.T, change ...func(*options)) *book {
	t.Helper()
	o := options{Lookback: lookback, AllowedLateness: lateness, ForgetAfter: forget}
	for _, f := range change {
		f(&o)
	}
	return &book{t, ledger.New(o, noon(0))}
}

// readBook is a ledger that has read its whole lookback, so that what is before the watermark is closed.
func readBook(t *testing.T, change ...func(*options)) *book {
	t.Helper()
	b := newBook(t, change...)
	b.watermark(0)
	b.read(-2*lookback, microsec)
	b.ledger.EndRetention()
	return b
}

// reopen goes on with the ledger that is restored from the image of this one.
func (b *book) reopen(change ...func(*options)) {
	b.Helper()
	o := options{Lookback: lookback, AllowedLateness: lateness, ForgetAfter: forget}
	for _, f := range change {
		f(&o)
	}
	image, err := b.ledger.Image()
	if err != nil {
		b.Fatal(err)
	}
	if b.ledger, err = ledger.Restore(o, image); err != nil {
		b.Fatal(err)
	}
}

func delay(d time.Duration) func(*options) { return func(o *options) { o.FirstValueHold = d } }
func connections(n int) func(*options)     { return func(o *options) { o.MaxConnections = n } }
func tags(keys ...string) func(*options)   { return func(o *options) { o.ConnectionTags = keys } }
func after(d time.Duration) func(*options) { return func(o *options) { o.ForgetAfter = d } }

func (b *book) apply(at time.Duration, rows ...client.Session) { b.ledger.Apply(noon(at), rows) }

func (b *book) malformed(at time.Duration, rows ...client.MalformedSession) {
	b.ledger.ApplyMalformed(noon(at), rows)
}

// head says that the newest page was requested; watermark says that everything was read from the watermark up to a head.
func (b *book) head(at time.Duration)      { b.ledger.AdvanceHead(noon(at)) }
func (b *book) watermark(at time.Duration) { b.ledger.AdvanceWatermark(noon(at)) }

func (b *book) read(from, to time.Duration) {
	b.ledger.MarkRead(ledger.Span{From: noon(from), To: noon(to)})
}
func (b *book) unread(from, to time.Duration) {
	b.ledger.MarkUnread(ledger.Span{From: noon(from), To: noon(to)})
}

func (b *book) missed(id string, at time.Duration) { b.ledger.MarkMissed(id, noon(at)) }

// pendingRead says that the list of pending reviews was read from to down to from, which is not a part of it, beginning at since.
func (b *book) pendingRead(from, to, since time.Duration) {
	b.ledger.MarkPendingRead(noon(from), noon(to), noon(since))
}

func (b *book) confirmPending(from, to, at time.Duration) {
	b.ledger.ConfirmPending(noon(from), noon(to), noon(at))
}
func (b *book) allPendingRead(at time.Duration) { b.ledger.MarkPendingComplete(noon(at)) }

func (b *book) countSeen(from, to time.Duration) int { return b.ledger.CountSeen(noon(from), noon(to)) }
func (b *book) countPending(from, to time.Duration) int {
	return b.ledger.CountPending(noon(from), noon(to))
}

func (b *book) due(id string, at time.Duration) bool { return b.ledger.RecheckDue(id, noon(at)) }

// recheck is when a session should be rechecked, and when it may be at the earliest.
type recheck struct{ due, early time.Duration }

// rechecks are the ones that may be taken at a time, by id, and whether one of them is due.
func (b *book) rechecks(at time.Duration) (map[string]recheck, bool) {
	all, due := b.ledger.Rechecks(noon(at))
	out := map[string]recheck{}
	for _, r := range all {
		out[r.ID] = recheck{r.Due.Sub(noon(0)), r.Early.Sub(noon(0))}
	}
	return out, due
}

func (b *book) watermarkIs() time.Duration { return b.ledger.Watermark().Sub(noon(0)) }
func (b *book) headIs() time.Duration      { return b.ledger.Head().Sub(noon(0)) }

// gaps are the unread stretches, as text.
func (b *book) gaps() string {
	var out []string
	for _, s := range b.ledger.Unread() {
		out = append(out, fmt.Sprintf("%v to %v", s.From.Sub(noon(0)), s.To.Sub(noon(0))))
	}
	return fmt.Sprint(out)
}

// commit ends a refresh; serve says that a scraper got its snapshot.
func (b *book) commit(at time.Duration) *snapshot { return b.ledger.Finish(noon(at), noon(at)).Gauges }

func (b *book) serve(s *snapshot, at time.Duration) { b.ledger.MarkServed(s.Generation, noon(at)) }

func (b *book) zeroAt(at time.Duration) { b.ledger.SetZeroAt(noon(at)) }

// one commits and returns the only target.
func (b *book) one(at time.Duration) target {
	b.Helper()
	return b.only(b.commit(at))
}

func (b *book) only(s *snapshot) target {
	b.Helper()
	if len(s.Targets) != 1 {
		b.Fatalf("%d targets, want 1", len(s.Targets))
	}
	return s.Targets[0]
}

// want compares by what is printed.
func (b *book) want(what string, got, want any) {
	b.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		b.Errorf("%s: %s, want %s", what, g, w)
	}
}

// counts are the counters above 0, by their first label.
func counts(counters []ledger.Counter) map[string]uint64 {
	out := map[string]uint64{}
	for _, c := range counters {
		if c.Value > 0 {
			out[c.Labels[0]] += c.Value
		}
	}
	return out
}

// total is the sum of counters.
func total(counters []ledger.Counter) (n uint64) {
	for _, c := range counters {
		n += c.Value
	}
	return n
}

func labels(counters []ledger.Counter) []string {
	all := map[string]bool{}
	for _, c := range counters {
		all[c.Labels[0]] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// counter returns one counter of several.
func (b *book) counter(counters []ledger.Counter, label string) ledger.Counter {
	b.Helper()
	for _, c := range counters {
		if c.Labels[0] == label {
			return c
		}
	}
	b.Fatalf("there is no counter %q", label)
	return ledger.Counter{}
}

// since shows times as distances from noon.
func since(times ...time.Time) string {
	out := make([]string, len(times))
	for i, t := range times {
		out[i] = "never"
		if !t.IsZero() {
			out[i] = t.Sub(noon(0)).String()
		}
	}
	return fmt.Sprint(out)
}

// row is a session that runs, changed as wanted.
func row(id string, start time.Duration, change ...func(*client.Session)) client.Session {
	s := client.Session{
		ID: id, Connection: "pg", Type: "database", Verb: client.VerbExec, Status: client.StatusOpen, UserID: "u", StartDate: moment(start),
	}
	for _, f := range change {
		f(&s)
	}
	return s
}

func on(connection string) func(*client.Session) {
	return func(s *client.Session) { s.Connection = connection }
}

func verb(v string) func(*client.Session)   { return func(s *client.Session) { s.Verb = v } }
func user(id string) func(*client.Session)  { return func(s *client.Session) { s.UserID = id } }
func typed(t string) func(*client.Session)  { return func(s *client.Session) { s.Type = t } }
func status(v string) func(*client.Session) { return func(s *client.Session) { s.Status = v } }
func size(n int64) func(*client.Session)    { return func(s *client.Session) { s.EventSize = n } }

// done ends a session. undated is done without an end date.
func done(end time.Duration, exit int) func(*client.Session) {
	return func(s *client.Session) { s.Status, s.EndDate, s.ExitCode = client.StatusDone, moment(end), &exit }
}

func undated(s *client.Session) { s.Status = client.StatusDone }

// reviewed gives a session a review; its kind is client.ReviewOneTime or client.ReviewJIT.
func reviewed(kind, status string, created time.Duration, change ...func(*client.Review)) func(*client.Session) {
	return func(s *client.Session) {
		s.Review = &client.Review{ID: "r", Type: kind, Status: status, CreatedAt: moment(created)}
		for _, f := range change {
			f(s.Review)
		}
	}
}

// revokeAt is when an approval ends, or the approval itself if it is for one time.
func revokeAt(d time.Duration) func(*client.Review) {
	return func(r *client.Review) { r.RevokeAt = moment(d) }
}

func group(name, status string, at time.Duration) func(*client.Review) {
	return func(r *client.Review) {
		r.Groups = append(r.Groups, client.ReviewGroup{Group: name, Status: status, ReviewDate: moment(at)})
	}
}

// undatedGroup has no date of its decision.
func undatedGroup(name, status string) func(*client.Review) {
	return func(r *client.Review) { r.Groups = append(r.Groups, client.ReviewGroup{Group: name, Status: status}) }
}

// describe shows all numbers of a target, with what its pointers point to.
func describe(n target) string {
	text, err := json.MarshalIndent(n, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}
