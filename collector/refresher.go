package collector

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/failurelog"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// backfillPause is how long the backfill waits after it has used up its portion of the budget.
const backfillPause = time.Second

// errClocksDiffer is why the gateway's time is not believed at once.
var errClocksDiffer = errors.New("the gateway's clock and this machine's clock differ: set the one that is wrong")

// errBudget is why refreshes are not complete although no request fails.
var errBudget = errors.New("the budget does not allow a complete refresh within --stale.after: the gateway is slow, or too many organizations share its address; raise --hoop.duty or --stale.after")

// refresher queries the gateway. Always holds: only the goroutine of Run touches it, so nothing in it is locked; it publishes what scrapes
// may see through the link. [Collector.Run] makes one with newRefresher and calls run once.
//
// Order within a refresh: check the identity of the credential, make the requests that the planner wants, finish the ledger's refresh,
// save, publish, and then finish the call that scrapes wait for.
type refresher struct {
	*link
	log      *failurelog.Log
	gateway  *gateway
	slot     slot
	share    *budget.Share // in the budget of the address
	planner  *planner.Planner
	identity identity
	agents   agents
	record   *state.LedgerRecord // nil: the ledger is not saved

	halted         bool // no sessions may be requested
	complete       bool // the first backfill is complete
	progressLogged time.Time
	backfilling    bool // progress was logged, but not yet that the backfill is complete
}

// newRefresher returns a refresher that has a share in the budget of its address. The share is closed when run ends.
func newRefresher(l *link) *refresher {
	cfg := l.cfg()
	r := &refresher{link: l, log: failurelog.New(cfg.Logger, code), slot: slot{slots: cfg.Slots}, share: cfg.Address.budget.NewShare(cfg.clock())}
	r.gateway = &gateway{client: cfg.Client, address: cfg.Address, timeout: cfg.Timeout, instruments: l.instruments, usage: l.usage, slot: &r.slot}
	r.planner = planner.New(cfg.plannerOptions(), r.share)
	return r
}

// run refreshes when a scrape wants it, and does the backfill in between, until ctx ends or the collector is retired.
func (r *refresher) run(ctx context.Context) {
	defer close(r.stopped)
	defer r.close(ctx)
	timer := time.NewTimer(backfillPause)
	defer timer.Stop()
	lastPublished, lastBackfill := time.Now(), time.Now()
	for ctx.Err() == nil && !r.retiring() {
		select {
		case <-ctx.Done():
		case <-r.retired:
		case set := <-r.changes:
			r.reconfigure(set)
		case <-r.calls.wanted:
			err := r.inSlot(ctx, r.refresh)
			lastPublished = time.Now()
			cfg := r.cfg()
			r.calls.finish(err, cfg.clock(), cfg.CacheTTL)
		case <-timer.C:
			_ = r.inSlot(ctx, func(ctx context.Context) error {
				if r.backfill(ctx) && (time.Since(lastPublished) >= r.cfg().CacheTTL || r.planner.Idle()) {
					r.publish(ctx, r.published.Load().status)
					lastPublished = time.Now()
				}
				return nil
			})
			lastBackfill = time.Now()
		}
		// Counted from the last backfill: refreshes that follow each other closely must not put it off forever.
		timer.Reset(max(0, r.untilBackfill()-time.Since(lastBackfill)))
	}
}

// close saves the ledger, and releases everything that it has outside of this process.
func (r *refresher) close(ctx context.Context) {
	r.closeState(context.WithoutCancel(ctx))
	r.share.Close()
	r.gateway.client.CloseIdleConnections()
}

// inSlot calls f while it has a slot.
func (r *refresher) inSlot(ctx context.Context, f func(context.Context) error) error {
	r.slot.acquire(ctx)
	defer r.slot.release()
	return f(ctx)
}

// untilBackfill is how long to wait before the backfill goes on.
func (r *refresher) untilBackfill() time.Duration {
	if r.halted || r.planner.Idle() {
		return time.Hour
	}
	return backfillPause
}

