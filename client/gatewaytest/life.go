package gatewaytest

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// Life says what happens by itself. All shares are between 0 and 1. The zero value: nothing happens.
// Everything that happens is decided by [Config.Seed] and the clock alone.
type Life struct {
	// Rate is the number of sessions that start in a second, on average. 0: none.
	Rate float64
	// Connections are where they start, the first ones more often than the last; by default 12 of all types.
	Connections []Connection
	// Users is the number of users, 40 by default.
	Users int

	// Connect is the share with the verb connect; all others are exec.
	Connect float64
	// API is the share of exec that comes by the API rather than the CLI: on old gateways only these become open.
	API float64
	// Duration is the mean time that a session runs, 10 s by default.
	Duration time.Duration
	// LongTail is the share that runs much longer, LongDuration on average.
	LongTail     float64
	LongDuration time.Duration

	// Late is the share of rows that show up after their created_at, by up to LateMax. VeryLate is the share that
	// shows up even later, by up to VeryLateMax.
	Late        float64
	LateMax     time.Duration
	VeryLate    float64
	VeryLateMax time.Duration
	// Skewed is the share whose created_at lies ahead of the clock that Date shows, by up to SkewMax: written by a
	// replica whose clock is fast.
	Skewed  float64
	SkewMax time.Duration
	// SameTime is the share of sessions that bring another one with the same created_at.
	SameTime float64
	// BurstSize sessions start within one second every BurstEvery on average. 0: never.
	BurstSize  int
	BurstEvery time.Duration

	Ends
	Reviews
}

// Ends are the ways in which sessions end.
type Ends struct {
	// Disconnected is the share of connect that ends with 254.
	Disconnected float64
	// Failure is the share that ends with some exit code other than 0 and 254, Aborted the share of exec that ends
	// with 254, NoExitCode the share whose exit_code stays null.
	Failure, Aborted, NoExitCode float64
	// BornDone is the share that is done from the start, without end_date and exit_code. New gateways only.
	BornDone float64
	// Stuck is the share that stays open for ever.
	Stuck float64
	// Rewritten is the share of ended sessions whose end is written a second time, with another end_date and exit_code.
	Rewritten float64
	// SizeZero is the share whose event_size stays 0.
	SizeZero float64
}

// DefaultLife is full of everything that gateways were seen to do, a session every two seconds.
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
			Share: 0.15, JIT: 0.4, Apart: 0.1, TwoGroups: 0.25, Wait: 5 * time.Minute, LongWait: 0.1, Rejected: 0.12, Undecided: 0.03,
			GivenUp: 0.06, ApprovedLater: 0.6, Forced: 0.2, ReadyWait: time.Minute, NeverRun: 0.06,
			Access: 30 * time.Minute, Revoked: 0.1, Overturned: 0.02, NoRevokeAt: 0.3, Unknown: 0.05,
		},
	}
}

// life is what is yet to happen, and a count of what did.
type life struct {
	Life
	g        *Gateway
	rng      *rand.Rand // decides when sessions start, and nothing else
	conns    []uint32
	users    []uint32
	born     uint64 // sessions so far
	calm     bool   // none starts any more
	queue    events
	seq      uint64
	happened map[string]int
}

func (l *life) count(kind string) { l.happened[kind]++ }

// lifeStream and storyStream keep the random numbers of different purposes apart.
const (
	lifeStream  = 1 << 62
	storyStream = 1 << 63
)

func (l *life) start(g *Gateway, cfg Life) {
	l.g, l.Life, l.happened = g, cfg, g.stats.Kinds
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
	l.Reviews = l.Reviews.filled()
	for _, c := range l.Connections {
		l.conns = append(l.conns, g.internConnection(c))
	}
	for u := range l.Users {
		email, id, name := userNames(u)
		l.users = append(l.users, g.users.intern(userKey{email, id, name}))
	}
	l.rng = rand.New(rand.NewPCG(g.cfg.Seed, lifeStream))
	l.arrival(g.now)
	if l.BurstSize > 0 && l.BurstEvery > 0 {
		l.burst(g.now)
	}
}

// arrival has the next session start some time after a moment, and the next one after that.
func (l *life) arrival(after int64) {
	at := after + 1 + exponential(l.rng, time.Duration(float64(time.Second)/l.Rate))
	l.at(at, func() {
		if l.calm {
			return
		}
		l.birth(at)
		for l.rng.Float64() < l.SameTime {
			l.count(KindSameTime)
			l.birth(at)
		}
		l.arrival(at)
	})
}

// burst has many sessions start within one second some time after a moment, and again after that.
func (l *life) burst(after int64) {
	at := after + 1 + exponential(l.rng, l.BurstEvery)
	l.at(at, func() {
		if l.calm {
			return
		}
		l.count(KindBurst)
		second := at - at%1e6 + 1e6 // the next whole one: pages can only be asked for by these
		for range l.BurstSize {
			start := second + l.rng.Int64N(1e6)
			l.at(start, func() { l.birth(start) })
		}
		l.burst(at)
	})
}

// Calm has no further session start. What has begun goes on.
func (g *Gateway) Calm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.life.calm = true
}

// at has do done when the clock gets there.
func (l *life) at(micros int64, do func()) {
	l.seq++
	heap.Push(&l.queue, event{micros, l.seq, do})
}

// advance plays all events up to now, in the order of their times.
func (g *Gateway) advance(now int64) {
	for len(g.life.queue) > 0 && g.life.queue[0].at <= now {
		e := heap.Pop(&g.life.queue).(event)
		g.now = max(g.now, e.at)
		e.do()
	}
	g.now = max(g.now, now)
}

type event struct {
	at  int64
	seq uint64
	do  func()
}

// events is a heap: the earliest first, and of equally early ones the one that was asked for first.
type events []event

// Len implements heap.Interface.
func (e events) Len() int { return len(e) }

// Less implements heap.Interface.
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}

// Swap implements heap.Interface.
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop implements heap.Interface.
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}

// exponential is a random time in microseconds, of a mean.
func exponential(rng *rand.Rand, mean time.Duration) int64 {
	return int64(rng.ExpFloat64() * float64(mean.Microseconds()))
}
