package planner

import (
	"testing"
	"time"
)

// The exporter's clock is an hour ahead of noon, and only in the first case do the answers agree with it.
func TestHowManyAnswersItTakesToBelieveAFirstTime(t *testing.T) {
	const second, minute, hour = time.Second, time.Minute, time.Hour
	for _, tt := range []struct {
		name  string
		every time.Duration
		off   []time.Duration // how far the answers are off, in turn
		n     int             // how many it takes
		want  time.Duration   // how far the time is off then
	}{
		{"one that is 30 s from the exporter's clock", 30 * second, []time.Duration{hour - 30*second}, 1, hour - 30*second},
		{"three that are 31 s from it", 30 * second, []time.Duration{hour - 31*second}, 3, hour - 31*second},
		{"three over a minute", 30 * second, []time.Duration{0}, 3, 0},
		{"three, however rare they are", minute, []time.Duration{0}, 3, 0},
		{"as many as it takes for a minute to pass", 20 * second, []time.Duration{0}, 4, 0},
		{"more than half of them", 20 * second, []time.Duration{4 * hour, 2 * hour, 0, 2 * hour, 0, 0, 0}, 7, 0},
		{"10 s agree, and the smallest time counts", 30 * second, []time.Duration{0, -10 * second, 0}, 3, -10 * second},
		{"11 s do not agree", 30 * second, []time.Duration{0, -11 * second}, 5, 0},
		{"nine in two minutes if none agree, and the fourth smallest time counts", 15 * second, differ(), 9, 3 * minute},
		{"as many as it takes for two minutes to pass", 10 * second, differ(), 13, 2 * minute},
		{"nine if they are rarer", 20 * second, differ(), 9, 3 * minute},
		{"most of them around one time, and others hours ahead", 15 * second, []time.Duration{
			0, 2 * hour, 2*hour + 20*second, minute, 2*hour + 40*second, 20 * second, 2*hour + minute, 40 * second, 80 * second,
		}, 9, minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClockTest(t, hour)
			n := 0
			for ; !c.known && n < 50; n++ {
				c.answer(tt.off[n%len(tt.off)], tt.every)
			}
			if off := c.off(); n != tt.n || off != tt.want {
				t.Errorf("believed after %d answers, and off by %v; want %d, and %v", n, off, tt.n, tt.want)
			}
		})
	}
}

// differ are nine times that differ by a minute from one another.
func differ() (off []time.Duration) {
	for _, n := range []int{5, 2, 7, 0, 8, 1, 4, 6, 3} {
		off = append(off, time.Duration(n)*time.Minute)
	}
	return off
}

// A time that is believed because no answer has a date takes as many answers to move as any other.
func TestFourAnswersMoveTheTime(t *testing.T) {
	const hour = time.Hour
	for _, tt := range []struct {
		name string
		off  []time.Duration // how far the answers are off, one every 30 s
		n    int             // how many of them it takes to move the time; 0: they do not move it
	}{
		{"back", []time.Duration{-hour, -hour, -hour, -hour, -hour}, 4},
		{"back, although others say something else", []time.Duration{-hour, 0, 0, 0, -hour, -hour, -hour}, 7},
		{"not ahead, before a period has passed", []time.Duration{hour, hour, hour, hour, hour, hour, hour, hour}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClockTest(t, 0)
			c.observe(time.Time{}, noon())
			for i, off := range tt.off {
				c.answer(off, 30*time.Second)
				if moved := c.off() != 0; moved != (tt.n > 0 && i+1 >= tt.n) {
					t.Errorf("after %d answers it is off by %v", i+1, c.off())
				}
			}
		})
	}
}

func TestAnswersOfOneMomentCountAsThree(t *testing.T) {
	c := newClockTest(t, 0)
	for range 10 {
		c.answer(0, 2*time.Second)
	}
	if n := len(c.samples); n != slotSamples {
		t.Errorf("%d answers of 20 s count, want %d", n, slotSamples)
	}
}

// Neither an answer without a date nor a copy says anything, not even that the exporter's own clock is right.
func TestAnAnswerThatSaysNothingChangesNothing(t *testing.T) {
	for name, date := range map[string]time.Time{"no date": {}, "a copy": noon()} {
		c := newClockTest(t, time.Hour)
		c.play(20*time.Minute, 15*time.Second, 0)
		for range 10 {
			c.passed += 15 * time.Second
			c.observe(date, noon().Add(c.passed+c.own))
		}
		if off := c.off(); off != 0 {
			t.Errorf("%s: off by %v", name, off)
		}
	}
}

// For a gateway without dates, the exporter's clock is used as it was at first: setting it later does not matter.
func TestAGatewayWithoutDatesDoesNotFollowAClockThatIsSet(t *testing.T) {
	c, start := gatewayClock{period: 15 * time.Minute}, time.Now() // #nosec -- only its monotonic reading matters
	c.observe(time.Time{}, start)
	if got, want := c.now(setBack(start.Add(time.Minute), time.Hour)), start.Round(0).Add(time.Minute); !got.Equal(want) {
		t.Errorf("its time is %v, want %v", got, want)
	}
}

// The third answer with the same date is a copy, if there are more than three seconds between each two of them.
func TestWhichAnswerIsACopy(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   []int // seconds at which answers come with one date
		copy bool  // the last one is
	}{
		{"the second one", []int{0, 60}, false},
		{"the third one", []int{0, 4, 8}, true},
		{"the second came soon", []int{0, 3, 8}, false},
		{"the third came soon", []int{0, 4, 7}, false},
	} {
		c := gatewayClock{period: 15 * time.Minute}
		last := len(tt.at) - 1
		for _, s := range tt.at[:last] {
			c.observe(noon(), noon().Add(time.Duration(s)*time.Second))
		}
		if got := c.copied(noon(), noon().Add(time.Duration(tt.at[last])*time.Second)); got != tt.copy {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// Sessions of a replica whose clock is more than a period behind are not counted. Four answers show that there is one. The time is that of
// another replica, which is two minutes behind.
func TestASlowReplicaIsReported(t *testing.T) {
	const minute = time.Minute
	for _, tt := range []struct {
		name   string
		behind time.Duration // how far the slow replica is behind that time
		n      int           // how many answers come from it
		ok     bool
	}{
		{"three answers are not enough", 20 * minute, 3, false},
		{"four are", 20 * minute, 4, true},
		{"a period is not too much", 15 * minute, 4, false},
		{"a second more is", 15*minute + time.Second, 4, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClockTest(t, 0)
			c.play(20*minute, 30*time.Second, 0, 0, -2*minute)
			for range tt.n {
				c.play(90*time.Second, 30*time.Second, 0, 0, -2*minute-tt.behind)
			}
			if behind, ok := c.slowest(); ok != tt.ok || ok && behind != tt.behind {
				t.Errorf("behind by %v, %v; want %v, %v", behind, ok, tt.behind, tt.ok)
			}
		})
	}
	t.Run("one answer is not enough, even if no other has a date", func(t *testing.T) {
		c := newClockTest(t, 0)
		c.observe(time.Time{}, noon())
		c.answer(-20*minute, 0)
		if behind, ok := c.slowest(); ok {
			t.Errorf("behind by %v", behind)
		}
	})
	t.Run("not while no time is believed", func(t *testing.T) {
		c := newClockTest(t, 0)
		for range 6 {
			c.answer(-time.Hour, 5*time.Second)
		}
		if behind, ok := c.slowest(); ok || c.known {
			t.Errorf("behind by %v, and the time is known: %v", behind, c.known)
		}
	})
}
