package collector

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/go-kit/log/level"
)

// settings are a configuration and what is made of it for scrapes. They are immutable; a change of the configuration makes new ones.
type settings struct {
	Config
	exposition *exposition
}

func newSettings(cfg Config) (*settings, error) {
	if cfg.Client == nil {
		return nil, errors.New("collector without a client")
	}
	cfg = cfg.withDefaults()
	e, err := newExposition(cfg)
	if err != nil {
		return nil, fmt.Errorf("preparing the metrics: %w", err)
	}
	return &settings{cfg, e}, nil
}

// cfg is the configuration that holds now.
func (c *Collector) cfg() Config { return c.settings.Load().Config }

// Reconfigure prepares a change of the configuration, for a collector of the same sessions: it fails where New would, and has done nothing
// before apply is called. Then the collector goes on with its ledger, its cache and what it has published; a request under way ends as it
// began. Address, Slots, State, Logger and the kind of buckets that requests are measured in stay what they are.
func (c *Collector) Reconfigure(cfg Config) (apply func(), err error) {
	was := c.cfg()
	cfg.Address, cfg.Slots, cfg.State, cfg.Logger, cfg.clock = was.Address, was.Slots, was.State, was.Logger, was.clock
	set, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	return func() {
		c.wanted.Store(set)
		select {
		case c.change <- struct{}{}:
		default: // Run will come to the last one
		}
	}, nil
}

// reconfigure goes on with what Reconfigure wants.
func (c *Collector) reconfigure() {
	set := c.wanted.Swap(nil)
	if set == nil {
		return
	}
	was := c.settings.Swap(set)
	g := c.gateway
	g.timeout, g.factor = set.Timeout, nil
	if set.Client != was.Client {
		// Whose credential it is has to be known before anything is counted by it.
		g.client, g.identify, g.whoErr, g.doubted = set.Client, time.Time{}, nil, true
		was.Client.CloseIdleConnections()
	}
	before, after := was.planning(), set.planning()
	before.Seed, after.Seed = 0, 0
	if reflect.DeepEqual(before, after) {
		return
	}
	p, err := c.planner.Retuned(set.planning())
	if err != nil { // its own image, in other words a mistake of ours
		level.Error(set.Logger).Log("msg", "the ledger goes on with the settings that it had", "err", err)
		return
	}
	c.planner = p
}

// Retire has Run end once no request is under way, so that a gateway is not asked again while it still works on the last one.
func (c *Collector) Retire() { c.retire.Do(func() { close(c.retired) }) }

func (c *Collector) retiring() bool {
	select {
	case <-c.retired:
		return true
	default:
		return false
	}
}

// Health is how the asking goes, for who watches many collectors.
type Health struct {
	// Up is what hoop_up says.
	Up bool
	// LastSuccess is when a refresh last succeeded, by the exporter's clock; zero before the first.
	LastSuccess time.Time
	// Withheld tells that gauges are withheld, because no refresh has succeeded for too long.
	Withheld bool
	// VisibilityLimited tells that the credential sees only part of the sessions.
	VisibilityLimited bool
}

// Health returns how the asking goes. It asks nothing.
func (c *Collector) Health() Health {
	set, p := c.settings.Load(), c.published.Load()
	v := p.view(set.Config, set.clock())
	return Health{Up: v.Up, LastSuccess: v.LastSuccess, Withheld: v.Withheld, VisibilityLimited: v.VisibilityLimited}
}
