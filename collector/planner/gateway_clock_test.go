package planner

import (
	"testing"
	"time"
)

// The exporter's clock is used for a gateway whose answers never have a date, but only after many of them.
func TestAGatewayWhoseAnswersNeverHaveADate(t *testing.T) {
	c := gatewayClock{period: 15 * time.Minute}
	local := noon()
	for i := range 30 {
		if err := c.check(time.Time{}, local); err == nil {
			t.Fatalf("believed after %d answers in %v", i+1, local.Sub(noon()))
		}
		local = local.Add(30 * time.Second)
	}
	if err := c.check(time.Time{}, local); err != nil {
		t.Fatalf("after %v: %v", local.Sub(noon()), err)
	}
	c.observe(time.Time{}, local)
	if got := c.now(local); !got.Equal(local) {
		t.Errorf("its time is %v, want ours, %v", got, local)
	}
	// A few answers are not enough, however far apart.
	c = gatewayClock{period: 15 * time.Minute}
	for range enoughDateless - 1 {
		local = local.Add(time.Hour)
		if err := c.check(time.Time{}, local); err == nil {
			t.Fatal("believed after a few answers")
		}
	}
	if err := c.check(local, local); err != nil {
		t.Error(err)
	}
}

// clockTest plays answers every few seconds; the exporter's clock is off by own.
type clockTest struct {
	*testing.T
	gatewayClock
	passed time.Duration // since noon, which is the gateway's right time
	own    time.Duration
}

func newClockTest(t *testing.T, own time.Duration) *clockTest {
	return &clockTest{T: t, gatewayClock: gatewayClock{period: 15 * time.Minute}, own: own}
}

// answer plays one answer, whose date is off by off, and lets time pass after it.
func (c *clockTest) answer(off, pause time.Duration) {
	date, local := noon().Add(c.passed+off), noon().Add(c.passed+c.own)
	if c.check(date, local) == nil {
		c.observe(date, local)
	}
	c.passed += pause
}

// play has answers come for a while, one every so often, that are off by what off says, in turn. It returns how far the clock is off then.
func (c *clockTest) play(d, every time.Duration, off ...time.Duration) time.Duration {
	c.Helper()
	for n := 0; d > 0; n++ {
		c.answer(off[n%len(off)], every)
		d -= every
	}
	return c.off()
}

// off is how far the believed time is off; it fails if none is believed.
func (c *clockTest) off() time.Duration {
	c.Helper()
	if !c.known {
		c.Error("the gateway's time is not known")
	}
	local := noon().Add(c.passed + c.own)
	return c.now(local).Sub(noon().Add(c.passed))
}

func TestTheFirstTimeIsBelieved(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name     string
		own      time.Duration // how far the exporter's clock is off
		off      []time.Duration
		lasts    time.Duration
		believed bool
	}{
		{"at once where both clocks agree", 5 * time.Second, []time.Duration{0}, time.Second, true},
		{"not at once where they do not", time.Hour, []time.Duration{0}, 30 * time.Second, false},
		{"after a minute in which the answers agree", time.Hour, []time.Duration{0}, 70 * time.Second, true},
		{"not while it is 20 minutes ahead for seconds", 0, []time.Duration{20 * time.Minute}, 40 * time.Second, false},
		{"not while it is five days behind for seconds", 0, []time.Duration{-5 * day}, 40 * time.Second, false},
		{"after two minutes where replicas disagree", time.Hour, []time.Duration{0, time.Minute, 2 * time.Minute}, 3 * time.Minute, true},
		{"where one replica is days ahead", time.Hour, []time.Duration{0, 0, 5 * day}, 3 * time.Minute, true},
		{"where one answer is hours old", time.Hour, []time.Duration{-5 * time.Hour, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 70 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClockTest(t, tt.own)
			for left := tt.lasts; left > 0; left -= 5 * time.Second {
				c.answer(tt.off[int(c.passed/(5*time.Second))%len(tt.off)], 5*time.Second)
			}
			if c.known != tt.believed {
				t.Fatalf("believed: %v, want %v", c.known, tt.believed)
			}
			if tt.believed {
				if off := c.off(); off.Abs() > 2*time.Minute {
					t.Errorf("the time is off by %v", off)
				}
			}
		})
	}
	t.Run("after the wrong one has gone", func(t *testing.T) {
		for _, wrong := range []time.Duration{-5 * day, -10 * time.Minute, 10 * time.Minute, 20 * time.Minute, 5 * day} {
			c := newClockTest(t, 0)
			for range 4 {
				c.observe(noon().Add(c.passed+wrong), noon().Add(c.passed))
				c.passed += time.Second
			}
			if c.known {
				t.Fatalf("%v: believed after 4 s", wrong)
			}
			if off := c.play(time.Second, time.Second, 0); off != 0 {
				t.Errorf("%v: off by %v", wrong, off)
			}
		}
	})
}

