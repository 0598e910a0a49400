package fleet

import (
	"fmt"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/shard"
)

// Apply replaces the configuration. A gateway in which nothing has changed is not touched. One whose address and filters are the same keeps its
// ledger, its cache and what it exposes; any other one starts a ledger of its own, after the last one has ended. Gateways that are gone are
// no longer exposed, and their collectors end after the request under way. After an error, nothing has changed.
func (f *Fleet) Apply(c *config.Config) error {
	f.applying.Lock()
	defer f.applying.Unlock()
	p, err := f.plan(c)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, change := range p.changes {
		change()
	}
	gone := f.members
	f.members, f.config, f.owned = p.members, c, p.owned
	for name, m := range gone {
		if now := f.members[name]; now == nil || now.collector != m.collector {
			f.retire(m)
			if now != nil && f.ctx != nil {
				now.after = m.ended
			}
		}
	}
	if f.ctx != nil && f.ctx.Err() == nil {
		for _, m := range p.added {
			f.start(m)
		}
	}
	level.Info(f.o.Logger).Log("msg", "configuration applied", "gateways", len(c.Gateways()), "own", len(f.members),
		"new", len(p.added), "changed", len(p.changes), "gone", len(gone)+len(p.added)-len(f.members))
	return nil
}

// plan is what Apply is going to do.
type plan struct {
	owned   []owned
	members map[string]*member
	added   []*member
	changes []func()
}

// plan does everything that can fail, and changes nothing.
func (f *Fleet) plan(c *config.Config) (*plan, error) {
	p := &plan{members: map[string]*member{}}
	for _, g := range c.Gateways() {
		owner := shard.Owner(g.Address(), max(f.o.Shard.Total, 1))
		p.owned = append(p.owned, owned{g, owner})
		if owner != f.o.Shard.Index {
			continue
		}
		if err := f.add(p, g); err != nil {
			f.discard(p)
			if g.Name() == "" {
				return nil, err
			}
			return nil, fmt.Errorf("gateway %s: %w", g.Name(), err)
		}
	}
	return p, nil
}

func (f *Fleet) add(p *plan, g *config.Gateway) error {
	f.mu.Lock()
	was := f.members[g.Name()]
	f.mu.Unlock()
	switch {
	case was == nil || !was.gateway.SameSessions(g):
		m, err := f.newMember(g)
		if err != nil {
			return err
		}
		p.members[g.Name()] = m
		p.added = append(p.added, m)
	case was.gateway.Equal(g):
		p.members[g.Name()] = was
	default:
		m := *was
		m.gateway = g
		cfg := g.Collector()
		if cfg.Client = was.client; !was.gateway.SameClient(g) {
			var err error
			if m.client, err = f.o.Client(g); err != nil {
				return err
			}
			cfg.Client = m.client
		}
		change, err := was.collector.Reconfigure(cfg)
		if err != nil {
			return err
		}
		p.members[g.Name()] = &m
		p.changes = append(p.changes, change)
	}
	return nil
}

// newMember returns a member that does not run yet.
func (f *Fleet) newMember(g *config.Gateway) (*member, error) {
	var err error
	m := &member{gateway: g, ended: make(chan struct{})}
	if m.client, err = f.o.Client(g); err != nil {
		return nil, err
	}
	cfg := g.Collector()
	cfg.Client, cfg.Slots = m.client, f.slots
	if cfg.Logger = f.o.Logger; g.Name() != "" {
		cfg.Logger = log.With(f.o.Logger, "gateway", g.Name())
	}
	if f.o.State != nil {
		cfg.State = f.o.State(g.Address())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	cfg.Address = f.acquireAddress(g.Address())
	if m.collector, err = collector.New(cfg); err != nil {
		f.releaseAddress(g.Address())
	}
	return m, err
}

// discard undoes a plan that is not executed.
func (f *Fleet) discard(p *plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range p.added {
		f.releaseAddress(m.gateway.Address())
	}
}

// retire ends a member. The caller holds mu.
func (f *Fleet) retire(m *member) {
	m.collector.Retire()
	if f.ctx == nil {
		f.releaseAddress(m.gateway.Address())
	}
}
