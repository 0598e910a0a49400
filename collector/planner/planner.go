package planner

import (
	"math/rand/v2"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// pageLimit is the largest page that a gateway returns, in rows.
const pageLimit = 100

// ahead is how far in the future a window ends: the clocks of a gateway's replicas differ. It ends later if they differ by more than half
// of that, up to mostAhead.
const (
	ahead     = time.Hour
	mostAhead = ledger.MaxAhead
)

// FirstBackfillBudget is the fraction of the time that requests may take, at least, until the first backfill has ended.
const FirstBackfillBudget = 0.5

// Options are a planner's settings.
type Options struct {
	// Ledger are the settings of the ledger that the planner feeds.
	Ledger ledger.Options
	// Restored is a ledger to go on with. If it is nil, the first good answer starts a new one.
	Restored *ledger.Ledger
	// Filters are the parameters that every list request carries.
	Filters client.ListOptions
	// Budget is the fraction of the time that requests may take, above 0 and at most 1.
	Budget float64
	// StaleAfter is how long a refresh without a new page of pending reviews still counts as a success.
	StaleAfter time.Duration
	// Seed seeds the jitter of the waits after failures.
	Seed uint64
}

// Request is the next request to make: a page of the list or, if ID is set, one session.
type Request struct {
	Kind budget.Kind
	List client.ListOptions
	ID   string

	task task
}

// Result is the outcome of a Request.
type Result struct {
	// Page is the answer; nil if Err is set.
	Page *client.SessionPage
	Err  error
	// Took is how long the request took.
	Took time.Duration
	// RetryAfter is how long the gateway is to be left alone after an error; 0: no longer than after any error.
	RetryAfter time.Duration
}

// task is one of the things that a refresh does, or that is done between refreshes. It keeps its place from one refresh to the next.
type task interface {
	// class returns the kind that its requests are charged to, and the group that waits when one of them fails.
	class() (budget.Kind, retryGroup)
	// next returns its next request, if it has one at the gateway's time now.
	next(now time.Time) (Request, bool)
	// accept takes the page that answers its last request; at is the gateway's time. It fails if the page cannot be an answer to that
	// request.
	accept(r Request, p *client.SessionPage, took time.Duration, at time.Time) error
}

// Planner plans the requests to one gateway with one credential. It is not safe for concurrent use.
//
// One request is under way at a time: Next or Background returns it, and HandleResult takes its outcome before the next one. A refresh is
// one StartRefresh, then Next until it has no request left; Succeeded says how it went. Between refreshes, Background reads what is unread
// until Idle.
type Planner struct {
	o       Options
	ledger  *ledger.Ledger // nil until the first good answer: it gives T0
	share   *budget.Share
	backoff [retryGroups]backoff
	rng     *rand.Rand
	clock   gatewayClock

	head     *head
	pending  *pending
	recheck  *recheck
	backfill *backfill

	pageCost    cost                   // of a page of all sessions
	skipped     []client.SkippedSecond // see Skipped
	step        *Step                  // see TakeStep
	failed      bool                   // the head page or the pending page of this refresh failed
	pendingRead time.Time              // when the pending page was last read, by the exporter's clock
}

// New returns a planner that has requested nothing yet. Planners of one gateway address have shares of one [budget.Budget].
func New(o Options, share *budget.Share) *Planner {
	p := &Planner{o: o, share: share, rng: rand.New(rand.NewPCG(o.Seed, 1)), clock: gatewayClock{period: o.Ledger.AllowedLateness}}
	p.head, p.pending, p.recheck, p.backfill = newHead(p), newPending(p), newRecheck(p), newBackfill(p)
	return p
}

// Reconfigured returns a planner with other settings. It goes on with the share and with everything that this one knows. This one must not
// be used any more. It fails if the ledger cannot go on with these settings.
func (p *Planner) Reconfigured(o Options) (*Planner, error) {
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
	n := New(o, p.share)
	n.clock, n.clock.period = p.clock, o.Ledger.AllowedLateness
	n.backoff, n.pendingRead = p.backoff, p.pendingRead
	if p.ledger != nil {
		n.ledger = l
	}
	return n, nil
}

// Ledger is the ledger that the planner feeds; nil before the first good answer.
func (p *Planner) Ledger() *ledger.Ledger { return p.ledger }

// GatewayTime is the gateway's time when the exporter's clock shows now.
func (p *Planner) GatewayTime(now time.Time) time.Time { return p.clock.now(now) }

// windowEnd is where a window of the newest sessions ends; now is the gateway's time. No replica of the gateway writes sessions that start
// later.
func (p *Planner) windowEnd(now time.Time) time.Time {
	if d := p.clock.fastest(); d > ahead/2 {
		return now.Add(min(d+ahead, mostAhead))
	}
	return now.Add(ahead)
}

// SlowReplica reports whether answers have a date that is more than the allowed lateness behind, and how far: sessions that such a replica
// writes are not counted.
func (p *Planner) SlowReplica() (behind time.Duration, ok bool) { return p.clock.slowest() }

// CheckAge fails with [ErrOld] if the date of an answer is so far behind that a cache must have kept the answer. It is for requests that
// the planner does not plan. now is the exporter's clock.
func (p *Planner) CheckAge(date, now time.Time) error { return p.clock.checkAge(date, now) }

// StartRefresh starts a refresh.
func (p *Planner) StartRefresh() {
	p.failed = false
	p.share.EndTurn()
	p.head.startRefresh()
	p.pending.startRefresh()
	p.recheck.startRefresh()
}

// Next returns the refresh's next request, if one is left that the budget and the waits after failures allow.
func (p *Planner) Next(now time.Time) (Request, bool) {
	if p.clock.doubtful() {
		return p.probe(now)
	}
	if r, ok := p.first(now, headPage{p.head}); ok || !p.head.read {
		return r, ok
	}
	return p.first(now, oldPendingPage{p.pending}, pendingPage{p.pending}, headRest{p.head}, pendingRest{p.pending}, oldPendingRest{p.pending}, p.recheck)
}

// Background returns the next request between refreshes, for what is unread. While the gateway's time is doubtful, the request is for the
// time instead.
func (p *Planner) Background(now time.Time) (Request, bool) {
	p.share.EndTurn()
	if p.clock.doubtful() {
		return p.probe(now)
	}
	if p.ledger == nil {
		return Request{}, false
	}
	return p.first(now, headGap{p.head}, p.backfill)
}

// probe requests the newest page, only to learn the gateway's time.
func (p *Planner) probe(now time.Time) (Request, bool) {
	if !p.clock.mayProbe(now) {
		return Request{}, false
	}
	p.head.read = false
	return p.first(now, headPage{p.head})
}

// Doubt reports whether the gateway has answered with a time that is not believed yet, and how far that is ahead of the exporter's clock.
// Until it is believed, nothing is read and nothing counted.
func (p *Planner) Doubt(now time.Time) (ahead time.Duration, doubtful bool) {
	return p.GatewayTime(now).Sub(now.Round(0)), p.clock.doubtful()
}

// Idle reports whether there is nothing to do between refreshes, whatever the budget allows.
func (p *Planner) Idle() bool {
	if p.clock.doubtful() {
		return false
	}
	return p.ledger == nil || len(p.ledger.Unread()) == 0
}

// first returns the request of the first task that has one and may make it.
func (p *Planner) first(now time.Time, tasks ...task) (Request, bool) {
	p.share.Refill(now, p.rate())
	if p.share.Paused(now) {
		return Request{}, false
	}
	for _, t := range tasks {
		kind, group := t.class()
		if !p.share.Allows(kind) || !p.backoff[group].allows(now) {
			continue
		}
		if r, ok := t.next(p.clock.now(now)); ok {
			r.Kind, r.task = kind, t
			return r, true
		}
	}
	return Request{}, false
}

// rate is the fraction of the time that requests to the address may take. Before its first good answer, a planner has no backfill to speed
// up: with a credential that does not work, that would go on forever, at the expense of the others at the address.
func (p *Planner) rate() float64 {
	if p.ledger != nil && !p.ledger.BaselineComplete() {
		return max(p.o.Budget, FirstBackfillBudget)
	}
	return p.o.Budget
}

// HandleResult takes the outcome of a request; now is the exporter's clock when it came. The error is the result's, or says why the page
// cannot be an answer to the request.
func (p *Planner) HandleResult(now time.Time, r Request, res Result) error {
	p.share.Refill(now, p.rate())
	p.share.Charge(r.Kind, res.Took)
	_, group := r.task.class()
	err := res.Err
	if err == nil {
		err = p.accept(now, group, r, res)
	}
	if err == nil {
		p.backoff[group].succeeded()
		p.share.RecordSuccess()
		return nil
	}
	p.backoff[group].failed(now, p.rng)
	if res.RetryAfter > 0 {
		p.share.Pause(now, now.Add(res.RetryAfter))
	}
	p.failed = p.failed || group == headPageGroup || group == pendingPageGroup
	switch group {
	case recheckGroup:
		p.recheck.failed(r, p.clock.now(now))
	case backfillGroup:
		p.backfill.failed(p.clock.now(now))
	}
	return err
}

// accept hands a page to the request's task. The first one whose date is believed gives T0; pages before it only show what time it is.
func (p *Planner) accept(now time.Time, group retryGroup, r Request, res Result) error {
	if r.ID == "" {
		if err := p.clock.checkPage(res.Page.Date, now); err != nil {
			return err
		}
	}
	if err := p.clock.check(res.Page.Date, now); err != nil {
		return err
	}
	p.clock.observe(res.Page.Date, now)
	if p.clock.doubtful() {
		return nil
	}
	if group == recheckGroup {
		if err := p.clock.checkAge(res.Page.Date, now); err != nil {
			return err
		}
	}
	at := p.clock.now(now)
	if p.ledger == nil {
		// A restored ledger had to wait, too: before the first answer the gateway's time is not known.
		p.ledger = p.o.Restored
	}
	if p.ledger == nil {
		p.ledger = ledger.New(p.o.Ledger, at.Truncate(time.Second))
	}
	p.ledger.ObserveTime(at, p.clock.own(now))
	if err := r.task.accept(r, res.Page, res.Took, at); err != nil {
		return err
	}
	if group == pendingPageGroup {
		p.pendingRead = now
	}
	p.stepBack(at, now)
	return nil
}

// Step is a gateway's clock that was set back after it had been believed.
type Step struct {
	// Back is how far.
	Back time.Duration
	// From is the start from which sessions are counted: if it is in the future, sessions that start before it are lost.
	From time.Time
}

// TakeStep returns the last step of the gateway's clock, once.
func (p *Planner) TakeStep() (Step, bool) {
	s := p.step
	p.step = nil
	if s == nil {
		return Step{}, false
	}
	return *s, true
}

// stepBack has coverage read again that was closed too early, because the gateway's clock was ahead and has gone back. All tasks then start
// over: the times that they remember are times of that clock.
func (p *Planner) stepBack(at, now time.Time) {
	back, unread := p.ledger.StepBack(at, p.clock.own(now))
	if !unread {
		return
	}
	if back > 0 {
		p.step = &Step{back, p.ledger.OpenFrom()}
	}
	headRead, pendingRead := p.head.read, p.pending.read
	p.head, p.pending, p.recheck, p.backfill = newHead(p), newPending(p), newRecheck(p), newBackfill(p)
	p.head.read, p.head.at, p.pending.read = headRead, at, pendingRead
}

// AllowsOther reports whether a request that is not planned here, such as the one for the credential's user, may be made now.
func (p *Planner) AllowsOther(now time.Time) bool {
	p.share.Refill(now, p.rate())
	return !p.share.Paused(now) && p.share.Allows(budget.Backfill)
}

// ChargeOther charges a request that is not planned here. unanswered says that it got no answer; that does not keep the others at the
// address from making requests.
func (p *Planner) ChargeOther(now time.Time, took time.Duration, unanswered bool) {
	p.share.Refill(now, p.rate())
	p.share.Charge(budget.Backfill, took)
	if unanswered {
		p.share.RecordFailure()
	}
}

// Succeeded says whether the refresh that has just ended succeeded: the head page was read, and the pending page, too, unless the budget
// has put that off for no longer than StaleAfter. attempted is false if no request was made, so that there is no outcome.
func (p *Planner) Succeeded(now time.Time) (ok, attempted bool) {
	if p.failed {
		return false, true
	}
	if !p.head.read {
		return false, false
	}
	return !p.pendingRead.IsZero() && now.Sub(p.pendingRead) < p.o.StaleAfter && p.backoff[pendingPageGroup].allows(now), true
}

// NextTry is the time until which a refresh waits because of failures; it can be in the past.
func (p *Planner) NextTry() time.Time {
	wait := p.backoff[headPageGroup]
	if wait.failures == 0 { // otherwise the pending page is not requested before the head page was read
		wait = p.backoff[pendingPageGroup]
	}
	return ledger.Later(wait.until, p.share.PausedUntil())
}

// Skipped are the seconds whose sessions could not all be read, as far as the last walk knows. The sessions that the gateway did not return
// are not counted.
func (p *Planner) Skipped() []client.SkippedSecond { return p.skipped }

// Hidden is how many sessions of the open coverage the gateway has shown before and no longer counts; 0 if that is not known. While it is
// not 0, the watermark stays, for up to three times the allowed lateness. So sessions that appear in that time are still counted.
func (p *Planner) Hidden() int { return p.head.hidden }

// apply hands a page's rows to the ledger.
func (p *Planner) apply(at time.Time, page *client.SessionPage) {
	p.ledger.Apply(at, page.Sessions)
	p.ledger.ApplyMalformed(at, page.Malformed)
}
