package collector

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// link is all that a [Collector] and its refresher share. Scrapes run on many goroutines, the refresher on the one of Run. Every part is safe for
// concurrent use, and says who writes it.
type link struct {
	// calls are the refreshes that scrapes want. Scrapes open a call, the refresher finishes it.
	calls *refreshCalls
	// published is what scrapes show. Only the refresher replaces it. It is never nil.
	published atomic.Pointer[published]
	// settings hold now. After New only the refresher replaces them. They are never nil.
	settings atomic.Pointer[settings]
	// changes has the settings to go on with; the refresher applies them between two refreshes.
	changes chan *settings
	// retired is closed by Retire: the refresher ends after the request that is under way.
	retired chan struct{}
	// lost is closed by lose: another process watches the gateway, so the refresher ends at once, and saves nothing.
	lost     chan struct{}
	loseOnce sync.Once
	// backfilled is closed by the refresher when the first backfill is complete and published.
	backfilled chan struct{}
	// stopped is closed when the refresher has ended.
	stopped chan struct{}
	// instruments count what the refresher does; scrapes show them.
	instruments *exposition.Instruments
	// usage has the requests of the last minutes. The refresher adds to it.
	usage *usage
}

// cfg returns the configuration that holds now.
func (l *link) cfg() Config { return l.settings.Load().Config }

// retiring reports whether the refresher has to end.
func (l *link) retiring() bool {
	select {
	case <-l.retired:
		return true
	default:
		return false
	}
}

// lose ends the refresher at once. Nothing is saved or shown any more.
func (l *link) lose() { l.loseOnce.Do(func() { close(l.lost) }) }

// isLost reports whether lose was called.
func (l *link) isLost() bool {
	select {
	case <-l.lost:
		return true
	default:
		return false
	}
}

// published is what scrapes show. It is immutable, but for the note when it was first served.
type published struct {
	snapshot *ledger.Snapshot // its gauges are shown; nil before the first good answer
	counted  ledger.Saved     // the last counters that were saved
	at       time.Time        // when the snapshot was made, by the exporter's clock
	status   status

	served atomic.Pointer[time.Time] // when a scrape first showed it; nil: not yet
}

// status is the outcome of the refreshes so far.
type status struct {
	attempted         bool // a refresh asked the gateway for something
	up                bool
	ended             time.Time // when the last refresh ended; zero: none has
	lastSuccess       time.Time
	version           string
	role              string // of the credential; "": not known yet
	visibilityLimited bool
	err               error
	nextTry           time.Time // from when on a refresh asks again after a failure
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
		v.Counted = &ledger.Snapshot{T0: p.snapshot.T0} // nothing was saved yet, so no counter may be shown yet
	}
	return v
}
