package fleet

import (
	"fmt"
	"maps"

	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/failurelog"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// watcher is a fleet as the [lease.Watcher] of its keeper.
type watcher struct{ *Fleet }

// Configured implements [lease.Watcher].
func (f watcher) Configured() (addresses []string, digest string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.config == nil {
		return nil, ""
	}
	seen := map[string]bool{}
	for _, g := range f.config.Gateways() {
		if a := g.Address(); !seen[a] {
			seen[a] = true
			addresses = append(addresses, a)
		}
	}
	return addresses, fmt.Sprintf("%x", f.config.Hash())
}

// Watch implements [lease.Watcher]: it starts the collectors of the gateways at the address.
func (f watcher) Watch(l lease.Lease, t lease.Term) lease.Watch {
	f.applying.Lock()
	defer f.applying.Unlock()
	h := &hold{fleet: f.Fleet, lease: l, store: f.o.Cluster.Store(l), collectors: map[*collector.Collector]bool{}, failures: failurelog.New(f.o.Logger, nil)}
	f.mu.Lock()
	h.address = f.acquireAddress(l.Address)
	f.holds[l.Address] = h
	f.mu.Unlock()
	h.address.SetTerm(t.RequestUntil, t.End)
	level.Info(f.o.Logger).Log("msg", "this process watches a gateway's address now", "address", l.Address, "epoch", l.Epoch)
	h.fill()
	return h
}

// fill starts the collectors of those gateways at the address that have none. It is called again if that fails, for example because a
// certificate cannot be read at the moment. The caller holds the fleet's applying.
func (h *hold) fill() {
	f := h.fleet
	var failed error
	for _, g := range f.Config().Gateways() {
		f.mu.Lock()
		w, over := f.watched[g.Name()], h.done != nil || h.ended
		f.mu.Unlock()
		if g.Address() != h.lease.Address || w != nil || over {
			continue
		}
		w, err := f.newWatched(g, h)
		if err != nil {
			failed = err
			h.failures.Failed(g.Name(), "cannot watch a gateway: trying again", err, "gateway", g.Name())
			continue
		}
		h.failures.Recovered(g.Name())
		f.mu.Lock()
		f.watched[g.Name()] = w
		f.start(w)
		f.mu.Unlock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	h.failed = failed
}

// hold is the address of a lease, with the collectors of its gateways. Always holds: it is in the fleet's holds until it has ended, and its
// collectors are in the fleet's watched until then, so that their metrics are shown.
type hold struct {
	fleet    *Fleet
	lease    lease.Lease
	address  *collector.Address
	store    state.Store
	failures *failurelog.Log // of fill

	// The rest is guarded by the fleet's mu.
	collectors map[*collector.Collector]bool // those that have not ended
	done       chan struct{}                 // closed when the hold has ended after Stop; nil before Stop
	ended      bool
	lost       bool
	failed     error // why a gateway at the address is not watched; only fill replaces it
}

// Extend implements [lease.Watch].
func (h *hold) Extend(t lease.Term) {
	h.address.SetTerm(t.RequestUntil, t.End)
	if h.failed != nil && h.fleet.applying.TryLock() { // a heartbeat does not wait for a new configuration
		defer h.fleet.applying.Unlock()
		h.fill()
	}
}

// Stop implements [lease.Watch].
func (h *hold) Stop() <-chan struct{} {
	h.fleet.mu.Lock()
	defer h.fleet.mu.Unlock()
	if h.done == nil {
		h.done = make(chan struct{})
		for c := range h.collectors {
			c.Retire()
		}
		h.endIfLeft()
	}
	return h.done
}

// Drop implements [lease.Watch].
func (h *hold) Drop() {
	h.fleet.mu.Lock()
	defer h.fleet.mu.Unlock()
	for c := range h.collectors {
		c.Drop()
	}
	h.end()
}

// Lost implements [lease.Watch].
func (h *hold) Lost() bool {
	h.fleet.mu.Lock()
	defer h.fleet.mu.Unlock()
	return h.lost
}

// lose drops all collectors, because one of them could not save: another process watches the address.
func (h *hold) lose() {
	h.Drop()
	h.fleet.mu.Lock()
	defer h.fleet.mu.Unlock()
	h.lost = true
}

// join records a new collector. The caller holds the fleet's mu.
func (h *hold) join(c *collector.Collector) {
	h.collectors[c] = true
	if h.done != nil {
		c.Retire()
	}
	if h.ended {
		c.Drop()
	}
}

// leave records that a collector has ended. The caller holds the fleet's mu.
func (h *hold) leave(w *watched) {
	delete(h.collectors, w.collector)
	h.endIfLeft()
}

// endIfLeft ends the hold if it has to stop and no collector is left. The caller holds the fleet's mu.
func (h *hold) endIfLeft() {
	if h.done != nil && len(h.collectors) == 0 {
		h.end()
	}
}

// end removes the hold and all that it shows from the fleet. The caller holds the fleet's mu.
func (h *hold) end() {
	if h.ended {
		return
	}
	if h.ended = true; h.done != nil {
		close(h.done)
	}
	maps.DeleteFunc(h.fleet.watched, func(_ string, w *watched) bool { return w.hold == h })
	if h.fleet.holds[h.lease.Address] == h {
		delete(h.fleet.holds, h.lease.Address)
	}
	h.fleet.releaseAddress(h.lease.Address)
}
