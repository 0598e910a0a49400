package planner

import (
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

const (
	// backfillSpan bounds the window of one request: on old gateways its cost grows with the span.
	backfillSpan = 12 * time.Hour
	// avoidFor is how long the windows below one that could not be read go first.
	avoidFor = 5 * time.Minute
)

// backfill is the task that reads the unread coverage below the watermark, the newest first: the lookback on the first run, and gaps after
// a stop.
type backfill struct {
	p    *Planner
	walk walk

	avoid      ledger.Span // a window that could not be read
	avoidUntil time.Time   // until then the windows below it go first, by the gateway's clock
}

func newBackfill(p *Planner) *backfill {
	return &backfill{p: p, walk: newWalk(p.o.Filters, client.CountNone)}
}

func (b *backfill) class() (budget.Kind, retryGroup) { return budget.Backfill, backfillGroup }

func (b *backfill) next(now time.Time) (Request, bool) {
	s, ok := b.newest(now)
	if !ok {
		return Request{}, false
	}
	s.From = ledger.Later(s.From, s.To.Add(-backfillSpan)).Truncate(time.Second)
	b.walk.resume(s)
	return b.walk.request()
}

// newest is the newest unread span below the watermark, leaving out what is avoided.
func (b *backfill) newest(now time.Time) (ledger.Span, bool) {
	watermark := b.p.ledger.Watermark()
	for _, s := range slices.Backward(b.p.ledger.Unread()) {
		s.To = ledger.Earlier(s.To, watermark)
		if now.Before(b.avoidUntil) && b.avoid.From.Before(s.To) && s.From.Before(b.avoid.To) {
			s.To = b.avoid.From
		}
		if s.From.Before(s.To) {
			return s, true
		}
	}
	return ledger.Span{}, false
}

func (b *backfill) accept(_ Request, page *client.SessionPage, _ time.Duration, at time.Time) error {
	read, err := b.walk.advance(page)
	b.p.skipped = b.walk.skipped()
	b.p.apply(at, page)
	b.p.ledger.MarkRead(read)
	return err
}

// failed lets the windows below the one that could not be read go first for a while.
func (b *backfill) failed(now time.Time) {
	b.avoid, b.avoidUntil = b.walk.span, now.Add(avoidFor)
	b.walk.stop()
}
