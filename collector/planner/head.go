package planner

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// lateScanEvery is how soon after the last one rows that came late are looked for again.
const lateScanEvery = 15 * time.Second

// head reads what is new: the window from the ledger's horizon to a little ahead, newest first, down to where the last head began. The
// gateway's total of the window then tells whether rows came late; only if it does, the walk reads on.
type head struct {
	p *Planner

	read bool      // this refresh has its first page
	at   time.Time // when that was asked, by the gateway's clock
	done bool      // nothing more to read in this refresh

	cursor *client.Cursor
	from   time.Time // where the cursor's window begins
	upper  time.Time // what the cursor has read ends here
	top    bool      // the cursor began with this refresh's first page

	lateScan lateScan
	exact    bool // totals came capped: ask for exact ones
}

// sweep is a walk through the whole overlap, in as many refreshes as it takes.
type lateScan struct {
	active  bool
	started time.Time
	since   time.Time // the rows that were visible then are what it is sure to find
	down    time.Time // it has read down to here
	wrong   bool      // the total stayed wrong after all had been read: it is no guide
}

func (h *head) startRefresh() { h.read, h.done = false, false }

func (h *head) count() client.Count {
	if h.exact {
		return client.CountExact
	}
	return ""
}

func (h *head) start(from, to time.Time) (Request, bool) {
	h.from = from
	h.upper = to.Add(tick) // the gateway cuts it to the second: what came within that one is not in it
	h.cursor = client.NewCursor(h.p.window(from, to, h.count()))
	return h.request()
}

func (h *head) request() (Request, bool) {
	o, ok := h.cursor.Next()
	return Request{List: o}, ok
}

// headPage is the part that asks for the newest page: once in every refresh.
type headPage struct{ *head }

func (h headPage) class() (budget.Kind, retryGroup) { return budget.Head, headPageGroup }

func (h headPage) next(now time.Time) (Request, bool) {
	if h.read {
		return Request{}, false
	}
	from := now.Add(-h.p.o.Ledger.Overlap).Truncate(time.Second)
	if h.p.ledger != nil {
		from = h.p.ledger.Horizon()
	}
	h.top = true
	// Where one answer had a date far in the past, now can lie before the horizon.
	return h.start(from, ceil(later(now, from.Add(h.p.o.Ledger.Overlap)).Add(ahead)))
}

func (h headPage) accept(r Request, page *client.SessionPage, took time.Duration, at time.Time) error {
	h.read = true
	// A row that was written while the gateway looked is not in the page, but the page's date is later.
	h.at = earlier(at.Add(-took), h.p.clock.safe(h.p.clock.local))
	h.p.ledger.Advance(h.at)
	h.p.recheck.page.add(took)
	return h.head.accept(r, page, took, at)
}

// hole is the newest stretch of the open territory that has not been read.
func (h *head) gap() (ledger.Span, bool) {
	unread := h.p.ledger.Unread()
	if len(unread) == 0 {
		return ledger.Span{}, false
	}
	s := unread[len(unread)-1]
	horizon := h.p.ledger.Horizon()
	s.From = later(s.From, horizon)
	return s, s.From.Before(s.To)
}

// headRest is the part that goes on from there: what is not read of the open territory, then what came late.
type headRest struct{ *head }

func (h headRest) class() (budget.Kind, retryGroup) { return budget.Head, headRestGroup }

func (h headRest) next(now time.Time) (Request, bool) {
	if h.done {
		return Request{}, false
	}
	if r, ok := h.nextGap(); ok {
		return r, ok
	}
	return h.nextLateScan(now)
}

func (h *head) nextGap() (Request, bool) {
	s, ok := h.gap()
	if !ok {
		return Request{}, false
	}
	if h.cursor != nil && !h.cursor.Done() && earlier(h.cursor.ReadDownTo().Add(tick), h.upper).Equal(s.To) {
		return h.request()
	}
	h.top = false
	r, ok := h.start(h.p.ledger.Horizon(), ceil(s.To))
	h.upper = s.To
	return r, ok
}

func (h *head) nextLateScan(now time.Time) (Request, bool) {
	if !h.lateScan.active {
		if !h.top || now.Sub(h.lateScan.started) < h.lateScan.pause(h.p.o.Ledger.Overlap) {
			h.done = true
			return Request{}, false
		}
		h.lateScan = lateScan{active: true, started: now, since: h.at, down: h.cursor.ReadDownTo(), wrong: h.lateScan.wrong}
	}
	h.lateScan.down = later(h.lateScan.down, h.p.ledger.Horizon()) // an outage can move the horizon past it
	if h.cursor != nil && !h.cursor.Done() && !h.cursor.ReadDownTo().After(ceil(h.lateScan.down)) {
		return h.request()
	}
	h.top = false
	return h.start(h.p.ledger.Horizon(), ceil(h.lateScan.down))
}

func (s *lateScan) pause(overlap time.Duration) time.Duration {
	if s.wrong {
		return overlap / 2
	}
	return lateScanEvery
}

func (h *head) accept(r Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	h.p.advance(h.cursor, page)
	h.p.apply(at, page)
	down := h.cursor.ReadDownTo()
	if over(h.cursor) {
		h.p.ledger.Read(ledger.Span{From: h.from, To: h.upper})
	} else {
		h.p.ledger.Read(ledger.Span{From: down.Add(tick), To: h.upper})
	}
	if h.lateScan.active && !h.upper.Before(h.lateScan.down) {
		h.lateScan.down = earlier(h.lateScan.down, down)
	}
	h.exact = h.exact || page.TotalIsCapped
	if _, gap := h.gap(); !gap {
		h.check(r, page)
	}
	return h.cursor.Err()
}

// check settles the ledger where nothing can be missing.
func (h *head) check(r Request, page *client.SessionPage) {
	since := h.lateScan.since
	if h.top {
		since = h.at
	} else if !h.lateScan.active {
		return // a hole was filled: the next first page tells
	}
	n, told := total(page)
	equal := told && r.List.Start.Equal(h.from) && h.p.ledger.KnownIn(r.List.Start, r.List.End) == n
	switch {
	case equal, over(h.cursor):
		h.lateScan.active = false
		h.lateScan.wrong = !equal
		h.done = true
		h.p.ledger.Settle(since)
	case !told && r.List.Count == h.count():
		h.lateScan.wrong = true
	}
}

// headGap is the part of the head that goes on between refreshes: a walk that could not be finished.
type headGap struct{ *head }

func (h headGap) class() (budget.Kind, retryGroup) { return budget.Head, headRestGroup }

// next leaves enough of the head's share for the next newest page.
func (h headGap) next(time.Time) (Request, bool) {
	if h.p.share.Left(budget.Head) <= 2*h.p.recheck.page.mean() {
		return Request{}, false
	}
	return h.nextGap()
}
