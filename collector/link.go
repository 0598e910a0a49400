package collector

import (
	"sync"
	"sync/atomic"

	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// link is all that a [Collector] and its refresher share. Scrapes run on many goroutines, the refresher on the one of Run. Every part is
// safe for concurrent use, and says who writes it.
type link struct {
	// calls are the refreshes that scrapes wait for. Scrapes open a call, the refresher finishes it.
	calls *refreshCalls
	// published is what scrapes show. Only the refresher replaces it. It is never nil.
	published atomic.Pointer[published]
	// settings are the current ones. After New only the refresher replaces them. They are never nil.
	settings atomic.Pointer[settings]
	// changes has the settings that come next; the refresher applies them between two refreshes.
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

// cfg returns the current configuration.
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
