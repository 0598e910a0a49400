package planner

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// walk reads a span of time page by page, from its end down to its start, in as many refreshes as it takes.
//
// What always holds: every row of the span that starts at edge or later has been on a page, as the gateway had it when the page came. What
// lies below is left to read. Call start, resume or [scan.resume] to choose what to read; then request and advance alternate. After a
// failure nothing has to be done: the next request is the same again.
type walk struct {
	list   client.ListOptions // of its requests, without their windows
	cursor *client.Cursor     // nil: it was not started, or it was stopped
	span   ledger.Span        // what it reads
}

// newWalk returns a walk that has not started. count says whether the gateway is to count. If it is, and a total comes capped, exact totals
// are requested from then on.
func newWalk(filters client.ListOptions, count client.Count) walk {
	filters.Limit, filters.Count = pageLimit, count
	return walk{list: filters}
}

// start starts the walk again, through the window between from and end, both included and both whole seconds.
func (w *walk) start(from, end time.Time) {
	o := w.list
	o.Start, o.End = from, end
	w.cursor, w.span = client.NewCursor(o), ledger.Span{From: from, To: end.Add(ledger.Tick)}
}

// resume goes on if the walk has to read next exactly at the end of s. Otherwise it starts again, and reads s. It reports whether it went
// on.
func (w *walk) resume(s ledger.Span) bool {
	if w.running() && w.edge().Equal(s.To) {
		return true
	}
	w.start(s.From, client.CeilSecond(s.To))
	w.span.To = s.To
	return false
}

// stop gives up what is left to read.
func (w *walk) stop() { w.cursor = nil }

// running reports whether there is something left to read.
func (w *walk) running() bool { return w.cursor != nil && !w.cursor.Done() }

// complete reports whether the whole span was read.
func (w *walk) complete() bool { return w.cursor != nil && w.cursor.Done() && w.cursor.Err() == nil }

// request is the walk's next request; false if nothing is left to read.
func (w *walk) request() (Request, bool) {
	o, ok := w.cursor.Next()
	return Request{List: o}, ok
}

// inSecond reports whether the next request is for a single second, which has more rows than a page.
func (w *walk) inSecond() bool {
	r, ok := w.request()
	return ok && !r.List.Start.Equal(w.span.From)
}

// advance takes the page that answers the last request, and returns what has been read by it. It fails if the page cannot be an answer to
// that request.
func (w *walk) advance(page *client.SessionPage) (read ledger.Span, err error) {
	read.To = w.edge()
	w.cursor.Advance(page)
	read.From = w.edge()
	if page.TotalIsCapped && w.list.Count != client.CountNone {
		w.list.Count = client.CountExact
	}
	return read, w.cursor.Err()
}

// readDownTo is how far the walk has read: every row of the span that starts after it has been on a page.
func (w *walk) readDownTo() time.Time {
	if w.complete() {
		return w.span.From.Add(-ledger.Tick)
	}
	return w.cursor.ReadDownTo()
}

// edge is the end of what is left to read; it is not itself included.
func (w *walk) edge() time.Time { return ledger.Earlier(w.readDownTo().Add(ledger.Tick), w.span.To) }

// skipped are the seconds that could not be read completely.
func (w *walk) skipped() []client.SkippedSecond { return w.cursor.Skipped() }

// compare compares the gateway's total with the number of rows that are known in the window. It reports whether they are equal, and whether
// there is a total. The page of a single second, in the middle of the span, never counts as equal.
func (w *walk) compare(r Request, page *client.SessionPage, known func(from, to time.Time) int) (equal, counted bool) {
	total, counted := page.ExactTotal()
	return counted && r.List.Start.Equal(w.span.From) && known(r.List.Start, r.List.End) == total, counted
}
