package collector

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// wrongDates is a way to a gateway whose answers have a wrong Date.
type wrongDates struct {
	http.RoundTripper
	mu  sync.Mutex
	off func(answer int) time.Duration // of the answers since set; nil: they are right
	n   int
}

// RoundTrip implements http.RoundTripper.
func (w *wrongDates) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.RoundTripper.RoundTrip(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && w.off != nil {
		resp.Header.Set("Date", time.Now().Add(w.off(w.n)).UTC().Format(http.TimeFormat))
	}
	w.n++
	return resp, err
}

func (w *wrongDates) set(off func(int) time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off, w.n = off, 0
}

// always is a Date that is always off by so much, once one that is off in the first answer only.
func always(off time.Duration) func(int) time.Duration { return func(int) time.Duration { return off } }

func once(off time.Duration) func(int) time.Duration {
	return func(n int) time.Duration {
		if n > 0 {
			return 0
		}
		return off
	}
}

// clockWorld is a gateway whose clock is wrong, and an exporter with its state on a disk.
type clockWorld struct {
	*world
	dates *wrongDates
	disk  *ramDisk
	said  logs
	dead  chan struct{}
	clock func() time.Time // the exporter's; nil: it is right
}

func newClockWorld(t *testing.T) *clockWorld {
	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Cost: gatewaytest.NewCost})
	return &clockWorld{dates: &wrongDates{RoundTripper: g.Transport()}, disk: &ramDisk{}, world: &world{T: t, gateway: g}}
}

func (w *clockWorld) start() {
	cfg := truthConfig()
	w.dead = make(chan struct{})
	cfg.State, cfg.Logger = w.disk.process(w.dead), log.NewLogfmtLogger(&w.said)
	cfg.clock = w.clock
	w.world = newWorldBehind(w.T, w.gateway, w.dates, cfg)
}

func (w *clockWorld) end() {
	w.stop()
	close(w.dead)
}

// add adds a session that runs.
func (w *clockWorld) add(ago time.Duration, change ...func(*gatewaytest.Row)) {
	row := gatewaytest.Row{Connection: "pg", Type: "database", Status: "open", StartDate: time.Now().Add(-ago)}
	for _, f := range change {
		f(&row)
	}
	w.gateway.Add(row)
}

const (
	startedOfPg = `hoop_sessions_started_total{connection="pg",identity="user",type="database",verb="exec"}`
	runningOfPg = `hoop_open_sessions{connection="pg",state="running",type="database"}`
	clockSteps  = "hoop_exporter_gateway_clock_steps_total"
)

// sessionsCount adds a session a minute for a while, and wants all of them to be counted and shown.
func (w *clockWorld) sessionsCount(minutes int) {
	w.Helper()
	before := w.scrape()
	for range minutes {
		w.add(0)
		w.scrapeFor(time.Minute, refreshEvery)
	}
	got := w.scrape()
	if started, running := got[startedOfPg]-before[startedOfPg], got[runningOfPg]-before[runningOfPg]; started != float64(minutes) || running != float64(minutes) || got["hoop_up"] != 1 {
		w.Errorf("%v counted and %v shown of %d, up %v", started, running, minutes, got["hoop_up"])
	}
}

// A gateway whose clock is wrong for the first seconds: what starts right afterwards counts, and what is old does not.
func TestAWrongClockAtTheStart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		off       time.Duration
		lasts     time.Duration
		restarted bool
		ownOff    time.Duration // of the exporter's clock
	}{
		{"20 minutes ahead for 4 s", 20 * time.Minute, 4 * time.Second, false, 0},
		{"10 minutes ahead for 4 s", 10 * time.Minute, 4 * time.Second, false, 0},
		{"20 minutes ahead for 40 s", 20 * time.Minute, 40 * time.Second, false, 0},
		{"five days behind for 4 s", -120 * time.Hour, 4 * time.Second, false, 0},
		{"20 minutes ahead for 4 s, with state", 20 * time.Minute, 4 * time.Second, true, 0},
		{"five days ahead for 4 s, with state", 120 * time.Hour, 4 * time.Second, true, 0},
		{"20 minutes ahead for 4 s, and the exporter's an hour", 20 * time.Minute, 4 * time.Second, false, time.Hour},
		{"20 minutes ahead for 10 minutes, with state", 20 * time.Minute, 10 * time.Minute, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			epoch := time.Now()
			synctest.Test(t, func(t *testing.T) {
				w := newClockWorld(t)
				clock := newWallClock(epoch)
				clock.set(tt.ownOff)
				w.clock = clock.now
				for i := range 50 {
					w.add(time.Duration(i+1) * time.Hour)
				}
				if tt.restarted {
					w.start()
					w.scrapeFor(20*time.Minute, refreshEvery)
					w.end()
				}
				w.start()
				defer func() { w.end() }()
				w.dates.set(always(tt.off))
				w.scrapeFor(tt.lasts, 4*time.Second)
				w.dates.set(nil)
				if tt.lasts <= time.Minute {
					w.scrapeFor(2*time.Minute, refreshEvery) // until the time is known
				}
				w.sessionsCount(30)
				w.scrapeFor(time.Hour, refreshEvery)
				w.equalsTruth()
				if got := w.scrape()[startedOfPg]; got != 30 {
					t.Errorf("%v sessions counted, want 30", got)
				}
			})
		})
	}
}

