// Package fleet runs a collector for each gateway of a configuration, and applies a changed configuration while they run.
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
	"github.com/hoop-exporter/hoop_exporter/collector/shard"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// Options are what all gateways have in common.
type Options struct {
	// Logger gets what an operator should know. Required.
	Logger log.Logger
	// Client makes the client of a gateway. Required.
	Client func(*config.Gateway) (*client.Client, error)
	// State returns where the ledgers of the gateways at an address are saved; nil: nowhere. Default: nowhere.
	State func(address string) state.Store
	// Concurrency is how many gateways are refreshed at once; 0: all.
	Concurrency int
	// Shard selects the gateways of this process. Default: all.
	Shard shard.Shard
	// ShardAddress is the address of each shard, with {index} for its index. Default: unknown.
	ShardAddress string
}

// Fleet has a collector for each gateway of this process. Invariant: a gateway has at most one running collector, and a new one starts after
// the last one has ended. Call Run once, and Apply before or during it, as often as the configuration changes. It is safe for concurrent use.
type Fleet struct {
	o     Options
	slots *collector.Slots

	applying sync.Mutex // held while a configuration is applied

	mu        sync.Mutex
	ctx       context.Context // of Run; nil before
	running   sync.WaitGroup
	members   map[string]*member
	addresses map[string]*address
	config    *config.Config // the current one; nil before the first
	owned     []owned        // its gateways, sorted by name
}

// owned is a gateway with the index of the shard that owns it, kept because hashing many gateways and shards takes a while.
type owned struct {
	gateway *config.Gateway
	owner   int
}

// member is a gateway with its collector.
type member struct {
	gateway   *config.Gateway
	client    *client.Client
	collector *collector.Collector
	ended     chan struct{}   // closed when its Run has ended
	after     <-chan struct{} // closed when the gateway's last collector has ended: Run waits for it
}

// address is what the collectors of one gateway address share, and how many they are, including those that are still ending.
type address struct {
	*collector.Address
	users int
}

// New returns a fleet without gateways.
func New(o Options) *Fleet {
	f := &Fleet{o: o, members: map[string]*member{}, addresses: map[string]*address{}}
	if o.Concurrency > 0 {
		f.slots = collector.NewSlots(o.Concurrency)
	}
	return f
}

// Collector returns the collector of a gateway of this process.
func (f *Fleet) Collector(name string) (*collector.Collector, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, ok := f.members[name]
	if !ok {
		return nil, false
	}
	return m.collector, true
}

// Only returns the only collector, where the configuration came from flags: it has one gateway, without a name.
func (f *Fleet) Only() *collector.Collector {
	c, _ := f.Collector("")
	return c
}

// Names are the names of this process's gateways, sorted.
func (f *Fleet) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.members))
}

// Config is the current configuration; nil before the first Apply.
func (f *Fleet) Config() *config.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.config
}

// all returns the members, sorted by name.
func (f *Fleet) all() []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.SortedFunc(maps.Values(f.members), func(a, b *member) int { return cmp.Compare(a.gateway.Name(), b.gateway.Name()) })
}

// Run runs all collectors, including those that Apply adds later, until ctx ends, and returns when all have ended.
func (f *Fleet) Run(ctx context.Context) error {
	f.mu.Lock()
	if f.ctx != nil {
		f.mu.Unlock()
		return errors.New("the fleet is running already")
	}
	f.ctx = ctx
	for _, m := range f.members {
		f.start(m)
	}
	f.mu.Unlock()
	<-ctx.Done()
	f.applying.Lock() // no more are added
	defer f.applying.Unlock()
	f.running.Wait()
	return nil
}

// start runs a member's collector. The caller holds mu.
func (f *Fleet) start(m *member) {
	ctx := f.ctx
	f.running.Go(func() {
		defer f.end(m)
		if m.after != nil {
			// The gateway's last collector may still wait for its last answer, and hold the state file.
			<-m.after
		}
		m.collector.Wake(0)
		if err := m.collector.Run(ctx); err != nil {
			level.Error(f.o.Logger).Log("msg", "a collector ended", "gateway", m.gateway.Name(), "err", err)
		}
	})
}

// end records that a member's collector has ended.
func (f *Fleet) end(m *member) {
	close(m.ended)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.releaseAddress(m.gateway.Address())
}

// acquireAddress returns what the collectors of an address share, for one more of them. The caller holds mu.
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

// wakeAfter is the longest time without a scrape after which Wake refreshes a gateway, so that its health is known, and its sessions are
// counted, where nothing scrapes it.
const wakeAfter = time.Minute

// Wake starts a refresh of each gateway that was not scraped for a while. It does not wait.
func (f *Fleet) Wake() {
	for _, m := range f.all() {
		m.collector.Wake(min(wakeAfter, m.gateway.Collector().StaleAfter/2))
	}
}
