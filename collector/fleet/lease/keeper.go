package lease

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/collector/failurelog"
)

// TTL is a table's time to live: how long a member lives, and keeps its leases, after its last heartbeat.
const TTL = 15 * time.Second

const (
	// heartbeatEvery is the interval of heartbeats.
	heartbeatEvery = 3 * time.Second
	// callTimeout bounds a call of the table.
	callTimeout = 2 * heartbeatEvery
	// settleFor is how long a member acquires nothing once it reaches the table again. After an outage that affects all members, the others
	// seem dead to the first one that is back: it would take over all gateways at once, and give most of them back later.
	settleFor = callTimeout + heartbeatEvery
	// requestFor and holdFor are the [Term] that a heartbeat gives, counted from when it was sent. The margin before [TTL] allows for clocks
	// that run at different speeds, and for a gateway that still works on a request that was canceled.
	requestFor = TTL - 5*time.Second
	holdFor    = TTL - 3*time.Second
)

// Term is how long a holder may use its leases, by its monotonic clock: its times come from [time.Now]. It ends before another process can
// acquire the leases, because the holder counts from when it sent its last heartbeat, and the table from when it received that heartbeat. A
// process that was paused notices that the term has passed. While a machine is suspended, its monotonic clock stands still: then the
// process notices it by the wall clock, as soon as that is right.
//
// So counters stay at their last saved values while the database is away, but only until the lease ends: after that another process may
// have taken over, and Prometheus would see them fall.
type Term struct {
	RequestUntil time.Time // until when requests to the gateway may begin
	End          time.Time // when those under way are canceled, and metrics are no longer shown
}

// Watcher watches the gateways at addresses. The keeper calls it on one goroutine.
type Watcher interface {
	// Configured returns the addresses of all gateways of the configuration, each once, and a digest of the configuration.
	Configured() (addresses []string, digest string)
	// Watch begins to watch the gateways at the address of a lease. It does not wait.
	Watch(l Lease, t Term) Watch
}

// Watch is a watched address. Call Extend any number of times, then Stop or Drop; Drop may also follow Stop.
type Watch interface {
	// Extend replaces the term.
	Extend(t Term)
	// Stop ends the watch after the request under way and a save. Then it closes the channel. It does not wait.
	Stop() <-chan struct{}
	// Drop ends the watch at once, without a save: another process has the lease.
	Drop()
	// Lost reports that the watch has ended because a save failed: another process has a newer lease.
	Lost() bool
}

// KeeperOptions are what a [Keeper] needs. All are required.
type KeeperOptions struct {
	// ID and URL are the member's.
	ID, URL string
	Table   Table
	Watcher Watcher
	Logger  log.Logger
}

// Keeper is a process as a member: it sends heartbeats, and acquires and releases leases as plan says. Always holds: it releases a lease
// only after its watch has ended; and it never uses a lease again that it has begun to release or has lost, because a release whose answer
// was lost may take effect at any time. Call Run once, then Leave, and the other methods at any time. It is safe for concurrent use.
type Keeper struct {
	o        KeeperOptions
	held     map[string]*holding // by address
	over     map[string]Epoch    // by address: leases up to this epoch are not used again, even if a view shows them
	released map[string]Lease    // by address: what has to be released
	wake     chan struct{}       // holds an element while a watch that has to stop may have ended
	waiting  sync.WaitGroup
	failures *failurelog.Log
	wrong    map[string]time.Time // since when something is wrong with other members, by subject
	back     time.Time            // when a heartbeat last succeeded after one that had failed
	callsEnd time.Time            // when calls of the table after the last heartbeat end

	mu     sync.Mutex
	seen   Seen
	failed bool // the last heartbeat
}

// holding is a lease in use.
type holding struct {
	lease Lease
	watch Watch
	done  <-chan struct{} // of Stop; nil before
}

// NewKeeper returns a keeper that holds nothing.
func NewKeeper(o KeeperOptions) *Keeper {
	return &Keeper{
		o: o, held: map[string]*holding{}, over: map[string]Epoch{}, released: map[string]Lease{}, wake: make(chan struct{}, 1),
		wrong: map[string]time.Time{}, failures: failurelog.New(o.Logger, nil),
	}
}

// Run takes part in the cluster until ctx ends. What is watched then stays watched.
func (k *Keeper) Run(ctx context.Context) {
	ticker := time.NewTicker(heartbeatEvery)
	defer ticker.Stop()
	defer k.waiting.Wait()
	k.heartbeat(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			k.heartbeat(ctx)
		case <-k.wake:
			k.release(ctx)
		}
	}
}

// Leave ends the member's life, so that others take over at once. Nothing may be watched any more. If the term has passed, it does nothing:
// requests were canceled at its end, the gateways may still work on them, and the table ends the leases later.
func (k *Keeper) Leave(ctx context.Context) {
	if _, err := k.Seen(); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := k.o.Table.Leave(ctx, k.o.ID); err != nil {
		level.Warn(k.o.Logger).Log("msg", "leaving the cluster failed: other processes take over when the leases end", "after", TTL, "err", err)
	}
}

// afterHeartbeat returns the context for calls of the table after a heartbeat. It ends early enough that the next heartbeat, if it takes as
// long as the last one, is answered before the term has passed. So a call that waits for a lock in the table never costs a lease.
func (k *Keeper) afterHeartbeat(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(ctx, k.callsEnd)
}

// sendHeartbeat sends a heartbeat.
func (k *Keeper) sendHeartbeat(ctx context.Context, self Member) (View, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return k.o.Table.Heartbeat(ctx, self)
}

