package planner

import (
	"math/rand/v2"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// pageLimit is the most that a gateway gives at once.
const pageLimit = 100

// ahead is how far in the future a window ends: clocks of gateway replicas differ.
const ahead = time.Hour

// startupDuty is the share of time that requests may take until the first read-back is over.
const startupDuty = 0.5

// Options are a planner's settings.
type Options struct {
	// Ledger are the settings of the ledger that the planner feeds.
	Ledger ledger.Options
	// Restored is a ledger to go on with; nil begins a new one at the first good answer.
	Restored *ledger.Ledger
	// Filters are the parameters that every list request carries.
	Filters client.ListOptions
	// Duty is the share of time that requests may take.
	Duty float64
	// StaleAfter is for how long a refresh without a new look at the pending reviews is still a success.
	StaleAfter time.Duration
	// Seed seeds the jitter of waits after failures.
	Seed uint64
}

// Request is what to ask next: a page of the list, or, where ID is set, one session.
type Request struct {
	Kind Kind
	List client.ListOptions
	ID   string

	part part
}

// Result is what came of a Request.
type Result struct {
	// Page is the answer; nil where Err is set.
	Page *client.SessionPage
	Err  error
	// Took is how long the request took.
	Took time.Duration
	// RetryAfter is what the gateway asked for when it refused.
	RetryAfter time.Duration
}

// lane is what waits together after a failure.
type lane int

const (
	headLane lane = iota
	headRestLane
	pendingLane
	pendingRestLane
	oldPendingLane
	recheckLane
	backlogLane
	lanes
)

// part is one of the things that a refresh does, with its place in a walk.
type part interface {
	// ways tells whose share of the duty the part's requests are charged to, and what waits when one of them fails.
	ways() (Kind, lane)
	// next returns the part's next request, if it has one at the gateway's time now.
	next(now time.Time) (Request, bool)
	// answered takes the page that came, at the gateway's time at. It fails where the page cannot be an answer to the request.
	answered(r Request, p *client.SessionPage, took time.Duration, at time.Time) error
}

// Planner plans for one gateway and one credential.
type Planner struct {
	o       Options
	ledger  *ledger.Ledger // nil until the first good answer tells T0
	purse   *Purse
	backoff [lanes]backoff
	rng     *rand.Rand
	clock   clock

	head    *head
	pending *pending
	recheck *recheck
	backlog *backlog

	skipped     []time.Time // see Skipped
	failed      bool        // an essential request of this refresh failed
	pendingRead time.Time   // when the first page of pending reviews was last read, by the exporter's clock
}

// New returns a planner that has asked nothing yet. Planners of one gateway address have purses of one [Duty].
func New(o Options, purse *Purse) *Planner {
	p := &Planner{o: o, purse: purse, rng: rand.New(rand.NewPCG(o.Seed, 1)), clock: clock{period: o.Ledger.Overlap}}
	p.head = &head{p: p}
	p.pending = newPending(p)
	p.recheck = &recheck{p: p}
	p.backlog = &backlog{p: p}
	return p
}

// Retuned returns a planner with other settings, that goes on with the purse and with all that this one knows. This one is not to be used any more.
func (p *Planner) Retuned(o Options) (*Planner, error) {
	l := p.ledger
	if l == nil {
		l = p.o.Restored
	}
	if l != nil {
		image, err := l.Image()
		if err != nil {
			return nil, err
		}
		if l, err = ledger.Restore(o.Ledger, image); err != nil {
			return nil, err
		}
	}
	o.Restored = l
	n := New(o, p.purse)
	n.clock, n.clock.period = p.clock, o.Ledger.Overlap
	n.backoff, n.pendingRead = p.backoff, p.pendingRead
	if p.ledger != nil {
		n.ledger = l
	}
	return n, nil
}

// Ledger is what the planner feeds; nil before the first good answer.
func (p *Planner) Ledger() *ledger.Ledger { return p.ledger }

// GatewayTime is the gateway's time when the exporter's clock shows now.
func (p *Planner) GatewayTime(now time.Time) time.Time { return p.clock.safe(now) }

// Begin begins a refresh.
func (p *Planner) Begin(now time.Time) {
	p.failed = false
	p.purse.begin()
	p.head.begin()
	p.pending.begin()
	p.recheck.begin()
}

// Next returns what a refresh asks next, if anything is left that the duty allows.
func (p *Planner) Next(now time.Time) (Request, bool) {
	if r, ok := p.first(now, headPage{p.head}); ok || !p.head.read {
		return r, ok
	}
	return p.first(now, oldPendingPage{p.pending}, pendingPage{p.pending}, headRest{p.head}, pendingRest{p.pending}, oldPendingRest{p.pending}, p.recheck)
}

// Background returns what to ask between refreshes: stretches that have not been read.
func (p *Planner) Background(now time.Time) (Request, bool) {
	if p.ledger == nil {
		return Request{}, false
	}
	p.purse.begin()
	return p.first(now, headHole{p.head}, p.backlog)
}

// Idle tells whether there is nothing to do between refreshes, whatever the duty allows.
func (p *Planner) Idle() bool { return p.ledger == nil || len(p.ledger.Unread()) == 0 }

// first returns the request of the first part that has one and may ask.
func (p *Planner) first(now time.Time, parts ...part) (Request, bool) {
	p.purse.refill(now, p.rate())
	if p.purse.silent(now) {
		return Request{}, false
	}
	for _, of := range parts {
		k, l := of.ways()
		if !p.purse.allows(k) || !p.backoff[l].allows(now) {
			continue
		}
		if r, ok := of.next(p.clock.safe(now)); ok {
			r.Kind, r.part = k, of
			return r, true
		}
	}
	return Request{}, false
}

// rate is what the address may be asked for. Who has had no good answer yet has nothing to read back: with a credential that is of no use, that
// would be for ever, and for all who ask there.
func (p *Planner) rate() float64 {
	if p.ledger != nil && !p.ledger.Baseline() {
		return max(p.o.Duty, startupDuty)
	}
	return p.o.Duty
}

// Answer takes what came of a request; now is the exporter's clock when it came. The error is the result's, or tells that the page
// cannot be an answer to the request.
func (p *Planner) Answer(now time.Time, r Request, res Result) error {
	p.purse.refill(now, p.rate())
	p.purse.charge(r.Kind, res.Took)
	_, lane := r.part.ways()
	err := res.Err
	if err == nil {
		err = p.take(now, lane, r, res)
	}
	if err == nil {
		p.backoff[lane].succeeded()
		p.purse.answered()
		return nil
	}
	p.backoff[lane].failed(now, p.rng)
	if res.RetryAfter > 0 {
		p.purse.silence(now, now.Add(res.RetryAfter))
	}
	p.failed = p.failed || lane == headLane || lane == pendingLane
	switch lane {
	case recheckLane:
		p.recheck.failed(r, p.clock.safe(now))
	case backlogLane:
		p.backlog.failed(p.clock.safe(now))
	}
	return err
}

func (p *Planner) take(now time.Time, lane lane, r Request, res Result) error {
	if err := p.clock.tells(res.Page.Date, now); err != nil {
		return err
	}
	p.clock.observe(res.Page.Date, now)
	at := p.clock.safe(now)
	if p.ledger == nil {
		// A restored one had to wait as well: before that the gateway's time is not known.
		p.ledger = p.o.Restored
	}
	if p.ledger == nil {
		p.ledger = ledger.New(p.o.Ledger, at.Truncate(time.Second))
	}
	if err := r.part.answered(r, res.Page, res.Took, at); err != nil {
		return err
	}
	if lane == pendingLane {
		p.pendingRead = now
	}
	return nil
}

// Affords tells whether a request that is not planned here, such as who the credential is, may be made now.
func (p *Planner) Affords(now time.Time) bool {
	p.purse.refill(now, p.rate())
	return !p.purse.silent(now) && p.purse.allows(Backlog)
}

// Charge charges a request that is not planned here. The others at the address go on where there was no answer.
func (p *Planner) Charge(now time.Time, took time.Duration, unanswered bool) {
	p.purse.refill(now, p.rate())
	p.purse.charge(Backlog, took)
	if unanswered {
		p.purse.noAnswer()
	}
}

// Succeeded tells whether the refresh that has just ended succeeded: the newest page was read, and the first page of pending reviews too,
// unless the duty put that off. asked is false where nothing was asked at all, so that there is nothing to say.
func (p *Planner) Succeeded(now time.Time) (ok, asked bool) {
	if p.failed {
		return false, true
	}
	if !p.head.read {
		return false, false
	}
	return !p.pendingRead.IsZero() && now.Sub(p.pendingRead) < p.o.StaleAfter && p.backoff[pendingLane].allows(now), true
}

// window returns the options of a list request for a stretch of time.
func (p *Planner) window(from, to time.Time, count client.Count) client.ListOptions {
	o := p.o.Filters
	o.Start, o.End, o.Limit, o.Count = from, to, pageLimit, count
	return o
}

// over tells whether a walk has read all of its window.
func over(c *client.Cursor) bool { return c.Done() && c.Err() == nil }

// advance gives a page to a walk, and notes which seconds that could not read to the end.
func (p *Planner) advance(c *client.Cursor, page *client.SessionPage) {
	c.Advance(page)
	p.skipped = c.Skipped()
}

// Skipped are seconds, by their beginning, that hold more sessions than the gateway gives out, as far as the last page told: what it does not give out
// is not counted.
func (p *Planner) Skipped() []time.Time { return p.skipped }

// apply hands a page's rows to the ledger.
func (p *Planner) apply(at time.Time, page *client.SessionPage) {
	p.ledger.Apply(at, page.Sessions)
	p.ledger.Malformed(at, page.Malformed)
}

// total is the number of rows in the window as the gateway counts them; ok is false where it does not say, or not exactly.
func total(page *client.SessionPage) (n int, ok bool) {
	if page.Total == nil || page.TotalIsCapped {
		return 0, false
	}
	return *page.Total, true
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// ceil is t rounded up to the next whole second: what a window's end has to be to include t.
func ceil(t time.Time) time.Time {
	if f := t.Truncate(time.Second); !f.Equal(t) {
		return f.Add(time.Second)
	}
	return t
}