func TestAKnownTime(t *testing.T) {
	const hour, minute = time.Hour, time.Minute
	for _, tt := range []struct {
		name   string
		off    []time.Duration // of the answers, in turn, one every 15 s
		after  time.Duration
		lo, hi time.Duration // how far the time is off then
	}{
		{"one answer from a cache, hours old", []time.Duration{-5 * hour}, 15 * time.Second, 0, 0},
		{"one answer, minutes old", []time.Duration{-10 * minute}, 15 * time.Second, 0, 0},
		{"one answer hours ahead", []time.Duration{5 * hour}, 15 * time.Second, 0, 0},
		{"a cache that goes on, for some of the answers", []time.Duration{0, 0, -5 * hour, 0}, 2 * hour, 0, 0},
		{"a replica hours ahead", []time.Duration{0, 5 * hour, 0}, 2 * hour, 0, 0},
		{"one of two replicas days ahead", []time.Duration{24 * hour, 0}, 2 * hour, 0, 0},
		{"a replica two minutes behind", []time.Duration{0, -2 * minute, 0}, 10 * minute, -2 * minute, -2 * minute},
		{"set back by twenty minutes", []time.Duration{-20 * minute}, 3 * minute, -20 * minute, -20 * minute},
		{"set back by days", []time.Duration{-100 * hour}, 3 * minute, -100 * hour, -100 * hour},
		{"set forward for a moment", []time.Duration{hour}, 10 * minute, 0, 0},
		{"set forward for a little less than a period", []time.Duration{hour}, 14*minute + 15*time.Second, 0, 0},
		{"set forward for a period, but for the three answers that may be odd", []time.Duration{hour}, 14*minute + 30*time.Second, hour, hour},
		{"set forward for good", []time.Duration{hour}, 30 * minute, hour, hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClockTest(t, 0)
			if off := c.play(20*time.Minute, 15*time.Second, 0); off != 0 {
				t.Fatalf("off by %v before", off)
			}
			if off := c.play(tt.after, 15*time.Second, tt.off...); off < tt.lo || off > tt.hi {
				t.Errorf("off by %v, want %v to %v", off, tt.lo, tt.hi)
			}
		})
	}
}

// A cache gives the same answer again and again: its date does not go on with the time.
func TestCopiesSayNothing(t *testing.T) {
	c := newClockTest(t, 0)
	c.play(20*time.Minute, 15*time.Second, 0)
	old := noon().Add(c.passed - 5*time.Hour)
	for range 100 {
		c.passed += 30 * time.Second
		c.observe(old, noon().Add(c.passed))
	}
	if off := c.off(); off != 0 {
		t.Errorf("off by %v", off)
	}
	// If there is no other date, there is none.
	c = newClockTest(t, 0)
	for range 11 {
		c.passed += 30 * time.Second
		if c.check(old, noon().Add(c.passed)) == nil {
			c.observe(old, noon().Add(c.passed))
		}
	}
	if c.known {
		t.Error("believed")
	}
}

// A gateway that is rarely queried is believed, too.
func TestAClockThatIsRarelyRead(t *testing.T) {
	c := newClockTest(t, 0)
	c.play(10*time.Hour, 20*time.Minute, 0)
	if off := c.play(20*time.Minute, 20*time.Minute, time.Hour); off != 0 {
		t.Errorf("one answer ahead: off by %v", off)
	}
	if off := c.play(20*time.Minute, 20*time.Minute, -time.Hour); off != 0 {
		t.Errorf("one answer behind: off by %v", off)
	}
	if off := c.play(3*time.Hour, 20*time.Minute, -time.Hour); off != -time.Hour {
		t.Errorf("set back: off by %v", off)
	}
	if off := c.play(3*time.Hour, 20*time.Minute, time.Hour); off != time.Hour {
		t.Errorf("set forward: off by %v", off)
	}
}

// A page is a copy if its date stays the same while time passes, unless all dates of the gateway are one. By chance two pages in a row can
// have one date.
func TestWhichPageIsACopy(t *testing.T) {
	type page struct{ local, date int } // seconds
	const none = -1
	for _, tt := range []struct {
		name    string
		unknown bool // the gateway's time is not known
		pages   []page
		copy    bool // the last one is
	}{
		{"the date moves", false, []page{{0, 0}, {30, 30}, {60, 60}, {90, 90}}, false},
		{"pages three seconds apart", false, []page{{0, 0}, {30, 30}, {33, 30}, {36, 30}}, false},
		{"many pages of one second", false, []page{{0, 0}, {30, 30}, {30, 30}, {31, 30}, {32, 30}, {33, 30}}, false},
		{"a kept one, at first", false, []page{{0, 0}, {30, 30}, {60, 30}}, false},
		{"a kept one", false, []page{{0, 0}, {30, 30}, {60, 30}, {90, 30}}, true},
		{"a kept one between requests in a row", false, []page{{0, 0}, {30, 30}, {34, 30}, {38, 30}}, true},
		{"a kept one, and one without a date", false, []page{{0, 0}, {30, 30}, {60, 30}, {75, none}, {90, 30}}, true},
		{"a kept one where requests are rare", false, []page{{0, 0}, {600, 600}, {901, 600}}, true},
		{"one that comes again a third of a period later", false, []page{{0, 0}, {600, 600}, {900, 600}}, false},
		{"replicas that disagree", false, []page{{0, 0}, {30, 30}, {60, 30}, {90, 31}, {120, 30}, {150, 31}}, false},
		{"an old one among others", false, []page{{0, 0}, {30, 30}, {60, 0}, {90, 90}, {120, 0}, {150, 150}}, false},
		{"the gateway again", false, []page{{0, 0}, {30, 30}, {60, 30}, {90, 30}, {120, 120}}, false},
		{"a proxy sets all dates to one", false, []page{{0, 0}, {30, 0}, {60, 0}, {90, 0}}, false},
		{"nothing is known yet", true, []page{{0, 0}, {30, 30}, {60, 30}, {90, 30}}, false},
	} {
		c := gatewayClock{period: 15 * time.Minute, known: !tt.unknown}
		var err error
		for _, p := range tt.pages {
			date := noon().Add(time.Duration(p.date) * time.Second)
			if p.date == none {
				date = time.Time{}
			}
			err = c.checkPage(date, noon().Add(time.Duration(p.local)*time.Second))
		}
		if (err != nil) != tt.copy {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err := c.checkPage(time.Time{}, noon().Add(time.Hour)); err != nil {
			t.Errorf("%s: a page without a date: %v", tt.name, err)
		}
	}
}
