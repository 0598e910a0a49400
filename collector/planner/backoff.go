package planner

import (
	"math/rand/v2"
	"time"
)

const (
	backoffFirst = time.Second
	backoffMost  = time.Minute
)

// backoff keeps a kind that failed from asking again at once.
type backoff struct {
	failures int
	until    time.Time
}

func (b *backoff) allows(now time.Time) bool { return !now.Before(b.until) }

func (b *backoff) succeeded() { *b = backoff{} }

// failed waits twice as long as the last time, give or take a fifth so that many exporters do not come back together.
func (b *backoff) failed(now time.Time, rng *rand.Rand) {
	wait := backoffMost
	if b.failures < 6 {
		wait = min(backoffFirst<<b.failures, backoffMost)
	}
	b.failures++
	b.until = now.Add(time.Duration(float64(wait) * (0.8 + 0.4*rng.Float64())))
}