// refresh requests everything that is due, and publishes it. It returns the first error.
func (r *refresher) refresh(ctx context.Context) error {
	start := r.cfg().clock()
	requested, failure := r.requestAll(ctx, start)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := r.cfg().clock()
	s := r.published.Load().status
	ok, attempted, failure := r.outcome(s, requested, failure, now)
	s.ended = now
	if attempted {
		s.attempted, s.up, s.err = true, ok, failure
		r.instruments.Refreshed(now.Sub(start), !ok)
	}
	switch {
	case attempted && ok:
		s.lastSuccess, s.reason = now, ""
		r.log.Recovered("refresh")
	case attempted:
		s.reason = refreshReason(failure)
	}
	s.version, s.role, s.visibilityLimited, s.nextTry = r.gateway.version, r.identity.role(), r.identity.limited, r.nextTry(now)
	r.agents.dropOld(now, r.cfg().StaleAfter)
	s.credentialExpiry, s.agents = r.gateway.client.CredentialExpiry(), r.agents.list
	r.publish(ctx, s)
	return s.err
}

// requestAll makes all requests of a refresh. It returns whether any of them was for sessions, and the first error.
func (r *refresher) requestAll(ctx context.Context, start time.Time) (requested bool, failure error) {
	first := r.identity.needed(r.cfg().State != nil)
	if first { // no other request may be made before it
		r.identify(ctx, start, nil)
	}
	failure = r.checkIdentity(ctx, start)
	switch r.halted = failure != nil; {
	case errors.Is(failure, errIdentityPending):
	case r.halted:
		r.log.Failed("refresh", "the gateway is not queried", failure, r.identity.nextTry()...)
	default:
		requested, failure = r.requestDue(ctx)
	}
	// If no request for sessions was allowed, the gateway requires a pause. The user is not requested then, even if the pause has just
	// ended.
	if !first && (requested || r.halted) {
		r.identify(ctx, r.cfg().clock(), failure)
	}
	if requested {
		r.readAgents(ctx)
	}
	return requested, failure
}

// outcome returns whether a refresh succeeded, whether it has an outcome at all, and why it did not succeed. last is the status before it,
// and failure is the first error of its requests.
func (r *refresher) outcome(last status, requested bool, failure error, now time.Time) (ok, attempted bool, why error) {
	if r.halted {
		return false, !errors.Is(failure, errIdentityPending), failure
	}
	ok, attempted = r.planner.Succeeded(now)
	if ok || failure != nil {
		return ok, attempted, failure
	}
	why = r.whyIncomplete(last, attempted, now)
	// A refresh that made no request has an outcome only if the budget is to blame.
	return false, attempted || why != nil && requested || errors.Is(why, errBudget), why
}

// whyIncomplete returns why a refresh did not succeed although none of its requests failed, or nil if no request was due. last is the
// status before the refresh.
func (r *refresher) whyIncomplete(last status, attempted bool, now time.Time) error {
	if _, doubtful := r.planner.Doubt(now); doubtful {
		return errClocksDiffer
	}
	if last.err != nil && !last.up && !errors.Is(last.err, errClocksDiffer) && !errors.Is(last.err, errBudget) {
		return last.err // what failed then is not requested again yet
	}
	// If nobody has scraped for that long, there were no refreshes that the budget could have prevented.
	stale := !last.lastSuccess.IsZero() && now.Sub(last.lastSuccess) >= r.cfg().StaleAfter && now.Sub(last.ended) < r.cfg().StaleAfter
	if !attempted && (!stale || r.planner.NextTry().After(now) || !r.cfg().Address.mayRequest()) {
		return nil // the budget is not the cause, or the last success is not old enough
	}
	r.log.FailedOnce("budget", "the gateway is not queried often enough", errBudget) // once, because a refresh succeeds now and then
	return errBudget
}

// nextTry is the earliest time at which a refresh queries the gateway again, now that one has failed.
func (r *refresher) nextTry(now time.Time) time.Time {
	at := r.planner.NextTry()
	if r.halted {
		at = r.identity.next
	}
	return ledger.Later(at, now.Add(r.cfg().CacheTTL))
}

