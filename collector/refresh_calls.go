package collector

import (
	"sync"
	"time"

	cache "github.com/patrickmn/go-cache"
)

// outcomeKey is the only key of the cache.
const outcomeKey = "refresh"

// refreshCalls share one refresh among all scrapes that want one, as golang.org/x/sync/singleflight shares a call, and keep its outcome for
// a while.
//
// Always holds: at most one call is open, from the first scrape that wants it until it is finished; scrapes that want a refresh in the
// meantime wait for the same call. The refresher receives from wanted, refreshes, and then calls finish, exactly once for each receive.
type refreshCalls struct {
	cache  *cache.Cache
	wanted chan struct{} // holds an element while a call is open that the refresher has not started

	mu   sync.Mutex
	open *refreshCall // nil: no refresh is wanted or under way
}

// refreshCall is one refresh. err may be read once done is closed.
type refreshCall struct {
	done chan struct{}
	err  error
}

// outcome is the result of a refresh, and when it ended by the exporter's clock.
type outcome struct {
	err error
	at  time.Time
}

func newRefreshCalls(ttl time.Duration) *refreshCalls {
	// Without a cleanup interval: the cache's cleanup goroutine would never end.
	return &refreshCalls{cache: cache.New(ttl, 0), wanted: make(chan struct{}, 1)}
}

// cached returns the outcome of the last refresh, unless it is older than ttl.
func (c *refreshCalls) cached(now time.Time, ttl time.Duration) (last outcome, ok bool) {
	v, ok := c.cache.Get(outcomeKey)
	if !ok {
		return last, false
	}
	last, ok = v.(outcome)
	// The cache uses the wall clock: if that is set back, it would keep the outcome for hours.
	return last, ok && now.Sub(last.at) < ttl
}

// join returns the call to wait for, and opens one if there is none.
func (c *refreshCalls) join() *refreshCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = &refreshCall{done: make(chan struct{})}
		c.wanted <- struct{}{} // does not block: finish closed the last call after its element was received
	}
	return c.open
}

// waiting reports whether a call is open that the refresher has not started.
func (c *refreshCalls) waiting() bool { return len(c.wanted) > 0 }

// finish ends the open call. For ttl its outcome answers scrapes, even if it is an error: trying again at once would not help.
func (c *refreshCalls) finish(err error, now time.Time, ttl time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cache.Set(outcomeKey, outcome{err, now}, ttl)
	c.open.err = err
	close(c.open.done)
	c.open = nil
}
