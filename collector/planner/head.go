package planner

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// head reads what is new: the open coverage, from the watermark to a little after now, newest first. The head page shows what has started
// since the last refresh. What it does not reach is a gap, which is read next. Then the gateway's total for the window shows whether older
// rows appeared late; if so, a late scan reads on until the total equals the number of known rows, or down to the watermark. Only then does
// the watermark move.
type head struct {
	p    *Planner
	walk walk

	read         bool      // this refresh has its head page
	at           time.Time // when it was requested, by the gateway's clock
	fromHeadPage bool      // the walk started with this refresh's head page
	done         bool      // there is nothing more to read in this refresh
	hidden       int       // sessions that the gateway had shown before, but no longer counted when the watermark could last have moved

	late        scan
	lateRequest bool          // the last request was the late scan's
	lateStarted time.Time     // when the last late scan started, by the gateway's clock
	lateLeft    time.Duration // what late scans may take now; negative: a debt
	lateFilled  time.Time     // when that was last refilled, by the gateway's clock
}

func newHead(p *Planner) *head { return &head{p: p, walk: newWalk(p.o.Filters, "")} }

func (h *head) startRefresh() { h.read, h.done = false, false }

// headPage is the task that requests the head page, once in every refresh.
type headPage struct{ *head }

func (h headPage) class() (budget.Kind, retryGroup) { return budget.Head, headPageGroup }

func (h headPage) next(now time.Time) (Request, bool) {
	if h.read {
		return Request{}, false
	}
	lateness := h.p.o.Ledger.AllowedLateness
	from := now.Add(-lateness).Truncate(time.Second)
	if h.p.ledger != nil {
		from = h.p.ledger.Watermark()
	} else if l := h.p.o.Restored; l != nil && from.Sub(l.Watermark()) <= lateness { // else there will be a gap
		from = ledger.Earlier(from, l.Watermark())
	}
	// After one answer with a date far in the past, now can lie before the watermark.
	h.walk.start(from, client.CeilSecond(h.p.windowEnd(ledger.Later(now, from.Add(lateness)))))
	h.fromHeadPage, h.lateRequest = true, false
	return h.walk.request()
}

func (h headPage) accept(r Request, page *client.SessionPage, took time.Duration, at time.Time) error {
	h.read = true
	// A row that was written while the gateway worked on the request is not on the page, but the page's date is later.
	h.at = at.Add(-took)
	h.p.ledger.AdvanceHead(h.at)
	h.p.pageCost.add(took)
	return h.head.accept(r, page, took, at)
}

// headRest is the task that continues after the head page: with the gap, then with the late scan.
type headRest struct{ *head }

func (h headRest) class() (budget.Kind, retryGroup) { return budget.Head, headRestGroup }

func (h headRest) next(now time.Time) (Request, bool) {
	if h.done {
		return Request{}, false
	}
	if r, ok := h.nextOfGap(); ok {
		return r, ok
	}
	return h.nextOfLateScan(now)
}

// headGap is the task that continues to read the gap between refreshes, if a refresh has not closed it.
type headGap struct{ *head }

func (h headGap) class() (budget.Kind, retryGroup) { return budget.Head, headRestGroup }

// next leaves enough of the head's portion for the next head page.
func (h headGap) next(time.Time) (Request, bool) {
	if h.p.share.Left(budget.Head) <= 2*h.p.pageCost.mean() {
		return Request{}, false
	}
	return h.nextOfGap()
}

// unreadHead is the newest unread span of the open coverage.
func (h *head) unreadHead() (ledger.Span, bool) {
	unread := h.p.ledger.Unread()
	if len(unread) == 0 {
		return ledger.Span{}, false
	}
	s := unread[len(unread)-1]
	s.From = ledger.Later(s.From, h.p.ledger.Watermark())
	return s, s.From.Before(s.To)
}

func (h *head) nextOfGap() (Request, bool) {
	s, ok := h.unreadHead()
	if !ok {
		return Request{}, false
	}
	// The window begins at the watermark and not at the gap, so that the total can be compared at the end.
	s.From = h.p.ledger.Watermark()
	h.fromHeadPage, h.lateRequest = h.walk.resume(s) && h.fromHeadPage, false
	return h.walk.request()
}

func (h *head) accept(r Request, page *client.SessionPage, took time.Duration, at time.Time) error {
	if h.lateRequest {
		h.lateLeft = max(h.lateLeft-took, -lateScanBurst)
	}
	read, err := h.walk.advance(page)
	h.p.skipped = h.walk.skipped()
	h.p.apply(at, page)
	h.p.ledger.MarkRead(read)
	h.late.advance(&h.walk)
	if _, open := h.unreadHead(); !open {
		h.advanceWatermark(r, page)
	}
	return err
}

// advanceWatermark moves the watermark if nothing can be missing.
func (h *head) advanceWatermark(r Request, page *client.SessionPage) {
	since := h.late.since
	if h.fromHeadPage {
		since = h.at
	} else if !h.late.active {
		return // a gap was closed: the next head page shows whether something appeared late
	}
	if h.walk.span.From.After(h.p.ledger.Watermark()) {
		return // the first window after a restart starts later than the watermark: what lies below it is read next
	}
	equal, counted := h.walk.compare(r, page, h.p.ledger.CountSeen)
	switch {
	case equal, h.walk.complete():
		h.late.active, h.late.totalUnreliable = false, !equal
		h.done = true
		h.hidden = 0
		if !equal { // if it is equal, counting the known sessions again would give the total
			h.hidden = h.countHidden(r, page)
		}
		if h.hidden == 0 {
			h.p.ledger.AdvanceWatermark(since)
		}
	case !counted && r.List.Count == h.walk.list.Count:
		h.late.totalUnreliable = true
	}
}

// countHidden returns how many sessions the gateway has shown before in the window of a complete walk's last page, but no longer counts.
// Gateways delete nothing, so sessions that have started since may be hidden, too, and can appear later.
func (h *head) countHidden(r Request, page *client.SessionPage) int {
	total, counted := page.ExactTotal()
	if !counted {
		return 0
	}
	return max(0, h.p.ledger.CountSeen(r.List.Start, r.List.End)-total)
}
