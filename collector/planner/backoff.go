package planner

import (
	"math/rand/v2"
	"time"
)

const (
	firstWait = time.Second
	longWait  = time.Minute
)

// retryGroup is a group of tasks that wait together after one of their requests has failed.
type retryGroup int

const (
	headPageGroup retryGroup = iota
	headRestGroup
	pendingPageGroup
	pendingRestGroup
	oldPendingGroup
	recheckGroup
	backfillGroup
	retryGroups // how many there are
)

// backoff makes a retry group that failed wait before its next request.
type backoff struct {
	failures int // in a row
	until    time.Time
}

func (b *backoff) allows(now time.Time) bool { return !now.Before(b.until) }

func (b *backoff) succeeded() { *b = backoff{} }

// failed makes the group wait twice as long as the last time, give or take a fifth, so that many exporters do not come back at the same
// moment.
func (b *backoff) failed(now time.Time, rng *rand.Rand) {
	wait := longWait
	if b.failures < 6 {
		wait = min(firstWait<<b.failures, longWait)
	}
	b.failures++
	b.until = now.Add(time.Duration(float64(wait) * (0.8 + 0.4*rng.Float64())))
}
