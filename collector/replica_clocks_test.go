package collector

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What the quick one of two replicas writes is shown at once, even if the time is the slow one's.
func TestReplicasThatDifferByHours(t *testing.T) {
	for name, off := range map[string]func(int) time.Duration{
		"every other answer is of a replica 2 h behind": func(n int) time.Duration { return -time.Duration(n%2) * 2 * time.Hour },
		"two of three":  func(n int) time.Duration { return -time.Duration(min(1, n%3)) * 2 * time.Hour },
		"one of three":  func(n int) time.Duration { return -time.Duration(max(0, n%3-1)) * 2 * time.Hour },
		"bursts of ten": func(n int) time.Duration { return -time.Duration(n/10%2) * 2 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newClockWorld(t)
				w.start()
				defer w.end()
				w.sessionsCount(5)
				w.dates.set(off)
				w.scrapeFor(20*time.Minute, refreshEvery)
				w.sessionsCount(30)
			})
		})
	}
}

// The clocks of a machine that was paused stand still, both of them: the gateway's is ahead then.
func TestAfterAPauseOfTheMachineSessionsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newClockWorld(t)
		w.start()
		defer w.end()
		w.sessionsCount(20)
		w.dates.set(always(3 * time.Hour))
		before := w.scrape()
		for range 3 {
			w.add(-3 * time.Hour)
			w.scrapeFor(time.Minute, refreshEvery)
		}
		if got := w.scrape(); got[runningOfPg]-before[runningOfPg] != 3 || got[startedOfPg]-before[startedOfPg] != 3 {
			t.Errorf("%v shown and %v counted of 3, up %v", got[runningOfPg]-before[runningOfPg], got[startedOfPg]-before[startedOfPg], got["hoop_up"])
		}
	})
}

// A replica that is slow writes sessions before the watermark: they cannot count, so the log has to say so.
func TestAFewAnswersOfASlowReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newClockWorld(t)
		w.start()
		defer w.end()
		w.sessionsCount(20)
		w.dates.set(func(n int) time.Duration {
			if n%5 == 0 {
				return -40 * time.Minute
			}
			return 0
		})
		before := w.scrape()
		for range 60 {
			w.add(40 * time.Minute)
			w.scrapeFor(time.Minute, refreshEvery)
		}
		if counted := w.scrape()[startedOfPg] - before[startedOfPg]; counted < 60 && !strings.Contains(w.said.String(), "not counted") {
			t.Errorf("%v counted of 60, and nothing is logged: %s", counted, w.said.String())
		}
	})
}

// The metric of the gateway's steps is about the gateway, and not about the exporter's machine.
func TestAnExporterWhoseClockIsSetSaysNothingOfTheGateways(t *testing.T) {
	epoch := time.Now()
	synctest.Test(t, func(t *testing.T) {
		w := newClockWorld(t)
		clock := newWallClock(epoch)
		w.clock = clock.now
		w.start()
		defer w.end()
		w.sessionsCount(20)
		clock.set(time.Hour)
		w.sessionsCount(20)
		if n := w.scrape()[clockSteps]; n != 0 {
			t.Errorf("%v steps of the gateway's clock\n%s", n, w.said.String())
		}
	})
}

// T0 was ahead, and the gateway's clock was set right. That nothing scrapes for a while is not a step of the clock: T0 stays right.
func TestAPauseAfterTheFirstClockWentBackLosesNothing(t *testing.T) {
	for name, restart := range map[string]bool{"of the scrapes": false, "of the process": true} {
		t.Run(name, func(t *testing.T) {
			epoch := time.Now()
			synctest.Test(t, func(t *testing.T) {
				w := newClockWorld(t)
				clock := newWallClock(epoch)
				clock.set(20 * time.Minute)
				w.clock = clock.now
				w.dates.set(always(20 * time.Minute))
				w.start()
				defer func() { w.end() }()
				w.scrapeFor(5*time.Minute, refreshEvery)
				w.dates.set(nil)
				clock.set(0)
				w.scrapeFor(3*time.Minute, refreshEvery)
				if w.scrape()[clockSteps] != 1 {
					t.Fatal("it has not gone back")
				}
				if restart {
					w.end()
				}
				for range 20 {
					w.add(0)
					time.Sleep(time.Minute)
				}
				if restart {
					w.start()
				}
				w.scrapeFor(10*time.Minute, refreshEvery)
				if got := w.scrape(); got[startedOfPg] != 20 {
					t.Errorf("%v counted of 20, and %v shown", got[startedOfPg], got[runningOfPg])
				}
			})
		})
	}
}