// heartbeat records in the table that the member lives, and acts on the answer.
func (k *Keeper) heartbeat(ctx context.Context) {
	addresses, digest := k.o.Watcher.Configured()
	self := Member{ID: k.o.ID, URL: k.o.URL, Configuration: digest}
	sent := time.Now()
	view, err := k.sendHeartbeat(ctx, self)
	if ctx.Err() != nil {
		return
	}
	term := Term{RequestUntil: sent.Add(requestFor), End: sent.Add(holdFor)}
	k.callsEnd = term.RequestUntil.Add(-heartbeatEvery - time.Since(sent))
	if k.record(view, err, term, self); err != nil {
		return
	}
	acquire, release := plan(self, view, addresses)
	k.match(view, term, release)
	for _, a := range release {
		k.stop(ctx, a)
	}
	k.reportOthers(view, self)
	k.release(ctx)
	acquire = slices.DeleteFunc(acquire, func(a string) bool { return k.held[a] != nil })
	if len(acquire) == 0 || !time.Now().Before(term.RequestUntil) || time.Since(k.back) < settleFor {
		return
	}
	ctx, cancel := k.afterHeartbeat(ctx)
	defer cancel()
	leases, err := k.o.Table.Acquire(ctx, k.o.ID, acquire)
	if err != nil {
		k.failures.Failed("acquire", "acquiring leases failed: trying again", err)
		return
	}
	k.failures.Recovered("acquire")
	for _, l := range leases { // all new, even if the epochs of a restored table are lower
		k.watch(l, term)
	}
}

// match drops the leases that the view shows with another holder or epoch, and extends the term of the rest. If the view has leases of this
// member that it does not use, because the answer to its Acquire was lost, it begins to use them, except for the addresses in release.
func (k *Keeper) match(view View, term Term, release []string) {
	mine := map[string]Lease{}
	for _, l := range view.Leases {
		if l.Holder == k.o.ID {
			mine[l.Address] = l
		}
	}
	for a, h := range k.held {
		switch {
		case mine[a] != h.lease:
			level.Warn(k.o.Logger).Log("msg", "this process has lost the lease of a gateway's address: it did not reach the database in time, or the database was restored or changed", "address", a)
			k.drop(h)
		case h.watch.Lost():
			k.drop(h)
			k.released[a] = h.lease // so that it is free, whatever the store says
		default:
			h.watch.Extend(term)
		}
	}
	maps.DeleteFunc(k.released, func(a string, l Lease) bool { return mine[a] != l })
	for a, l := range mine {
		switch {
		case k.held[a] != nil:
		case l.Epoch <= k.over[a] || slices.Contains(release, a):
			k.over[a] = max(k.over[a], l.Epoch)
			k.released[a] = l
		default:
			k.watch(l, term)
		}
	}
}

// watch begins to use a lease.
func (k *Keeper) watch(l Lease, term Term) {
	k.held[l.Address] = &holding{lease: l, watch: k.o.Watcher.Watch(l, term)}
}

// drop ends the use of a lease at once.
func (k *Keeper) drop(h *holding) {
	h.watch.Drop()
	k.forget(h)
}

// forget records that a lease is no longer used, and never will be again.
func (k *Keeper) forget(h *holding) {
	delete(k.held, h.lease.Address)
	k.over[h.lease.Address] = h.lease.Epoch
}

// stop begins to end the use of an address.
func (k *Keeper) stop(ctx context.Context, address string) {
	h := k.held[address]
	if h == nil || h.done != nil {
		return
	}
	h.done = h.watch.Stop()
	k.waiting.Go(func() {
		select {
		case <-h.done:
			select {
			case k.wake <- struct{}{}:
			default:
			}
		case <-ctx.Done():
		}
	})
}

// release releases what is no longer used.
func (k *Keeper) release(ctx context.Context) {
	for a, h := range k.held {
		if h.done == nil {
			continue
		}
		select {
		case <-h.done:
			k.forget(h)
			k.released[a] = h.lease
		default:
		}
	}
	if len(k.released) == 0 {
		return
	}
	ctx, cancel := k.afterHeartbeat(ctx)
	defer cancel()
	if err := k.o.Table.Release(ctx, slices.Collect(maps.Values(k.released))); err != nil {
		k.failures.Failed("release", "releasing leases failed: trying again", err)
		return
	}
	k.failures.Recovered("release")
	clear(k.released)
}

// wrongFor is how long something may be wrong with other members before the log says so: a changed file reaches all members within a
// minute, and a process that died and was started again counts as two members until the first one's time to live has passed.
const wrongFor = time.Minute

// What to do about members with different configurations, and with the same URL.
var (
	errDiffer  = errors.New("give all members the same configuration, or each cluster a schema of its own (--state.postgres-schema)")
	errSameURL = errors.New("give each member a URL that leads only to that member (--web.external-url)")
)

// reportOthers logs what is wrong with living members.
func (k *Keeper) reportOthers(view View, self Member) {
	var different, same []Member
	for _, m := range view.Members {
		if m.Configuration != self.Configuration {
			different = append(different, m)
		}
		if m.URL == self.URL && m.ID != self.ID {
			same = append(same, m)
		}
	}
	k.report("configuration", "members have different configurations: only those with the same one divide gateways among themselves", different, errDiffer)
	k.report("url", "members have the same URL: scrapes can be redirected to the wrong one", same, errSameURL)
}

// report logs what is wrong, once it has been wrong for a while.
func (k *Keeper) report(subject, text string, others []Member, err error) {
	if len(others) == 0 {
		delete(k.wrong, subject)
		k.failures.Recovered(subject)
		return
	}
	if k.wrong[subject].IsZero() {
		k.wrong[subject] = time.Now()
	}
	if time.Since(k.wrong[subject]) >= wrongFor {
		k.failures.Failed(subject, text, err, "others", len(others), "such_as", others[0].URL)
	}
}
