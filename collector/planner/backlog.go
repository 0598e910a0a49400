package planner

import (
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// backlogSpan bounds the window of one request: on old gateways its price grows with the span.
const backlogSpan = 12 * time.Hour

// backlog reads the stretches of the past that have not been read, newest first.
type backlog struct {
	p      *Planner
	cursor *client.Cursor
	span   ledger.Span // what the cursor reads

	avoid ledger.Span // a window that could not be read
	until time.Time   // until then the windows below it go first
}

// avoidFor is how long a window that could not be read lets the others go first.
const avoidFor = 5 * time.Minute

// failed lets the windows below go first.
func (b *backlog) failed(now time.Time) {
	b.avoid, b.until, b.cursor = b.span, now.Add(avoidFor), nil
}

func (b *backlog) ways() (Kind, lane) { return Backlog, backlogLane }

func (b *backlog) next(now time.Time) (Request, bool) {
	s, ok := b.newest(now)
	if !ok {
		return Request{}, false
	}
	if b.cursor == nil || b.cursor.Done() || !b.down().Equal(s.To) {
		b.span = ledger.Span{From: later(s.From, s.To.Add(-backlogSpan)).Truncate(time.Second), To: s.To}
		b.cursor = client.NewCursor(b.p.window(b.span.From, ceil(s.To), client.CountNone))
	}
	o, ok := b.cursor.Next()
	return Request{List: o}, ok
}

// newest is the newest stretch below the head's territory.
func (b *backlog) newest(now time.Time) (ledger.Span, bool) {
	horizon := b.p.ledger.Watermark()
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
func (b *backlog) down() time.Time {
	return earlier(b.cursor.ReadDownTo().Add(tick), b.span.To)
}

func (b *backlog) answered(_ Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	b.p.advance(b.cursor, page)
	b.p.apply(at, page)
	from := b.down()
	if over(b.cursor) {
		from = b.span.From
	}
	b.p.ledger.MarkRead(ledger.Span{From: from, To: b.span.To})
	return b.cursor.Err()
}
