package collector

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
)

// maxTimeoutFactor bounds the multiple of the timeout that requests of a kind get after timeouts: the gateway goes on working on a request
// that was given up, so giving it up later costs less.
const maxTimeoutFactor = 8

// maxRetryAfter bounds how long the gateway is left alone because of a header Retry-After: a proxy's maintenance page may say an hour
// although the gateway is back after a minute.
const maxRetryAfter = 5 * time.Minute

// gateway makes the requests and measures them. Always holds: at most one request is under way, except for one that the watchdog gave up;
// until that has ended, no other one is made. The refresher calls it with the address acquired.
type gateway struct {
	client      *client.Client
	address     *Address
	timeout     time.Duration
	instruments *exposition.Instruments
	usage       *usage
	watchdog    watchdog
	slot        *slot

	factor  map[budget.Kind]int // of the timeout, by kind
	version string              // as in the last page; "": that did not name it, or there was no page yet
}

// sessions makes a request for a page of sessions, or for one session.
func (g *gateway) sessions(ctx context.Context, r planner.Request) (*client.SessionPage, time.Duration, error) {
	page, took, err := measured(ctx, g, g.timeout*time.Duration(max(1, g.factor[r.Kind])), func(ctx context.Context) (*client.SessionPage, error) {
		if r.ID != "" {
			return g.client.GetSession(ctx, r.ID)
		}
		return g.client.ListSessions(ctx, r.List)
	})
	g.adaptTimeout(r.Kind, took, err)
	if err != nil {
		return nil, took, err
	}
	g.version = page.Version
	return page, took, nil
}

// user makes a request for the user that the credential belongs to.
func (g *gateway) user(ctx context.Context) (*client.UserInfo, time.Duration, error) {
	return measured(ctx, g, g.timeout, func(ctx context.Context) (*client.UserInfo, error) {
		user, _, err := g.client.UserInfo(ctx)
		return user, err
	})
}

// agents makes a request for the agents.
func (g *gateway) agents(ctx context.Context) (*client.AgentList, time.Duration, error) {
	return measured(ctx, g, g.timeout, g.client.Agents)
}

// measured makes a request, which ends with the term of the address, and measures it. While a request that was given up is still under way,
// it makes none and measures nothing.
func measured[T any](ctx context.Context, g *gateway, timeout time.Duration, request func(context.Context) (T, error)) (out T, took time.Duration, err error) {
	if g.watchdog.stuck() {
		return out, 0, errStuck
	}
	ended := g.address.during(ctx, func(ctx context.Context) {
		bounded, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		g.slot.releaseDuring(func() {
			start := time.Now()
			out, err = watch(bounded, &g.watchdog, request)
			took = time.Since(start)
		})
	})
	g.instruments.Request(code(err), took)
	g.usage.add(time.Now(), took)
	if ended != nil && err != nil {
		err = ended
	}
	return out, took, err
}

// adaptTimeout doubles the timeout of a kind after a timeout, and after a success sets it to about twice what the request took.
func (g *gateway) adaptTimeout(k budget.Kind, took time.Duration, err error) {
	if g.factor == nil {
		g.factor = map[budget.Kind]int{}
	}
	switch {
	case err == nil:
		g.factor[k] = min(1+int(2*took/g.timeout), maxTimeoutFactor)
	case errors.Is(err, client.ErrTimeout):
		g.factor[k] = min(2*max(1, g.factor[k]), maxTimeoutFactor)
	}
}

// retryAfter is how long the gateway gets no request after an error: what its Retry-After says, up to [maxRetryAfter]; after a timeout,
// four times what the request took, because the gateway goes on working on it for an unknown time.
func retryAfter(err error, took time.Duration) time.Duration {
	if s, ok := errors.AsType[*client.StatusError](err); ok {
		return min(s.RetryAfter, maxRetryAfter)
	}
	if errors.Is(err, client.ErrTimeout) {
		return 4 * took
	}
	return 0
}

// code is the label value for the outcome of a request.
func code(err error) string {
	var s *client.StatusError
	switch {
	case err == nil:
		return "200"
	case errors.As(err, &s):
		return strconv.Itoa(s.Code)
	case errors.Is(err, errStuck):
		return "stuck"
	}
	return client.ErrorLabel(err)
}

// refreshReason is the reason of a failed refresh for a label. The words are in the help of hoop_exporter_refresh_error.
func refreshReason(err error) string {
	switch {
	case errors.Is(err, errStuck):
		return "stuck"
	case errors.Is(err, errClocksDiffer), errors.Is(err, planner.ErrNoDate):
		return "clock"
	case errors.Is(err, planner.ErrCopy), errors.Is(err, planner.ErrOld):
		return "copy"
	case errors.Is(err, errIncompleteUser):
		return "incomplete"
	case isError[ownerError](err):
		return "identity"
	case isError[stateError](err):
		return "state"
	case err == nil:
		return "other"
	}
	return client.ErrorLabel(err)
}

func isError[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// sameReason reports whether two requests failed for the same known reason.
func sameReason(a, b error) bool {
	return a != nil && b != nil && code(a) == code(b) && code(a) != "other"
}
