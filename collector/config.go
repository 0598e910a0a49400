package collector

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// Config is what a Collector needs. A zero value means zero, never a default. If that makes no sense, New fails.
type Config struct {
	// Client makes the requests to the gateway. Required.
	Client *client.Client
	// Logger gets what an operator should know; nil: nothing is logged.
	Logger log.Logger

	// Filters narrow the sessions that are watched. They are names, not patterns.
	client.Filters

	// Lookback is how far the first backfill goes back; above 0.
	Lookback time.Duration
	// AllowedLateness is how long after its start a session may show up and still be counted; above 0.
	AllowedLateness time.Duration
	// ForgetAfter is how long an unfinished session is watched; above 0.
	ForgetAfter time.Duration
	// LongRunning and Overdue are the thresholds of hoop_long_running_sessions and hoop_overdue_reviews.
	LongRunning, Overdue []exposition.Threshold
	// ConnectionTags are the tag keys that become labels of hoop_connection_info.
	ConnectionTags []string

	// MaxConnections is how many connections keep their name; the others become "<other>". 0: all keep it.
	MaxConnections int
	// FirstValueHold is how long a series that is created with a value shows 0 first, counted from when it was first served. 0: not at all.
	FirstValueHold time.Duration
	// NoExemplars leaves out exemplars, NoNativeHistograms and NoClassicHistograms one kind of bucket.
	NoExemplars, NoNativeHistograms, NoClassicHistograms bool
	// NoDataProtection and NoDecisions leave out the metrics about the protection of data, and about the decisions of groups.
	NoDataProtection, NoDecisions bool

	// CollectAgents reads the gateway's agents, once a minute.
	CollectAgents bool

	// State is where the ledger is saved, so that its counters outlive the process; nil: nowhere.
	State state.Store

	// CacheTTL is how long the outcome of a refresh answers scrapes; above 0.
	CacheTTL time.Duration
	// StaleAfter is the time without a successful refresh after which gauges are withheld; above 0.
	StaleAfter time.Duration
	// Timeout bounds one request to the gateway; above 0.
	Timeout time.Duration
	// Budget is the portion of the time that requests may take; above 0, at most 1.
	Budget float64

	// Address is what the collectors of one gateway address share; nil: this is the only one.
	Address *Address
	// Slots bound how many collectors refresh at once; nil: there is no bound.
	Slots *Slots

	// clock is the exporter's clock; nil: time.Now. Tests set it wrong on purpose.
	clock func() time.Time
}

// WithClock returns the configuration with another clock of the exporter, for tests that set it wrong on purpose.
func (c Config) WithClock(clock func() time.Time) Config {
	c.clock = clock
	return c
}

// validated returns the configuration with its optional parts filled in. It fails if a required one is missing, or a number is out of
// bounds.
func (c Config) validated() (Config, error) {
	if c.Client == nil {
		return c, errors.New("collector without a client")
	}
	for _, field := range []struct {
		name  string
		value time.Duration
	}{
		{"Lookback", c.Lookback}, {"AllowedLateness", c.AllowedLateness}, {"ForgetAfter", c.ForgetAfter},
		{"CacheTTL", c.CacheTTL}, {"StaleAfter", c.StaleAfter}, {"Timeout", c.Timeout},
	} {
		if field.value <= 0 {
			return c, fmt.Errorf("collector.Config.%s is %v: must be above 0", field.name, field.value)
		}
	}
	if !(c.Budget > 0 && c.Budget <= 1) {
		return c, fmt.Errorf("collector.Config.Budget is %v: must be above 0 and at most 1", c.Budget)
	}
	if c.Logger == nil {
		c.Logger = log.NewNopLogger()
	}
	if c.Address == nil {
		c.Address = NewAddress()
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	return c, nil
}

// expositionOptions returns what the metrics need of the configuration.
func (c Config) expositionOptions() exposition.Options {
	return exposition.Options{
		LongRunning: c.LongRunning, Overdue: c.Overdue, ConnectionTags: c.ConnectionTags, StaleAfter: c.StaleAfter,
		NoExemplars: c.NoExemplars, NoNativeHistograms: c.NoNativeHistograms, NoClassicHistograms: c.NoClassicHistograms,
		NoDataProtection: c.NoDataProtection, NoDecisions: c.NoDecisions,
	}
}

// plannerOptions returns what the planner and its ledger need of the configuration.
func (c Config) plannerOptions() planner.Options {
	return planner.Options{
		Ledger: ledger.Options{
			Lookback: c.Lookback, AllowedLateness: c.AllowedLateness, ForgetAfter: c.ForgetAfter,
			FirstValueHold: c.FirstValueHold, ConnectionTags: c.ConnectionTags, MaxConnections: c.MaxConnections,
			NoDataProtection: c.NoDataProtection, NoDecisions: c.NoDecisions,
		},
		Filters: client.ListOptions{Filters: c.Filters.Literal()},
		Budget:  c.Budget, StaleAfter: c.StaleAfter, Seed: uint64(time.Now().UnixNano()),
	}
}
