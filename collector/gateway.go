package collector

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
)

const (
	// identifyEvery is how often the gateway is asked who the credential is: roles change.
	identifyEvery = time.Hour
	// identifyAgain is how soon after it could not tell.
	identifyAgain = time.Minute
	// identifyFirst is how soon while nothing can be asked before it is known.
	identifyFirst = 10 * time.Second
	// patience: after time-outs, requests of a kind may take up to so many times the time-out, since giving up on what the gateway goes on
	// working on helps nobody.
	patience = 8
)

// gateway makes the requests, one at a time, and measures them.
type gateway struct {
	client      *client.Client
	timeout     time.Duration
	instruments *exposition.Instruments
	watchdog    watchdog
	slot        *slot

	factor  map[budget.Kind]int // of the time-out, by kind
	version string

	who      *client.UserInfo // who the credential is, as far as the gateway ever told
	whoErr   error            // why it did not the last time
	limited  bool             // the credential does not see all sessions
	identify time.Time        // when to ask again
	doubted  bool             // the credential is another one than who was told about
}

func (g *gateway) ask(ctx context.Context, r planner.Request) (*client.SessionPage, time.Duration, error) {
	page, took, err := timed(ctx, g, g.timeout*time.Duration(max(1, g.factor[r.Kind])), func(ctx context.Context) (*client.SessionPage, error) {
		if r.ID != "" {
			return g.client.GetSession(ctx, r.ID)
		}
		return g.client.ListSessions(ctx, r.List)
	})
	g.adapt(r.Kind, took, err)
	if err != nil {
		return nil, took, err
	}
	if page.Version != "" {
		g.version = page.Version
	}
	return page, took, nil
}

// timed makes a request, and measures it. Where one that was given up is still under way it makes none, and there is nothing to measure.
func timed[T any](ctx context.Context, g *gateway, timeout time.Duration, f func(context.Context) (T, error)) (out T, took time.Duration, err error) {
	if g.watchdog.stuck() {
		return out, 0, errStuck
	}
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	g.slot.while(ctx, func() { out, err = watch(asking, &g.watchdog, f) })
	took = time.Since(start)
	g.instruments.Request(code(err), took)
	return out, took, err
}

// adapt gives a kind that ran into the time-out twice as much of it the next time, and keeps it at twice what such requests take.
func (g *gateway) adapt(k budget.Kind, took time.Duration, err error) {
	if g.factor == nil {
		g.factor = map[budget.Kind]int{}
	}
	switch {
	case err == nil:
		g.factor[k] = min(1+int(2*took/g.timeout), patience)
	case errors.Is(err, client.ErrTimeout):
		g.factor[k] = min(2*max(1, g.factor[k]), patience)
	}
}

// code is the label value for what came of a request.
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
	return client.Kind(err)
}

// identify asks who the credential is, now and then. Who is neither admin nor auditor gets fewer sessions without a word, so we have to say it.
func (c *Collector) identify(ctx context.Context, now time.Time) {
	g := c.gateway
	if now.Before(g.identify) {
		return
	}
	end, ok := c.turn(ctx)
	if !ok {
		return
	}
	defer end()
	if now = c.cfg().clock(); !c.planner.AllowsOther(now) {
		return
	}
	who, took, err := timed(ctx, g, g.timeout, func(ctx context.Context) (*client.UserInfo, error) {
		who, _, err := g.client.UserInfo(ctx)
		return who, err
	})
	if ctx.Err() != nil {
		return
	}
	c.planner.ChargeOther(c.cfg().clock(), took, retryAfter(err, took) > 0)
	if g.whoErr = err; err != nil {
		again := identifyAgain
		if c.cfg().State != nil && (g.who == nil || g.doubted) {
			again = identifyFirst
		}
		g.identify = c.cfg().clock().Add(max(again, retryAfter(err, took)))
		c.log.trouble("identify", "cannot tell whether the credential sees all sessions", err)
		return
	}
	c.log.over("identify")
	g.identify = now.Add(identifyEvery)
	g.who, g.doubted = who, false
	limited := !who.SeesAllSessions()
	if limited {
		level.Warn(c.cfg().Logger).Log("msg", "only part of the sessions is visible: the credential is neither admin nor auditor, so every number is too low",
			"role", who.Role, "hint", "give the exporter an API key in the group auditor")
	} else if g.limited {
		level.Info(c.cfg().Logger).Log("msg", "all sessions are visible now", "role", who.Role)
	}
	g.limited = limited
}
