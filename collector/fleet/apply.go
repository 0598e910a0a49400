package fleet

import (
	"fmt"
	"strings"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

// maxNamed is how many gateways a log line names at most for each kind of difference.
const maxNamed = 20

// Apply replaces the configuration. A gateway that has not changed is not touched. One that keeps its address and filters keeps its ledger,
// its cache and what it exposes. Any other gateway gets another ledger, after its last collector has ended. Gateways that are gone are no
// longer exposed, and their collectors end after the request under way. After an error, nothing has changed. In a cluster, this applies to
// the gateways that this process watches; the others are only checked.
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
	for name, w := range p.watched {
		if w.hold != nil && w.hold.ended { // since it was planned
			delete(p.watched, name)
		}
	}
	gone, was := f.watched, f.config
	f.watched, f.config = p.watched, c
	for name, w := range gone {
		if now := f.watched[name]; now == nil || now.collector != w.collector {
			f.retire(w)
			if now != nil && f.ctx != nil {
				now.after = w.ended
			}
		}
	}
	if f.ctx != nil && !f.closed {
		for _, w := range p.added {
			f.start(w)
		}
	}
	fields := []any{"msg", "configuration applied", "gateways", len(c.Gateways()), "watched", len(f.watched)}
	level.Info(f.o.Logger).Log(append(fields, differences(was, c)...)...)
	return nil
}

// differences are log fields with the names of the gateways that differ between two configurations. There are none for the first
// configuration.
func differences(was, now *config.Config) (fields []any) {
	if was == nil {
		return nil
	}
	var added, changed, gone []string
	for _, g := range now.Gateways() {
		if before := was.Gateway(g.Name()); before == nil {
			added = append(added, g.Name())
		} else if !before.Equal(g) {
			changed = append(changed, g.Name())
		}
	}
	for _, g := range was.Gateways() {
		if now.Gateway(g.Name()) == nil {
			gone = append(gone, g.Name())
		}
	}
	for _, d := range []struct {
		field string
		names []string
	}{{"new", added}, {"changed", changed}, {"gone", gone}} {
		if n := len(d.names) - maxNamed; n > 0 {
			d.names = append(d.names[:maxNamed], fmt.Sprintf("and %d more", n))
		}
		if len(d.names) > 0 {
			fields = append(fields, d.field, strings.Join(d.names, ","))
		}
	}
	return fields
}

// plan is what Apply is going to do.
type plan struct {
	watched map[string]*watched
	added   []*watched
	changes []func()
}

// plan does everything that can fail, and changes nothing.
func (f *Fleet) plan(c *config.Config) (*plan, error) {
	p := &plan{watched: map[string]*watched{}}
	for _, g := range c.Gateways() {
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
	was, held, ending := f.watched[g.Name()], f.holds[g.Address()], false
	if held != nil {
		ending = held.done != nil
	}
	f.mu.Unlock()
	switch {
	case f.keeper != nil && (held == nil || ending):
		if was != nil && was.gateway.SameSessions(g) {
			p.watched[g.Name()] = was // it ends with the lease
			return nil
		}
		return f.check(g)
	case was == nil || !was.gateway.SameSessions(g):
		w, err := f.newWatched(g, held)
		if err != nil {
			return err
		}
		p.watched[g.Name()] = w
		p.added = append(p.added, w)
	case was.gateway.Equal(g):
		p.watched[g.Name()] = was
	default:
		change, w, err := f.reconfigure(was, g)
		if err != nil {
			return err
		}
		p.watched[g.Name()] = w
		p.changes = append(p.changes, change)
	}
	return nil
}

// reconfigure prepares the change of a gateway whose sessions stay the same.
func (f *Fleet) reconfigure(was *watched, g *config.Gateway) (change func(), w *watched, err error) {
	w = &watched{gateway: g, client: was.client, collector: was.collector, hold: was.hold, ended: was.ended, after: was.after}
	cfg := g.Collector()
	if cfg.Client = was.client; !was.gateway.SameClient(g) {
		if w.client, err = f.o.Client(g); err != nil {
			return nil, nil, err
		}
		cfg.Client = w.client
	}
	change, err = was.collector.Reconfigure(cfg)
	return change, w, err
}

// check fails if a gateway that another process watches could not be watched here.
func (f *Fleet) check(g *config.Gateway) error {
	c, err := f.o.Client(g)
	if err != nil {
		return err
	}
	defer c.CloseIdleConnections()
	cfg := g.Collector()
	cfg.Client = c
	_, err = collector.New(cfg)
	return err
}

// newWatched returns a gateway whose collector does not run yet. h is nil without a cluster.
func (f *Fleet) newWatched(g *config.Gateway, h *hold) (*watched, error) {
	var err error
	w := &watched{gateway: g, hold: h, ended: make(chan struct{})}
	if w.client, err = f.o.Client(g); err != nil {
		return nil, err
	}
	cfg := g.Collector()
	cfg.Client, cfg.Slots, cfg.State = w.client, f.slots, f.o.State
	if cfg.Logger = f.o.Logger; g.Name() != "" {
		cfg.Logger = log.With(f.o.Logger, "gateway", g.Name())
	}
	if h != nil {
		cfg.State = h.store
	}
	if f.o.clock != nil {
		cfg = cfg.WithClock(f.o.clock)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	cfg.Address = f.acquireAddress(g.Address())
	if w.collector, err = collector.New(cfg); err != nil {
		f.releaseAddress(g.Address())
		return nil, err
	}
	if h != nil {
		h.join(w.collector)
	}
	return w, nil
}

// discard undoes a plan that is not carried out.
func (f *Fleet) discard(p *plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range p.added {
		f.release(w)
	}
}

// retire ends a gateway's collector after the request under way. The caller holds mu.
func (f *Fleet) retire(w *watched) {
	w.collector.Retire()
	if f.ctx == nil {
		f.release(w)
	}
}
