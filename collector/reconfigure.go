package collector

import (
	"fmt"
	"reflect"
	"time"

	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// settings are a valid configuration and the exposition that follows from it. They are immutable: a change of the configuration creates new
// ones.
type settings struct {
	Config
	exposition *exposition.Exposition
}

// newSettings fails if cfg is not valid.
func newSettings(cfg Config) (*settings, error) {
	cfg, err := cfg.validated()
	if err != nil {
		return nil, err
	}
	e, err := exposition.New(cfg.expositionOptions())
	if err != nil {
		return nil, fmt.Errorf("preparing the metrics: %w", err)
	}
	return &settings{cfg, e}, nil
}

// Reconfigure prepares a change of the configuration of a collector whose sessions stay the same. It fails if New would, and changes
// nothing before apply is called. After that the collector goes on with its ledger, its cache and what it has published; a request under
// way keeps the old settings. Address, Slots, State, Logger and the kind of buckets that requests are measured in stay as they were.
func (c *Collector) Reconfigure(cfg Config) (apply func(), err error) {
	was := c.cfg()
	cfg.Address, cfg.Slots, cfg.State, cfg.Logger, cfg.clock = was.Address, was.Slots, was.State, was.Logger, was.clock
	set, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	return func() { c.change(set) }, nil
}

// change hands these settings to the refresher. If it has not yet applied the ones before, they are replaced.
func (l *link) change(set *settings) {
	for {
		select {
		case l.changes <- set:
			return
		default:
		}
		select {
		case <-l.changes:
		default:
		}
	}
}

// reconfigure applies new settings.
func (r *refresher) reconfigure(set *settings) {
	was := r.settings.Swap(set)
	r.gateway.timeout, r.gateway.factor = set.Timeout, nil
	if set.Client != was.Client {
		// Nothing is counted before it is known whose sessions the new credential shows.
		r.gateway.client = set.Client
		r.identity.next, r.identity.err, r.identity.replaced = time.Time{}, nil, true
		r.agents = agents{}
		was.Client.CloseIdleConnections()
	}
	before, after := was.plannerOptions(), set.plannerOptions()
	before.Seed, after.Seed = 0, 0
	if reflect.DeepEqual(before, after) {
		return
	}
	p, err := r.planner.Reconfigured(set.plannerOptions())
	if err != nil { // the planner cannot restore its own ledger: a bug
		level.Error(set.Logger).Log("msg", "the ledger keeps its previous settings", "err", err)
		return
	}
	r.planner = p
}
