package planner

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
)

// oldPendingEvery is how often reviews that were asked for before the lookback are read: nothing expires a review.
const oldPendingEvery = time.Hour

// pending keeps the list of pending reviews: its newest page at every refresh, more only where the gateway's total differs from
// what is known.
type pending struct {
	p      *Planner
	recent *list // asked for within the lookback
	old    *list // before
	read   bool  // this refresh has its first page
}

func newPending(p *Planner) *pending {
	lookback, forget := p.o.Ledger.Lookback, p.o.Ledger.ForgetAfter
	return &pending{
		p: p,
		recent: &list{p: p, window: func(now time.Time) (from, to time.Time) {
			return now.Add(-min(lookback, forget)), now.Add(ahead)
		}},
		old: &list{p: p, none: forget <= lookback, window: func(now time.Time) (from, to time.Time) {
			return now.Add(-forget), now.Add(-lookback)
		}},
	}
}

func (d *pending) startRefresh() { d.read = false }

// pendingPage is the part that asks for the newest page of pending reviews: once in every refresh.
type pendingPage struct{ *pending }

func (d pendingPage) class() (budget.Kind, retryGroup) { return budget.Pending, pendingPageGroup }

func (d pendingPage) next(now time.Time) (Request, bool) {
	if d.read {
		return Request{}, false
	}
	return d.recent.newestPage(now), true
}

func (d pendingPage) accept(r Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	d.read = true
	return d.acceptPage(d.recent, r, page, at)
}

// pendingRest is the part that goes on from there.
type pendingRest struct{ *pending }

func (d pendingRest) class() (budget.Kind, retryGroup) { return budget.Pending, pendingRestGroup }

func (d pendingRest) next(time.Time) (Request, bool) {
	if !d.read {
		return Request{}, false
	}
	return d.recent.more()
}

func (d pendingRest) accept(r Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	return d.acceptPage(d.recent, r, page, at)
}

// oldPendingPage is the part that asks for the reviews that have been pending since before the lookback: rarely, and at the
// expense of the read-back, so that it keeps nothing else from its turn.
type oldPendingPage struct{ *pending }

func (d oldPendingPage) class() (budget.Kind, retryGroup) { return budget.Backfill, oldPendingGroup }

func (d oldPendingPage) next(now time.Time) (Request, bool) {
	if !d.recent.complete || d.old.none || d.old.active || !d.old.began.IsZero() && now.Sub(d.old.began) < oldPendingEvery {
		return Request{}, false
	}
	return d.old.newestPage(now), true
}

func (d oldPendingPage) accept(r Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	d.old.began = at
	return d.acceptPage(d.old, r, page, at)
}

// oldPendingRest is the part that goes on from there.
type oldPendingRest struct{ *pending }

func (d oldPendingRest) class() (budget.Kind, retryGroup) { return budget.Backfill, oldPendingGroup }

func (d oldPendingRest) next(time.Time) (Request, bool) { return d.old.more() }

func (d oldPendingRest) accept(r Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	return d.acceptPage(d.old, r, page, at)
}

// acceptPage gives a page to its list, and tells the ledger when both have been read to the end.
func (d *pending) acceptPage(w *list, r Request, page *client.SessionPage, at time.Time) error {
	err := w.accept(r, page, at)
	if d.recent.complete && (d.old.complete || d.old.none) {
		d.p.ledger.PendingComplete()
	}
	return err
}

// list is a walk through the pending reviews of a window, that ends as soon as the gateway's total is what is known.
type list struct {
	p      *Planner
	none   bool
	window func(now time.Time) (from, to time.Time)

	began  time.Time // when its newest page last came, where that matters
	cursor *client.Cursor
	from   time.Time
	upper  time.Time

	active   bool      // the total differs: there is more to read
	since    time.Time // when that was found
	down     time.Time // it has been read down to here since then
	wrong    bool      // the total differed after all had been read: it is no guide
	full     time.Time // when all had been read
	complete bool      // all was known once
	exact    bool
}

func (w *list) start(from, to time.Time) Request {
	count := client.Count("")
	if w.exact {
		count = client.CountExact
	}
	o := w.p.window(from, to, count)
	o.ReviewStatus = client.ReviewPending
	w.from, w.upper, w.cursor = from, to, client.NewCursor(o)
	return w.request()
}

func (w *list) request() Request {
	o, _ := w.cursor.Next()
	return Request{List: o}
}

// begin asks for the newest page.
func (w *list) newestPage(now time.Time) Request {
	from, to := w.window(now)
	return w.start(from.Truncate(time.Second), ceil(to))
}

// more goes on where the list has not been read to its end.
func (w *list) more() (Request, bool) {
	if !w.active {
		return Request{}, false
	}
	if !w.cursor.Done() && !w.cursor.ReadDownTo().After(ceil(w.down)) {
		return w.request(), true
	}
	return w.start(w.from, ceil(w.down)), true
}

func (w *list) accept(r Request, page *client.SessionPage, at time.Time) error {
	w.cursor.Advance(page)
	w.p.apply(at, page)
	w.exact = w.exact || page.TotalIsCapped
	down := w.cursor.ReadDownTo()
	if over(w.cursor) {
		down = w.from.Add(-tick)
	}
	since := at
	if w.active {
		since = w.since
	}
	w.p.ledger.PendingRead(down, w.upper, since)
	w.upper = down
	if w.active {
		w.down = earlier(w.down, down)
	}
	w.check(r, page, at, down)
	return w.cursor.Err()
}

func (w *list) check(r Request, page *client.SessionPage, at, down time.Time) {
	n, told := total(page)
	equal := told && r.List.Start.Equal(w.from) && w.p.ledger.PendingIn(r.List.Start, r.List.End) == n
	switch {
	case equal, over(w.cursor):
		w.p.ledger.ConfirmPending(r.List.Start, r.List.End, at)
		w.active, w.complete = false, true
		w.wrong = !equal && told
		if over(w.cursor) {
			w.full = at
		}
	case w.active, w.wrong && at.Sub(w.full) < w.p.o.Ledger.Overlap/2:
	default:
		w.active, w.since, w.down = true, at, down
	}
}
