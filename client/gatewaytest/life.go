package gatewaytest

import (
	"math/rand/v2"
	"time"
)

// Life describes what happens by itself. All portions are between 0 and 1. With the zero value nothing happens. [Config].Seed and the clock
// decide everything.
type Life struct {
	// Rate is the mean number of sessions that start in a second. 0: none.
	Rate float64
	// Connections are the connections that sessions use, the first ones more often than the last. The default is 12 of all types.
	Connections []Connection
	// Users is the number of users. The default is 40.
	Users int

	// Connect is the portion with the verb connect. All others are exec.
	Connect float64
	// API is the portion of exec that is started through the API instead of the CLI. On old gateways only these become open.
	API float64
	// Duration is the mean time that a session runs. The default is 10 s.
	Duration time.Duration
	// LongTail is the portion that runs much longer, LongDuration on average.
	LongTail     float64
	LongDuration time.Duration

	// Late is the portion of rows that become visible after their created_at, by up to LateMax. VeryLate is the portion that becomes
	// visible even later, by up to VeryLateMax.
	Late        float64
	LateMax     time.Duration
	VeryLate    float64
	VeryLateMax time.Duration
	// Skewed is the portion whose created_at is ahead of the clock in Date, by up to SkewMax: a replica with a fast clock wrote them.
	Skewed  float64
	SkewMax time.Duration
	// SameTime is the portion of sessions that start together with another one of the same created_at.
	SameTime float64
	// BurstSize sessions start within one second, every BurstEvery on average. 0: never.
	BurstSize  int
	BurstEvery time.Duration

	Ends
	Reviews
}

// Ends describes how sessions end.
type Ends struct {
	// Disconnected is the portion of connect that ends with 254.
	Disconnected float64
	// Failure is the portion that ends with an exit code other than 0 and 254, Aborted the portion of exec that ends with 254, NoExitCode
	// the portion whose exit_code stays null.
	Failure, Aborted, NoExitCode float64
	// BornDone is the portion that is done from the start, without end_date and exit_code. New gateways only.
	BornDone float64
	// Stuck is the portion that stays open forever.
	Stuck float64
	// Rewritten is the portion of ended sessions whose end is written a second time, with another end_date and exit_code.
	Rewritten float64
	// SizeZero is the portion whose event_size stays 0.
	SizeZero float64
}

// DefaultLife returns a life in which all events happen that were observed at real gateways, with one session every two seconds.
func DefaultLife() Life {
	return Life{
		Rate: 0.5, Connections: Connections(12), Users: 40, Connect: 0.35, API: 0.5,
		Duration: 20 * time.Second, LongTail: 0.01, LongDuration: 2 * time.Hour,
		Late: 0.2, LateMax: time.Minute, VeryLate: 0.005, VeryLateMax: 5 * time.Minute,
		Skewed: 0.02, SkewMax: 2 * time.Second, SameTime: 0.02, BurstSize: 130, BurstEvery: 6 * time.Hour,
		Ends: Ends{
			Disconnected: 0.7, Failure: 0.08, Aborted: 0.02, NoExitCode: 0.02, BornDone: 0.02, Stuck: 0.003,
			Rewritten: 0.004, SizeZero: 0.05,
		},
		Reviews: Reviews{
			Reviewed: 0.15, JIT: 0.4, Apart: 0.1, TwoGroups: 0.25, Wait: 5 * time.Minute, LongWait: 0.1, Rejected: 0.12, Undecided: 0.03,
			GivenUp: 0.06, ApprovedLater: 0.6, Forced: 0.2, ReadyWait: time.Minute, NeverRun: 0.06,
			Access: 30 * time.Minute, Revoked: 0.1, Overturned: 0.02, NoRevokeAt: 0.3, Unknown: 0.05,
			Expired: 0.08, Escalated: 0.05,
		},
	}
}

// life plays a [Life]: it schedules what will happen, and counts what did.
type life struct {
	Life
	g        *Gateway
	rng      *rand.Rand // decides when sessions start, and nothing else
	conns    []uint32
	users    []uint32
	sessions uint64 // number of sessions so far
	stopped  bool   // no further session starts
	queue    timers
	seq      uint64
	happened map[string]int
}

func (l *life) count(event string) { l.happened[event]++ }

// lifeStream and sessionStream separate the random numbers for different purposes.
const (
	lifeStream    = 1 << 62
	sessionStream = 1 << 63
)

func (l *life) start(g *Gateway, cfg Life) {
	l.g, l.Life, l.happened = g, cfg, g.stats.Events
	if cfg.Rate <= 0 {
		return
	}
	if l.Connections == nil {
		l.Connections = Connections(12)
	}
	if l.Users <= 0 {
		l.Users = 40
	}
	if l.Duration <= 0 {
		l.Duration = 10 * time.Second
	}
	l.Reviews = l.Reviews.withDefaults()
	for _, c := range l.Connections {
		l.conns = append(l.conns, g.internConnection(c))
	}
	for u := range l.Users {
		email, id, name := userNames(u)
		l.users = append(l.users, g.users.intern(userKey{email, id, name}))
	}
	l.rng = rand.New(rand.NewPCG(g.cfg.Seed, lifeStream))
	l.scheduleArrival(g.now)
	if l.BurstSize > 0 && l.BurstEvery > 0 {
		l.scheduleBurst(g.now)
	}
}

// scheduleArrival schedules the start of the next session after a moment, which in turn schedules the one after it.
func (l *life) scheduleArrival(after int64) {
	at := after + 1 + exponential(l.rng, time.Duration(float64(time.Second)/l.Rate))
	l.schedule(at, func() {
		if l.stopped {
			return
		}
		l.startSession(at)
		for l.rng.Float64() < l.SameTime {
			l.count(EventSameTime)
			l.startSession(at)
		}
		l.scheduleArrival(at)
	})
}

// scheduleBurst schedules the next burst after a moment, which in turn schedules the one after it.
func (l *life) scheduleBurst(after int64) {
	at := after + 1 + exponential(l.rng, l.BurstEvery)
	l.schedule(at, func() {
		if l.stopped {
			return
		}
		l.count(EventBurst)
		second := at - at%1e6 + 1e6 // the next whole second, because list requests have whole seconds
		for range l.BurstSize {
			start := second + l.rng.Int64N(1e6)
			l.schedule(start, func() { l.startSession(start) })
		}
		l.scheduleBurst(at)
	})
}

// Calm stops the start of new sessions and of second reviews. Those that have started continue.
func (g *Gateway) Calm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.life.stopped = true
}

// exponential returns a random time in microseconds with an exponential distribution.
func exponential(rng *rand.Rand, mean time.Duration) int64 {
	return int64(rng.ExpFloat64() * float64(mean.Microseconds()))
}
