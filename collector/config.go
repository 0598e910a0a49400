package collector

import (
	"time"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// Config is what a Collector needs. The zero value of a field means its default, where one is named.
type Config struct {
	// Client speaks to the gateway. Required.
	Client *client.Client
	// Logger takes what an operator should know. Default: none.
	Logger log.Logger

	// Connection, Type, User (the subject identifier) and ReviewApprover (e-mail) narrow what is watched. "" watches all.
	Connection, Type, User, ReviewApprover string

	// Lookback is how far a first run reads back (168h).
	Lookback time.Duration
	// AllowedLateness is how late a session may show up and still be counted (15m).
	AllowedLateness time.Duration
	// ForgetAfter is when an unfinished session is let go (90d).
	ForgetAfter time.Duration
	// LongRunning and Overdue are the thresholds of hoop_long_running_sessions and hoop_overdue_reviews.
	LongRunning, Overdue []exposition.Threshold
	// ConnectionTags are the tag keys that become labels of hoop_connection_info.
	ConnectionTags []string

	// MaxConnections is how many connections keep their name; the rest is "<other>". 0: all.
	MaxConnections int
	// FirstValueHold is for how long a series that is born with a value shows 0 first, from when it was first served (2m).
	FirstValueHold time.Duration
	// NoExemplars leaves out exemplars, NoNativeHistograms and NoClassicHistograms one kind of bucket.
	NoExemplars, NoNativeHistograms, NoClassicHistograms bool

	// State is where the ledger is kept, so that its counters outlive the process. Default: nowhere.
	State state.Folder

	// CacheTTL is for how long a refresh answers scrapes (10s).
	CacheTTL time.Duration
	// StaleAfter is when gauges are withheld if no refresh succeeded (5m).
	StaleAfter time.Duration
	// Timeout bounds one request to the gateway (30s).
	Timeout time.Duration
	// Budget is the share of time that requests may take (0.1).
	Budget float64

	// Address is what the collector shares with others of the same gateway address. Default: it is alone there.
	Address *Address
	// Slots bound how many collectors work at once. Default: there is no bound.
	Slots *Slots

	// clock is the exporter's (time.Now). It is there for tests, in which it is wrong, and is set.
	clock func() time.Time
}
