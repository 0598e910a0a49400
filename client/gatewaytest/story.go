package gatewaytest

import (
	"math/rand/v2"
	"time"
)

// story is what happens to one session. It has random numbers of its own, so that no story depends on another one, nor
// on how often anybody looks.
type story struct {
	*life
	rng *rand.Rand
	row uint32
	api bool // asked for by the API rather than the CLI
}

// birth begins the story of a session created at a moment.
func (l *life) birth(at int64) {
	l.born++
	s := &story{life: l, rng: rand.New(rand.NewPCG(l.g.cfg.Seed, storyStream+l.born))}
	verb := "exec"
	if s.chance(l.Connect) {
		verb = "connect"
	}
	s.api = verb == "exec" && s.chance(l.API)
	created, visible := s.times(at)
	g := l.g
	r := row{
		id: g.newKey(s.rng), start: created, visible: visible, conn: s.connection(), user: l.users[s.rng.IntN(len(l.users))],
		verb: g.word(verb), status: g.word("open"), exit: noExit, script: s.scriptSize(verb),
	}
	l.count(verb)
	born := g.cfg.Dialect >= New2026 && s.chance(l.BornDone)
	reviewed := !born && s.chance(l.Share)
	if born {
		l.count(KindBornDone)
		r.status = g.word("done")
	}
	apart := reviewed && s.Apart > 0 && s.chance(s.Apart)
	if reviewed && !apart {
		r.extra().review = s.newReview(created)
	}
	s.row = g.push(r)
	l.at(visible, func() {
		g.appear(s.row)
		switch {
		case born:
		case apart:
			s.ask(visible)
		case reviewed:
			s.await(visible)
		default:
			s.run(visible)
		}
	})
}

// times are created_at and the moment when the row shows up.
func (s *story) times(at int64) (created, visible int64) {
	switch x := s.rng.Float64(); {
	case x < s.VeryLate:
		s.count(KindVeryLate)
		return at, at + s.within(s.LateMax, s.VeryLateMax)
	case x < s.VeryLate+s.Late:
		s.count(KindLate)
		return at, at + s.within(0, s.LateMax)
	case x < s.VeryLate+s.Late+s.Skewed:
		s.count(KindSkewed)
		return at + s.within(0, s.SkewMax), at
	}
	return at, at
}

// connection prefers the first ones: the last of many are rare, and so turn up late.
func (s *story) connection() uint32 {
	x := s.rng.Float64()
	return s.conns[int(x*x*float64(len(s.conns)))]
}

func (s *story) scriptSize(verb string) int32 {
	switch {
	case verb == "connect":
		return 0
	case s.chance(0.01):
		return -2
	}
	return int32(10 + s.rng.IntN(300))
}

// run has a session that runs now come to its end, unless it is stuck.
func (s *story) run(at int64) {
	if s.chance(s.Stuck) {
		s.count(KindStuck)
		return
	}
	mean := s.Duration
	if s.g.at(s.row).review().timed() {
		mean = s.Access / 2 // so that access expires, or is revoked, while it is used
	}
	if s.chance(s.LongTail) {
		s.count(KindLong)
		mean = s.LongDuration
	}
	s.then(at+1+exponential(s.rng, mean), s.end)
}

// end is where a session's process has ended.
func (s *story) end(at int64) {
	r := s.g.at(s.row)
	if r.reviewStatus() == revoked {
		return // the revocation had its own way with it
	}
	code, size := s.exitCode(s.g.words.at(uint32(r.verb))), s.size()
	s.done(at, code, size)
	if s.chance(s.Rewritten) {
		s.then(at+1+s.within(time.Second, 2*time.Minute), func(again int64) {
			s.count(KindRewritten)
			if code == 254 {
				s.done(again, 137, size)
			} else {
				s.done(again, 254, size+1)
			}
		})
	}
	if r.reviewStatus() == processing {
		s.executed(at)
	}
}

// done writes a session's end.
func (s *story) done(at int64, code int16, size int64) {
	s.g.change(s.row, at, func(r *row) {
		r.status, r.end, r.exit, r.size = s.g.word("done"), at, code, size
		r.mark(hasMetrics, true)
	})
}

func (s *story) exitCode(verb string) int16 {
	x := s.rng.Float64()
	for _, c := range []struct {
		share float64
		kind  string
		code  int16
	}{
		{s.NoExitCode, KindNoExitCode, noExit},
		{s.Failure, KindFailure, []int16{1, 1, 2, 3, 126, 127, 130, 137, 255}[s.rng.IntN(9)]},
		{when(verb == "connect", s.Disconnected), KindDisconnected, 254},
		{when(verb == "exec", s.Aborted), KindAborted, 254},
	} {
		if x < c.share {
			s.count(c.kind)
			return c.code
		}
		x -= c.share
	}
	s.count(KindSuccess)
	return 0
}

// size is an event_size: mostly some kilobytes, sometimes many megabytes.
func (s *story) size() int64 {
	if s.chance(s.SizeZero) {
		s.count(KindSizeZero)
		return 0
	}
	x := s.rng.ExpFloat64()
	return 1 + int64(x*x*x*20_000)
}

func (s *story) chance(share float64) bool { return s.rng.Float64() < share }

// within is a random time in microseconds between two.
func (s *story) within(from, to time.Duration) int64 {
	return from.Microseconds() + int64(s.rng.Float64()*float64((to-from).Microseconds()))
}

// then goes on with the story at a later moment.
func (s *story) then(at int64, next func(at int64)) { s.at(at, func() { next(at) }) }

func when(yes bool, share float64) float64 {
	if yes {
		return share
	}
	return 0
}

func (g *Gateway) word(w string) uint16 { return uint16(g.words.intern(w)) }
