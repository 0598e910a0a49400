package collector

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hoop-exporter/hoop_exporter/collector/budget"
)

// Address is what the collectors of one gateway address share: the budget of time for requests, and the right to make one. Always holds: at
// most one request to the address is under way; collectors take turns in the order in which they came; and if the right has a term, no
// request begins or goes on beyond it. It is safe for concurrent use.
type Address struct {
	request *semaphore.Weighted // held during a request
	budget  *budget.Budget

	mu                sync.Mutex
	requestUntil, end time.Time               // the term; zero: there is no end
	timer             *time.Timer             // fires at end; nil without a term
	cancel            context.CancelCauseFunc // of the request under way; nil: there is none
}

// NewAddress returns an address without collectors.
func NewAddress() *Address {
	return &Address{request: semaphore.NewWeighted(1), budget: budget.New(time.Time{})}
}

// errTermEnded is why a request is canceled at the end of the term, and why metrics are not shown after it.
var errTermEnded = errors.New("the lease of the gateway has ended, because this process cannot reach the database in time: another process may watch the gateway now")

// SetTerm replaces the term: requests may begin until requestUntil, those under way are canceled at end, and metrics may be shown until
// end. Both times come from [time.Now], so they have a monotonic reading. Without a term there is no bound.
func (a *Address) SetTerm(requestUntil, end time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requestUntil, a.end = requestUntil, end
	if a.timer == nil {
		a.timer = time.AfterFunc(time.Until(end), a.expire)
	} else {
		a.timer.Reset(time.Until(end))
	}
}

// expire cancels the request under way, unless the term was replaced by a later one in the meantime: then the timer runs again.
func (a *Address) expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil && passed(a.end) {
		a.cancel(errTermEnded)
	}
}

// mayRequest reports whether a request may begin.
func (a *Address) mayRequest() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.timer == nil || !passed(a.requestUntil)
}

// checkTerm fails after the end of the term.
func (a *Address) checkTerm() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil && passed(a.end) {
		return errTermEnded
	}
	return nil
}

// passed reports whether a time has passed, by the monotonic clock or by the wall clock: while a machine is suspended, its monotonic clock
// stands still. If the wall clock is merely set ahead, a holder stops until its next heartbeat.
func passed(t time.Time) bool {
	now := time.Now()
	return !now.Before(t) || !now.Round(0).Before(t.Round(0))
}

// during calls request with a context that ends with the term, and returns why it ended early. The context has already ended if the term
// passed while the process was stopped, after it had checked that a request may begin.
func (a *Address) during(ctx context.Context, request func(context.Context)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.setCancel(cancel)
	defer a.setCancel(nil)
	if !a.mayRequest() {
		cancel(errTermEnded)
	}
	request(ctx)
	return context.Cause(ctx)
}

func (a *Address) setCancel(cancel context.CancelCauseFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cancel = cancel
}

// acquireAddress waits until the refresher may make a request to the address. Call release after the request. ok is false if ctx has ended,
// the collector was retired, or the term does not allow a request; then there is nothing to release.
func (r *refresher) acquireAddress(ctx context.Context) (release func(), ok bool) {
	address := r.cfg().Address
	request := address.request
	if !request.TryAcquire(1) {
		var err error
		r.slot.releaseDuring(func() { err = request.Acquire(ctx, 1) })
		if err != nil {
			return nil, false
		}
	}
	if r.retiring() || !address.mayRequest() {
		request.Release(1)
		return nil, false
	}
	return func() { request.Release(1) }, true
}