// One answer with an odd Date changes neither the ages of what waits nor what is read.
func TestOneOddDate(t *testing.T) {
	for _, off := range []time.Duration{-5 * time.Hour, -50 * time.Minute, 5 * time.Hour, 200 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newClockWorld(t)
				w.add(0, func(r *gatewaytest.Row) {
					r.Review = &gatewaytest.Review{Type: "onetime", Status: "PENDING", CreatedAt: time.Now()}
				})
				w.start()
				defer func() { w.end() }()
				w.scrapeFor(66*time.Minute, refreshEvery)
				w.dates.set(once(off))
				const overdue = `hoop_overdue_reviews{connection="pg",threshold="1h",type="database"}`
				for range 50 {
					time.Sleep(refreshEvery)
					if got := w.scrape(); got[overdue] != 1 || got["hoop_exporter_unread_seconds"] > 60 || got[clockSteps] != 0 {
						t.Fatalf("overdue %v, unread %v s, %v steps", got[overdue], got["hoop_exporter_unread_seconds"], got[clockSteps])
					}
				}
				w.sessionsCount(20)
				w.equalsTruth()
			})
		})
	}
}

// A clock that is wrong for so long that it is believed, and then set right: what has started meanwhile is counted, once.
func TestAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		off       time.Duration
		into, out bool // the exporter is started again at the beginning, and at the end
		wrong     time.Duration
		away      time.Duration // how long the exporter is stopped at the end
	}{
		{"20 minutes ahead", 20 * time.Minute, false, false, 40 * time.Minute, 0},
		{"two days ahead", 48 * time.Hour, false, false, 40 * time.Minute, 0},
		{"20 minutes ahead for 10 minutes, from the start of a process on", 20 * time.Minute, true, false, 10 * time.Minute, 0},
		{"20 minutes ahead, to the end of a process", 20 * time.Minute, false, true, 40 * time.Minute, 0},
		{"five days ahead, all of a process", 120 * time.Hour, true, true, 10 * time.Minute, 0},
		{"an hour ahead, set right while no process sees it", time.Hour, true, true, 10 * time.Minute, 3 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newClockWorld(t)
				w.start()
				defer func() { w.end() }()
				restart := func(yes bool, away time.Duration) {
					if yes {
						w.end()
						for end := time.Now().Add(away); time.Now().Before(end); time.Sleep(time.Minute) {
							w.add(0)
						}
						w.start()
					}
				}
				w.scrapeFor(20*time.Minute, refreshEvery)
				w.sessionsCount(5)
				w.dates.set(always(tt.off))
				restart(tt.into, 0)
				for range int(tt.wrong / time.Minute) {
					w.add(0)
					w.scrapeFor(time.Minute, refreshEvery)
				}
				w.dates.set(nil)
				restart(tt.out, tt.away)
				w.scrapeFor(4*time.Minute, refreshEvery)
				if got := w.scrape()[clockSteps]; got != 1 {
					t.Errorf("%v steps, want 1", got)
				}
				w.sessionsCount(int(tt.off.Minutes())%60 + 5)
				if n := strings.Count(w.said.String(), "went back"); n != 1 {
					t.Errorf("logged %d times", n)
				}
				w.scrapeFor(time.Hour, refreshEvery)
				w.equalsTruth()
			})
		})
	}
}