// requestDue makes all requests for sessions that a refresh has to make. It returns whether it made any, and the first error.
func (r *refresher) requestDue(ctx context.Context) (requested bool, first error) {
	r.planner.StartRefresh()
	for ctx.Err() == nil && !r.retiring() {
		made, err := r.requestNext(ctx, r.planner.Next)
		if !made {
			break
		}
		requested, first = true, cmp.Or(first, err)
	}
	return requested, first
}

// backfill requests what has not been read of the past, while the budget allows it and no scrape waits. It reports whether it read
// anything.
func (r *refresher) backfill(ctx context.Context) (read bool) {
	for ctx.Err() == nil && !r.calls.waiting() && !r.halted && !r.retiring() {
		made, err := r.requestNext(ctx, r.planner.Background)
		if !made {
			break
		}
		read = err == nil || read
	}
	return read
}

// requestNext makes the request that next returns, if there is one, while no other collector makes one to the same address.
func (r *refresher) requestNext(ctx context.Context, next func(now time.Time) (planner.Request, bool)) (made bool, err error) {
	release, ok := r.acquireAddress(ctx)
	if !ok {
		return false, nil
	}
	defer release()
	request, ok := next(r.cfg().clock())
	if !ok {
		return false, nil
	}
	return true, r.request(ctx, request)
}

// requestOther makes a request that is not for sessions, if the budget allows it now. made is false if it made none, or if the exporter
// is stopping. leave is how long to pause after an error.
func (r *refresher) requestOther(ctx context.Context, request func(context.Context) (took time.Duration, err error)) (made bool, leave time.Duration, err error) {
	release, ok := r.acquireAddress(ctx)
	if !ok {
		return false, 0, nil
	}
	defer release()
	if !r.planner.AllowsOther(r.cfg().clock()) {
		return false, 0, nil
	}
	took, err := request(ctx)
	if ctx.Err() != nil {
		return false, 0, nil
	}
	leave = retryAfter(err, took)
	r.planner.ChargeOther(r.cfg().clock(), took, leave > 0)
	return true, leave, err
}

// request makes one request and gives the answer to the planner.
func (r *refresher) request(ctx context.Context, request planner.Request) error {
	page, took, err := r.gateway.sessions(ctx, request)
	if ctx.Err() != nil {
		return ctx.Err() // the exporter is stopping, so the gateway did not fail
	}
	if err == nil {
		if err = r.identity.checkRows(page); err != nil {
			page, r.identity.next = nil, time.Time{} // find out at once whose credential it is now
		}
	}
	result := planner.Result{Page: page, Err: err, Took: took, RetryAfter: retryAfter(err, took)}
	now := r.cfg().clock()
	if err := r.planner.HandleResult(now, request, result); err != nil {
		keyvals := []any{"for", request.Kind}
		if result.RetryAfter > 0 {
			keyvals = append(keyvals, "next_try", failurelog.Moment(now.Add(result.RetryAfter)))
		}
		r.log.Failed(request.Kind.String(), "a request to the gateway failed", err, keyvals...)
		return err
	}
	r.log.Recovered(request.Kind.String())
	r.reportClock()
	if _, doubtful := r.planner.Doubt(now); !doubtful { // else nothing of the page is used
		r.reportPage(page, now)
	}
	return nil
}

// publish shows what the ledger says now. Counters that cannot be saved stay as they were published last.
func (r *refresher) publish(ctx context.Context, s status) {
	now := r.cfg().clock()
	last := r.published.Load()
	p := &published{at: now, status: s, counted: last.counted}
	complete := false
	if l := r.planner.Ledger(); l != nil {
		if at, shown := last.served.Load(), last.counted.Counters(); at != nil && shown != nil {
			l.MarkServed(shown.Generation, *at)
		}
		l.SetZeroAt(last.at)
		unsaved := l.Finish(r.planner.GatewayTime(now), now)
		p.snapshot = unsaved.Gauges
		if saved, err := r.save(ctx, unsaved, now); err == nil {
			p.counted = saved
		}
		complete = l.BaselineComplete() && len(l.Unread()) == 0
	}
	r.published.Store(p)
	r.reportBackfill(p, complete, now)
}
