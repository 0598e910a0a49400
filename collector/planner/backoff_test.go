package planner

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestBackoffGrowsToAMinute(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var b backoff
	now := noon()
	for i, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		b.failed(now, rng)
		want := time.Duration(seconds) * time.Second
		if wait := b.until.Sub(now); wait < want*8/10 || wait > want*12/10 {
			t.Errorf("failure %d: waits %v, want about %v", i+1, wait, want)
		}
		if b.allows(b.until.Add(-1)) || !b.allows(b.until) {
			t.Errorf("failure %d: wrong end of the wait", i+1)
		}
	}
	if b.succeeded(); !b.allows(now) {
		t.Error("a success has to end the wait")
	}
}
