package gatewaytest

import (
	"math/rand/v2"
	"time"
)

// sessionLife plays the life of one session. It has its own random numbers, so it depends neither on other sessions nor on requests.
type sessionLife struct {
	*life
	rng *rand.Rand
	row uint32
	api bool // started through the API instead of the CLI
}

// startSession creates a session at a moment and schedules its life.
func (l *life) startSession(at int64) {
	l.sessions++
	s := &sessionLife{life: l, rng: rand.New(rand.NewPCG(l.g.cfg.Seed, sessionStream+l.sessions))}
	verb := "exec"
	if s.chance(l.Connect) {
		verb = "connect"
	}
	s.api = verb == "exec" && s.chance(l.API)
	created, visible := s.times(at)
	g := l.g
	r := row{
		id: g.newKey(s.rng), start: created, visible: visible, conn: s.connection(), user: l.users[s.rng.IntN(len(l.users))],
		verb: g.word(verb), status: g.word("open"), exit: noExit, script: s.scriptSize(verb), flags: simulated,
	}
	r.mark(createdByNew, g.cfg.Dialect >= New2026)
	l.count(verb)
	l.countProtection(&r, false)
	born := g.cfg.Dialect >= New2026 && s.chance(l.BornDone)
	reviewed := !born && s.chance(l.Reviewed)
	if born {
		l.count(EventBornDone)
		r.status = g.word("done")
	}
	apart := reviewed && s.Apart > 0 && s.chance(s.Apart)
	if reviewed && !apart {
		r.ensureExtra().review = s.newReview(created)
	}
	s.row = g.push(r)
	l.schedule(visible, func() {
		g.appear(s.row)
		switch {
		case born:
		case apart:
			s.requestReviewLater(visible)
		case reviewed:
			s.awaitDecision(visible)
		default:
			s.run(visible)
		}
	})
}

// times returns created_at and the moment when the row becomes visible.
func (s *sessionLife) times(at int64) (created, visible int64) {
	switch x := s.rng.Float64(); {
	case x < s.VeryLate:
		s.count(EventVeryLate)
		return at, at + s.within(s.LateMax, s.VeryLateMax)
	case x < s.VeryLate+s.Late:
		s.count(EventLate)
		return at, at + s.within(0, s.LateMax)
	case x < s.VeryLate+s.Late+s.Skewed:
		s.count(EventSkewed)
		return at + s.within(0, s.SkewMax), at
	}
	return at, at
}

// connection returns a random connection. The first ones are frequent, the last ones rare, so some are seen only after a while.
func (s *sessionLife) connection() uint32 {
	x := s.rng.Float64()
	return s.conns[int(x*x*float64(len(s.conns)))]
}

// scriptSize returns a random script_size; -2 is unknown.
func (s *sessionLife) scriptSize(verb string) int32 {
	switch {
	case verb == "connect":
		return 0
	case s.chance(0.01):
		return -2
	}
	return int32(10 + s.rng.IntN(300))
}

// run schedules the end of a session that runs from a moment on, unless it gets stuck.
func (s *sessionLife) run(at int64) {
	s.g.at(s.row).mark(ran, true)
	if s.chance(s.Stuck) {
		s.count(EventStuck)
		return
	}
	mean := s.Duration
	if s.g.at(s.row).review().timed() {
		mean = s.Access / 2 // so that access can expire or be revoked while it is used
	}
	if s.chance(s.LongTail) {
		s.count(EventLong)
		mean = s.LongDuration
	}
	s.then(at+1+exponential(s.rng, mean), s.finish)
}

// finish ends a session whose process ended.
func (s *sessionLife) finish(at int64) {
	r := s.g.at(s.row)
	if r.reviewStatus() == revoked {
		return // the revocation ended it
	}
	s.countProtection(r, true)
	code, size := s.exitCode(s.g.words.at(uint32(r.verb))), s.size()
	s.writeEnd(at, code, size)
	if s.chance(s.Rewritten) {
		s.then(at+1+s.within(time.Second, 2*time.Minute), func(again int64) {
			s.count(EventRewritten)
			if code == 254 {
				s.writeEnd(again, 137, size)
			} else {
				s.writeEnd(again, 254, size+1)
			}
		})
	}
	if r.reviewStatus() == processing {
		s.resolveAfterRun(at)
	}
}

// writeEnd writes the end of a session to its row.
func (s *sessionLife) writeEnd(at int64, code int16, size int64) {
	s.g.change(s.row, at, func(r *row) {
		r.status, r.end, r.exit, r.size = s.g.word("done"), at, code, size
		r.mark(hasMetrics, true)
	})
}

// exitCode returns a random exit code, or noExit.
func (s *sessionLife) exitCode(verb string) int16 {
	x := s.rng.Float64()
	for _, c := range []struct {
		portion float64
		event   string
		code    int16
	}{
		{s.NoExitCode, EventNoExitCode, noExit},
		{s.Failure, EventFailure, []int16{1, 1, 2, 3, 126, 127, 130, 137, 255}[s.rng.IntN(9)]},
		{portionIf(verb == "connect", s.Disconnected), EventDisconnected, 254},
		{portionIf(verb == "exec", s.Aborted), EventAborted, 254},
	} {
		if x < c.portion {
			s.count(c.event)
			return c.code
		}
		x -= c.portion
	}
	s.count(EventSuccess)
	return 0
}

// size returns a random event_size: mostly some kilobytes, sometimes many megabytes.
func (s *sessionLife) size() int64 {
	if s.chance(s.SizeZero) {
		s.count(EventSizeZero)
		return 0
	}
	x := s.rng.ExpFloat64()
	return 1 + int64(x*x*x*20_000)
}

// chance returns true with a probability.
func (s *sessionLife) chance(probability float64) bool { return s.rng.Float64() < probability }

// within returns a random time between two, in microseconds.
func (s *sessionLife) within(from, to time.Duration) int64 {
	return from.Microseconds() + int64(s.rng.Float64()*float64((to-from).Microseconds()))
}

// then calls next at a later moment.
func (s *sessionLife) then(at int64, next func(at int64)) { s.schedule(at, func() { next(at) }) }

// portionIf returns the portion if the condition holds, otherwise 0.
func portionIf(condition bool, portion float64) float64 {
	if condition {
		return portion
	}
	return 0
}

// word interns a verb or a status.
func (g *Gateway) word(w string) uint16 { return uint16(g.words.intern(w)) }
