package lease

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// slowTable answers heartbeats at once, and hangs in all other calls: they wait for locks that other processes have.
type slowTable struct {
	*script
	hangs atomic.Bool
}

func (s *slowTable) Acquire(ctx context.Context, member string, addresses []string) ([]Lease, error) {
	if s.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.script.Acquire(ctx, member, addresses)
}

func (s *slowTable) Release(ctx context.Context, leases []Lease) error {
	if s.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.script.Release(ctx, leases)
}

// A call that waits for locks in the table, such as for a save by the last holder of an address, costs no lease.
func TestAHeartbeatIsNotLateBecauseOtherCallsAreSlow(t *testing.T) {
	s := newScript("x", "y")
	table := &slowTable{script: s}
	keptWith(t, s, table, func(t *testing.T, k *Keeper, _ *collectortest.Log) {
		tick()
		want(t, s, "watch x 1, watch y 1, acquire [x y]")
		w := s.watched["x"]
		table.hangs.Store(true)
		s.set(func() { // y is not configured any more, and z is free
			s.configured = []string{"x", "z"}
			close(s.watched["y"].done)
		})
		for range 60 {
			time.Sleep(time.Second)
			s.set(func() {
				if left := time.Until(w.term.RequestUntil); left <= 0 {
					t.Errorf("no request may begin: %v", left)
				}
			})
		}
	})
}
