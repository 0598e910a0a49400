package collector

import (
	"sync/atomic"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// published is what scrapes show. It is immutable, except for served.
type published struct {
	snapshot *ledger.Snapshot // its gauges are shown; nil before the first good answer
	counted  ledger.Saved     // the last counters that were saved
	at       time.Time        // when the snapshot was made, by the exporter's clock
	status   status

	served atomic.Pointer[time.Time] // when a scrape first showed it; nil: not yet
}

// status is the outcome of the refreshes so far.
type status struct {
	attempted         bool // a refresh has queried the gateway
	up                bool
	ended             time.Time // when the last refresh ended; zero: none has
	lastSuccess       time.Time
	version           string
	role              string // of the credential; "": not known yet
	visibilityLimited bool
	err               error
	nextTry           time.Time // the earliest time at which a refresh queries the gateway again after a failure
	reason            string    // why the last refresh failed; "": it did not, or none has ended
	credentialExpiry  time.Time // zero: not known
	agents            []exposition.Agent
}

// view returns what a scrape at the time now shows besides the snapshot.
func (p *published) view(cfg Config, now time.Time) exposition.View {
	stale := p.status.lastSuccess.IsZero() || now.Sub(p.status.lastSuccess) >= cfg.StaleAfter
	v := exposition.View{
		Up: p.status.up && !stale, Withheld: stale, Counted: p.counted.Counters(),
		Version: p.status.version, VisibilityLimited: p.status.visibilityLimited, LastSuccess: p.status.lastSuccess,
		RefreshError: p.status.reason, CredentialExpiry: p.status.credentialExpiry, Agents: p.status.agents,
	}
	if p.snapshot == nil {
		return v
	}
	v.Now = p.snapshot.At.Add(now.Sub(p.at))
	if v.Counted == nil {
		v.Counted = &ledger.Snapshot{T0: p.snapshot.T0} // nothing has been saved yet, so no counter may be shown
	}
	return v
}
