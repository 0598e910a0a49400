package planner

import (
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// backfillSpan bounds the window of one request: on old gateways its price grows with the span.
const backfillSpan = 12 * time.Hour

// backlog reads the stretches of the past that have not been read, newest first.
type backfill struct {
	p      *Planner
	cursor *client.Cursor
	span   ledger.Span // what the cursor reads

	avoid ledger.Span // a window that could not be read
	until time.Time   // until then the windows below it go first
}

// avoidFor is how long a window that could not be read lets the others go first.
const avoidFor = 5 * time.Minute

// failed lets the windows below go first.
func (b *backfill) failed(now time.Time) {
	b.avoid, b.until, b.cursor = b.span, now.Add(avoidFor), nil
}

func (b *backfill) class() (budget.Kind, retryGroup) { return budget.Backfill, backfillGroup }

func (b *backfill) next(now time.Time) (Request, bool) {
	s, ok := b.newest(now)
	if !ok {
		return Request{}, false
	}
	if b.cursor == nil || b.cursor.Done() || !b.down().Equal(s.To) {
		b.span = ledger.Span{From: later(s.From, s.To.Add(-backfillSpan)).Truncate(time.Second), To: s.To}
		b.cursor = client.NewCursor(b.p.window(b.span.From, ceil(s.To), client.CountNone))
	}
	o, ok := b.cursor.Next()
	return Request{List: o}, ok
}

// newest is the newest stretch below the head's territory.
func (b *backfill) newest(now time.Time) (ledger.Span, bool) {
	horizon := b.p.ledger.Horizon()
	for _, s := range slices.Backward(b.p.ledger.Unread()) {
		s.To = earlier(s.To, horizon)
		if now.Before(b.until) && b.avoid.From.Before(s.To) && s.From.Before(b.avoid.To) {
			s.To = b.avoid.From
		}
		if s.From.Before(s.To) {
			return s, true
		}
	}
	return ledger.Span{}, false
}

// down is where the cursor's reading has come to, as a stretch's end.
func (b *backfill) down() time.Time {
	return earlier(b.cursor.ReadDownTo().Add(tick), b.span.To)
}

func (b *backfill) accept(_ Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	b.p.advance(b.cursor, page)
	b.p.apply(at, page)
	from := b.down()
	if over(b.cursor) {
		from = b.span.From
	}
	b.p.ledger.Read(ledger.Span{From: from, To: b.span.To})
	return b.cursor.Err()
}
