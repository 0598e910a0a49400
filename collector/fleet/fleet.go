// Package fleet runs a collector for each gateway that this process watches, and applies a changed configuration while they run.
package fleet

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// Options are what all gateways have in common.
type Options struct {
	// Logger gets what an operator should know. Required.
	Logger log.Logger
	// Client makes the client of a gateway. Required.
	Client func(*config.Gateway) (*client.Client, error)
	// State is where the ledgers are saved; nil: nowhere. Not with a Cluster, which has its own.
	State state.Store
	// Concurrency is how many gateways are refreshed at once; 0: all.
	Concurrency int
	// Cluster is what this process shares with others that watch gateways of the same configuration; nil: this process watches all of them.
	Cluster *Cluster

	// clock is the exporter's clock; nil: time.Now. Tests set it wrong on purpose.
	clock func() time.Time
}

// Cluster is several processes that divide gateways among themselves.
type Cluster struct {
	// Table has the members and the leases.
	Table lease.Table
	// Store returns where the ledgers of the gateways at the address of a lease are saved, fenced by its epoch.
	Store func(lease.Lease) state.Store
	// ID and URL are those of this process as a [lease.Member].
	ID, URL string
}

// Fleet has a collector for each gateway that this process watches: those of the configuration, or, in a cluster, those at the addresses
// that it holds. Always holds: at most one collector of a gateway may send requests; without a cluster, a new collector starts after the
// last one has ended. Call Run once, and Apply before or during it, as often as the configuration changes. It is safe for concurrent use.
type Fleet struct {
	o      Options
	slots  *collector.Slots
	keeper *lease.Keeper // nil without a cluster

	applying sync.Mutex // held while a configuration is applied, or a watch begins

	mu        sync.Mutex
	ctx       context.Context // of Run; nil before
	closed    bool            // no more collectors start
	running   sync.WaitGroup
	watched   map[string]*watched
	holds     map[string]*hold // by address; empty without a cluster
	addresses map[string]*address
	config    *config.Config // the current one; nil before the first
}

// watched is a gateway with its collector.
type watched struct {
	gateway   *config.Gateway
	client    *client.Client
	collector *collector.Collector
	hold      *hold           // nil without a cluster
	ended     chan struct{}   // closed when its Run has ended
	after     <-chan struct{} // closed when the gateway's last collector has ended: Run waits for it
}

// address is what the collectors of one gateway address share, and how many there are, including those that are still ending.
type address struct {
	*collector.Address
	users int
}

// New returns a fleet without gateways.
func New(o Options) *Fleet {
	f := &Fleet{o: o, watched: map[string]*watched{}, holds: map[string]*hold{}, addresses: map[string]*address{}}
	if o.Concurrency > 0 {
		f.slots = collector.NewSlots(o.Concurrency)
	}
	if c := o.Cluster; c != nil {
		f.keeper = lease.NewKeeper(lease.KeeperOptions{ID: c.ID, URL: c.URL, Table: c.Table, Watcher: watcher{f}, Logger: o.Logger})
	}
	return f
}

// Collector returns the collector of a gateway that this process watches.
func (f *Fleet) Collector(name string) (*collector.Collector, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, ok := f.watched[name]
	if !ok {
		return nil, false
	}
	return w.collector, true
}

// Only returns the only collector, if the configuration came from flags: it has one gateway, without a name.
func (f *Fleet) Only() *collector.Collector {
	c, _ := f.Collector("")
	return c
}

// Names are the names of the gateways that this process watches, sorted.
func (f *Fleet) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.watched))
}

// Config is the current configuration; nil before the first Apply.
func (f *Fleet) Config() *config.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.config
}

// all returns the gateways that this process watches and whose metrics it may show, sorted by name.
func (f *Fleet) all() []*watched {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.SortedFunc(maps.Values(f.watched), func(a, b *watched) int { return cmp.Compare(a.gateway.Name(), b.gateway.Name()) })
	return slices.DeleteFunc(all, func(w *watched) bool { return w.collector.CheckTerm() != nil })
}

// Run runs all collectors, including those that Apply adds later, and takes part in the cluster, until ctx ends, and returns when all have
// ended.
func (f *Fleet) Run(ctx context.Context) error {
	collecting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	f.mu.Lock()
	if f.ctx != nil {
		f.mu.Unlock()
		return errors.New("the fleet is running already")
	}
	f.ctx = collecting
	for _, w := range f.watched {
		f.start(w)
	}
	f.mu.Unlock()
	if f.keeper != nil {
		f.keeper.Run(ctx)
	}
	<-ctx.Done()
	f.close(cancel)
	f.running.Wait()
	if f.keeper != nil {
		f.keeper.Leave(context.WithoutCancel(ctx)) // all is saved by now
	}
	return nil
}

// close ends all collectors. In a cluster, a request under way continues until it or the lease ends: another process may query the gateway
// right after that, and a gateway continues to work on a request that was canceled.
func (f *Fleet) close(cancel func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.keeper == nil {
		cancel()
		return
	}
	for _, w := range f.watched {
		w.collector.Retire()
	}
	for _, h := range f.holds {
		for c := range h.collectors { // those of gateways that are no longer configured
			c.Retire()
		}
	}
	time.AfterFunc(lease.TTL, cancel)
}

// start runs a gateway's collector. The caller holds mu.
func (f *Fleet) start(w *watched) {
	ctx := f.ctx
	f.running.Go(func() {
		defer f.end(w)
		if w.after != nil {
			// The gateway's last collector may still wait for its last answer, and hold the state file.
			<-w.after
		}
		w.collector.Wake(0)
		err := w.collector.Run(ctx)
		switch {
		case errors.Is(err, collector.ErrLost):
			level.Warn(f.o.Logger).Log("msg", "a collector ended", "gateway", w.gateway.Name(), "err", err)
			if w.hold != nil {
				w.hold.lose()
			}
		case err != nil:
			level.Error(f.o.Logger).Log("msg", "a collector ended", "gateway", w.gateway.Name(), "err", err)
		}
	})
}

// end records that a gateway's collector has ended.
func (f *Fleet) end(w *watched) {
	close(w.ended)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.release(w)
}

// release releases what a collector that has ended, or will not start, shares with others. The caller holds mu.
func (f *Fleet) release(w *watched) {
	f.releaseAddress(w.gateway.Address())
	if w.hold != nil {
		w.hold.leave(w)
	}
}

// acquireAddress returns what the collectors of an address share, for one more user. The caller holds mu.
func (f *Fleet) acquireAddress(at string) *collector.Address {
	a := f.addresses[at]
	if a == nil {
		a = &address{Address: collector.NewAddress()}
		f.addresses[at] = a
	}
	a.users++
	return a.Address
}

// releaseAddress is the counterpart of acquireAddress. The caller holds mu.
func (f *Fleet) releaseAddress(at string) {
	a := f.addresses[at]
	if a.users--; a.users == 0 {
		delete(f.addresses, at)
	}
}

// wakeAfter is the longest time that a gateway goes without a refresh before Wake starts one, so that its health is known and its sessions
// are counted even if nothing scrapes it.
const wakeAfter = time.Minute

// Wake starts a refresh of each gateway that was not refreshed for a while. It does not wait.
func (f *Fleet) Wake() {
	for _, w := range f.all() {
		w.collector.Wake(min(wakeAfter, w.gateway.Collector().StaleAfter/2))
	}
}
