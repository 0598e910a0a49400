package planner

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

const (
	// oldPendingEvery is how often the old list of pending reviews is read.
	oldPendingEvery = time.Hour
	// listEvery is how often a list is read to its end even if its total is right: one review can have left it while another one, such as a
	// further review of an old session, has been added below the newest page.
	listEvery = 3 * time.Hour
)

// pending keeps the lists of pending reviews: those of sessions within the lookback, whose newest page comes with every refresh, and old
// ones, because a review can wait forever. More of a list is read only if the gateway's total differs from the number of pending reviews
// that are known.
type pending struct {
	p            *Planner
	recent       *list // within the lookback
	old          *list // before it
	oldForgotten bool  // sessions from before the lookback are forgotten
	read         bool  // this refresh has its pending page
}

func newPending(p *Planner) *pending {
	lookback, forget := p.o.Ledger.Lookback, p.o.Ledger.ForgetAfter
	return &pending{
		p: p, oldForgotten: forget <= lookback,
		recent: newList(p, func(now time.Time) (from, to time.Time) {
			return now.Add(-min(lookback, forget)), p.windowEnd(now)
		}),
		old: newList(p, func(now time.Time) (from, to time.Time) {
			return now.Add(-forget), now.Add(-lookback)
		}),
	}
}

func (d *pending) startRefresh() { d.read = false }

// acceptPage gives a page to its list, and records in the ledger up to what time both lists are known completely.
func (d *pending) acceptPage(l *list, r Request, page *client.SessionPage, at time.Time) error {
	err := l.accept(r, page, at)
	known := d.recent.known
	if !d.oldForgotten {
		known = ledger.Earlier(known, d.old.known)
	}
	if !known.IsZero() {
		d.p.ledger.MarkPendingComplete(known)
	}
	return err
}

// pendingPage is the task that requests the newest page of the recent list, once in every refresh.
type pendingPage struct{ *pending }

func (d pendingPage) class() (budget.Kind, retryGroup) { return budget.Pending, pendingPageGroup }

func (d pendingPage) next(now time.Time) (Request, bool) {
	if d.read {
		return Request{}, false
	}
	return d.recent.newestPage(now)
}

func (d pendingPage) accept(r Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	d.read = true
	return d.acceptPage(d.recent, r, page, at)
}

// pendingRest is the task that reads on below that page.
type pendingRest struct{ *pending }

func (d pendingRest) class() (budget.Kind, retryGroup) { return budget.Pending, pendingRestGroup }

func (d pendingRest) next(time.Time) (Request, bool) {
	if !d.read {
		return Request{}, false
	}
	return d.recent.rest()
}

func (d pendingRest) accept(r Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	return d.acceptPage(d.recent, r, page, at)
}

// oldPendingPage is the task that requests the newest page of the old list: once an hour, and charged to the backfill's portion, so that it
// does not delay the recent list.
type oldPendingPage struct{ *pending }

func (d oldPendingPage) class() (budget.Kind, retryGroup) { return budget.Backfill, oldPendingGroup }

func (d oldPendingPage) next(now time.Time) (Request, bool) {
	read := d.old.pageRead
	if d.recent.known.IsZero() || d.oldForgotten || d.old.scan.active || !read.IsZero() && now.Sub(read) < oldPendingEvery {
		return Request{}, false
	}
	return d.old.newestPage(now)
}

func (d oldPendingPage) accept(r Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	d.old.pageRead = at
	return d.acceptPage(d.old, r, page, at)
}

// oldPendingRest is the task that reads on below that page.
type oldPendingRest struct{ *pending }

func (d oldPendingRest) class() (budget.Kind, retryGroup) { return budget.Backfill, oldPendingGroup }

func (d oldPendingRest) next(time.Time) (Request, bool) { return d.old.rest() }

func (d oldPendingRest) accept(r Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	return d.acceptPage(d.old, r, page, at)
}

// list is the pending reviews of a window that moves with time. Its newest page comes first; the rest is read only if the gateway's total
// differs from the number that is known, and only until they are equal. Every listEvery, it is read to its end.
type list struct {
	p      *Planner
	window func(now time.Time) (from, to time.Time)
	walk   walk
	scan   scan

	pageRead time.Time // when the newest page last came; used for the old list only
	allRead  time.Time // when the list was last read to its end
	known    time.Time // all that was pending at this time is known; zero: not yet
}

func newList(p *Planner, window func(now time.Time) (from, to time.Time)) *list {
	l := &list{p: p, window: window, walk: newWalk(p.o.Filters, "")}
	l.walk.list.ReviewStatus = client.ReviewPending
	return l
}

// newestPage requests the newest page.
func (l *list) newestPage(now time.Time) (Request, bool) {
	from, to := l.window(now)
	l.walk.start(from.Truncate(time.Second), client.CeilSecond(to))
	return l.walk.request()
}

// rest requests the next page of a list that has not been read to its end.
func (l *list) rest() (Request, bool) {
	if !l.scan.active {
		return Request{}, false
	}
	l.scan.resume(&l.walk, l.walk.span.From)
	return l.walk.request()
}

func (l *list) accept(r Request, page *client.SessionPage, at time.Time) error {
	read, err := l.walk.advance(page)
	l.p.apply(at, page)
	since := at
	if l.scan.active {
		since = l.scan.since
	}
	l.p.ledger.MarkPendingRead(read.From.Add(-ledger.Tick), read.To.Add(-ledger.Tick), since)
	l.scan.advance(&l.walk)
	l.updateScan(r, page, at, since)
	return err
}

// updateScan ends the scan once everything that was pending at the time since is known, and starts one if the total differs.
func (l *list) updateScan(r Request, page *client.SessionPage, at, since time.Time) {
	equal, counted := l.walk.compare(r, page, l.p.ledger.CountPending)
	switch {
	case equal && at.Sub(l.allRead) < listEvery, l.walk.complete():
		l.p.ledger.ConfirmPending(r.List.Start, r.List.End, at)
		l.scan.active, l.known = false, since
		l.scan.totalUnreliable = !equal && counted
		if l.walk.complete() {
			l.allRead = at
		}
	case l.scan.active, l.scan.totalUnreliable && at.Sub(l.allRead) < l.p.o.Ledger.AllowedLateness/2:
	default:
		l.scan.active, l.scan.since, l.scan.down = true, at, l.walk.readDownTo()
	}
}
