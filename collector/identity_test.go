package collector

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// saving runs f with a gateway that has few sessions, and an exporter that saves its state.
func saving(t *testing.T, d *disk, f func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs), fault func(*http.Request) http.Handler) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		life := gatewaytest.DefaultLife()
		life.Rate, life.Rewritten, life.Overturned = 0.05, 0, 0
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Seed: 1, Life: life, Fault: fault})
		time.Sleep(time.Hour)
		l := &logs{}
		cfg := truthConfig()
		cfg.Logger, cfg.State = level.NewFilter(log.NewLogfmtLogger(l), level.AllowInfo()), d
		f(t, g, cfg, l)
	})
}

// counts are the series that never fall.
func counts(samples map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for k, v := range samples {
		name, _, _ := strings.Cut(k, "{")
		for _, suffix := range []string{"_total", "_count", "_sum", "_bucket"} {
			if strings.HasPrefix(name, "hoop_") && !strings.HasPrefix(name, "hoop_exporter_") && strings.HasSuffix(name, suffix) {
				out[k] = v
			}
		}
	}
	return out
}

// notBelow wants no count to be lower than it was.
func (w *world) notBelow(before map[string]float64) map[string]float64 {
	w.Helper()
	now := counts(w.scrape())
	for k, v := range before {
		if now[k] < v {
			w.Errorf("%s fell from %v to %v", k, v, now[k])
		}
	}
	return now
}

// sameCreated wants every series to have been created when it was.
func (w *world) sameCreated(before map[string]time.Time) map[string]time.Time {
	w.Helper()
	now := map[string]time.Time{}
	for _, n := range w.collector.published.Load().counted.Counters().Targets {
		for kind, of := range map[string][]ledger.Counter{"started": n.Started, "finished": n.Finished, "exit codes": n.ExitCodes, "resolved": n.Resolved, "requested": n.Requested} {
			for _, c := range of {
				now[fmt.Sprint(n.Target, kind, c.Labels)] = c.Created
			}
		}
		for m, h := range n.Histograms {
			if h != nil {
				now[fmt.Sprint(n.Target, m)] = h.Created
			}
		}
	}
	for k, was := range before {
		if is := now[k]; !is.Equal(was) {
			w.Errorf("%s was created %v, and now %v", k, was, is)
		}
	}
	return now
}

// However a process ends, and however long it is away, the next one goes on where it stopped: no counter falls, and in the end all equal
// the truth since the first start.
func TestCountersOutliveTheProcess(t *testing.T) {
	t.Parallel()
	saving(t, newDisk(), func(t *testing.T, g *gatewaytest.Gateway, cfg Config, _ *logs) {
		cfg.Lookback = 21 * 24 * time.Hour // what is older than that is given up
		day, weeks := collectortest.Pick(2*time.Hour, 26*time.Hour), collectortest.Pick(time.Hour, 15*24*time.Hour)
		var before map[string]float64
		var created map[string]time.Time
		for i, stop := range []struct {
			away time.Duration
			kill bool
		}{{time.Second, true}, {10 * time.Minute, false}, {20 * time.Minute, true}, {day, true}, {weeks, true}, {0, false}} {
			w := newWorld(t, g, cfg)
			w.scrapeFor(collectortest.Pick(10*time.Minute, 20*time.Minute), 30*time.Second)
			before = w.notBelow(before)
			created = w.sameCreated(created)
			if i == 5 {
				g.Calm()
				w.scrapeFor(36*time.Hour, collectortest.Pick(25*time.Minute, 10*time.Minute))
				w.notBelow(before)
				w.equalsTruth()
			}
			crashed := cfg.State.(*disk).crashed()
			w.stop()
			if stop.kill {
				cfg.State = crashed
			}
			time.Sleep(stop.away)
		}
	}, nil)
}

// On a full disk gauges go on, counters wait, and the log says it once, and again after an hour.
func TestCountersWaitForTheDisk(t *testing.T) {
	t.Parallel()
	d := newDisk()
	saving(t, d, func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs) {
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(20*time.Minute, 30*time.Second)
		shown := counts(w.scrape())
		d.fill(true)
		saved := d.crashed()
		time.Sleep(11 * time.Second)
		before := w.scrape() // of the first refresh that could not save
		w.scrapeFor(time.Hour, collectortest.Pick(time.Minute, 30*time.Second))
		during := w.scrape()
		for at, got := range map[string]map[string]float64{"first failed save": counts(before), "last one": counts(during)} {
			if len(shown) == 0 || !maps.Equal(got, shown) {
				t.Errorf("at the %s %d counters are shown, which are not the %d that were saved last", at, len(got), len(shown))
			}
		}
		if during["hoop_up"] != 1 || during["hoop_exporter_state_save_failures_total"] < 50 || during["hoop_exporter_last_refresh_timestamp_seconds"] <= before["hoop_exporter_last_refresh_timestamp_seconds"] {
			t.Errorf("up %v, %v failures", during["hoop_up"], during["hoop_exporter_state_save_failures_total"])
		}
		if n := strings.Count(l.String(), "counters stay at their last saved values"); n != 2 || !strings.Contains(l.String(), "no space left on device\" since=") {
			t.Errorf("the log says it %d times: %s", n, l)
		}
		// If it is killed now, another process begins with what is shown, though it cannot save either.
		saved.fill(true)
		cfg.State = saved
		other := newWorld(t, g, cfg)
		if got := counts(other.scrape()); !maps.Equal(got, counts(during)) {
			t.Error("another process shows something else")
		}
		other.stop()

		d.fill(false)
		g.Calm()
		w.scrapeFor(36*time.Hour, collectortest.Pick(25*time.Minute, 10*time.Minute))
		w.equalsTruth()
		if !strings.Contains(l.String(), "recovered subject=state") {
			t.Error("the log does not say that it is over")
		}
	}, nil)
}

// What could not be saved is saved when the exporter stops, if the disk has room by then. If not, the next process begins with what was
// shown.
func TestAStopSavesWhatWasNotSaved(t *testing.T) {
	for name, room := range map[string]bool{"with room": true, "on a full disk": false} {
		t.Run(name, func(t *testing.T) {
			d := newDisk()
			saving(t, d, func(t *testing.T, g *gatewaytest.Gateway, cfg Config, _ *logs) {
				w := newWorld(t, g, cfg)
				w.scrapeFor(20*time.Minute, 30*time.Second)
				shown := counts(w.scrape())
				d.fill(true)
				w.scrapeFor(5*time.Minute, 30*time.Second)
				d.fill(!room)
				saves := d.saves
				w.stop()
				if d.saves != saves+1 {
					t.Errorf("%d saves when it stopped, want one", d.saves-saves)
				}
				d.fill(true) // so that the next process shows what was saved
				next := newWorld(t, g, cfg)
				defer next.stop()
				got := next.notBelow(shown)
				if same := maps.Equal(got, shown); len(shown) == 0 || same == room {
					t.Errorf("the next process shows what was shown before the disk was full (%d counters): %v, want %v", len(shown), same, !room)
				}
			}, nil)
		})
	}
}

// Without a single save no counters are shown: they could fall back to nothing.
func TestNothingIsCountedOnADiskThatNeverWorked(t *testing.T) {
	d := newDisk()
	d.fill(true)
	saving(t, d, func(t *testing.T, g *gatewaytest.Gateway, cfg Config, _ *logs) {
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(20*time.Minute, 30*time.Second)
		got := w.scrape()
		if n := counts(got); len(n) > 0 {
			t.Errorf("%d counters are shown", len(n))
		}
		open := 0.0
		for k, v := range got {
			if strings.HasPrefix(k, "hoop_open_sessions{") {
				open += v
			}
		}
		if open == 0 || got["hoop_up"] != 1 {
			t.Errorf("up %v, %v sessions are open", got["hoop_up"], open)
		}
	}, nil)
}

// userinfoFails answers requests for the user with an error while broken returns true.
func userinfoFails(broken func() bool) func(*http.Request) http.Handler {
	return func(r *http.Request) http.Handler {
		if broken() && strings.HasSuffix(r.URL.Path, "/userinfo") {
			return gatewaytest.Fail(http.StatusInternalServerError, "the identity provider is away")
		}
		return nil
	}
}

// No sessions are requested before it is known whose they are.
func TestNoSessionsAreRequestedForAnUnknownUser(t *testing.T) {
	broken := true
	saving(t, newDisk(), func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs) {
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(20*time.Minute, 30*time.Second)
		if got := w.scrape(); got["hoop_up"] != 0 || len(counts(got)) > 0 || !w.collector.Ready() {
			t.Errorf("up %v, %d counters, ready %v", got["hoop_up"], len(counts(got)), w.collector.Ready())
		}
		if n := g.Stats().Requests[gatewaytest.PathSessions]; n > 0 {
			t.Errorf("%d pages were requested", n)
		}
		if !strings.Contains(l.String(), "the identity provider is away") {
			t.Errorf("the log does not say why: %s", l)
		}
		broken = false
		w.scrapeFor(time.Minute, 15*time.Second)
		if got := w.scrape(); got["hoop_up"] != 1 {
			t.Error("it does not go on by itself")
		}
	}, userinfoFails(func() bool { return broken }))
}

func TestAFileInUseIsTakenOverWhenItIsReleased(t *testing.T) {
	d := newDisk()
	saving(t, d, func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs) {
		first := newWorld(t, g, cfg)
		first.scrape()
		second := newWorld(t, g, cfg)
		defer second.stop()
		second.scrapeFor(time.Minute, 15*time.Second)
		if got := second.scrape(); got["hoop_up"] != 0 || len(counts(got)) > 0 || got[`hoop_exporter_refresh_error{reason="state"}`] != 1 {
			t.Errorf("up %v, %d counters", got["hoop_up"], len(counts(got)))
		}
		if n := strings.Count(l.String(), d.names()[0]+" is in use by another process"); n < 1 || strings.Count(l.String(), "level=warn") != 1 {
			t.Errorf("the log says %s", l)
		}
		before := first.notBelow(nil)
		first.stop() // as in a rolling update
		time.Sleep(time.Minute)
		if got := second.notBelow(before); len(got) == 0 {
			t.Error("it does not take over")
		}
	}, nil)
}

func TestADamagedFileIsLoggedAndMovedAside(t *testing.T) {
	d := newDisk()
	saving(t, d, func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs) {
		w := newWorld(t, g, cfg)
		w.scrapeFor(10*time.Minute, 30*time.Second)
		began := w.collector.published.Load().snapshot.T0
		w.stop()
		d.garble()
		w = newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(10*time.Minute, 30*time.Second)
		if w.scrape()["hoop_up"] != 1 || !w.collector.published.Load().snapshot.T0.After(began) {
			t.Error("counting did not start again")
		}
		if !strings.Contains(l.String(), "level=error") || !strings.Contains(l.String(), "aside=aside") || len(d.names()) != 2 {
			t.Errorf("%v are there, and the log says %s", d.names(), l)
		}
	}, nil)
}

// Nothing is counted with a credential of another organization, or with one that sees less; with the old one, counting goes on.
func TestAnotherCredentialIsNotMixedIn(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"of another organization": `{"id":"u","role":"admin","org_id":"another"}`,
		"that shows less":         `{"id":"u","role":"standard","org_id":"` + gatewaytest.OrgID + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			exchanged := false
			d := newDisk()
			saving(t, d, func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs) {
				w := newWorld(t, g, cfg)
				defer w.stop()
				w.scrapeFor(10*time.Minute, 30*time.Second)
				before := w.notBelow(nil)
				exchanged = true
				w.scrapeFor(identifyEvery+time.Minute, time.Minute)
				requests := g.Stats().Requests[gatewaytest.PathSessions]
				w.scrapeFor(10*time.Minute, time.Minute)
				if got := g.Stats().Requests[gatewaytest.PathSessions]; got != requests {
					t.Errorf("%d pages were requested", got-requests)
				}
				if got := w.scrape(); got["hoop_up"] != 0 || got[`hoop_exporter_refresh_error{reason="identity"}`] != 1 {
					t.Errorf("up %v, or another reason", got["hoop_up"])
				}
				w.notBelow(before)
				if !strings.Contains(l.String(), "or restart the exporter") {
					t.Errorf("the log does not say what to do: %s", l)
				}
				exchanged = false
				w.scrapeFor(2*time.Minute, 15*time.Second)
				if got := w.scrape(); got["hoop_up"] != 1 || len(d.names()) != 1 {
					t.Errorf("up %v with %v", got["hoop_up"], d.names())
				}
			}, func(r *http.Request) http.Handler {
				if !exchanged || !strings.HasSuffix(r.URL.Path, "/userinfo") {
					return nil
				}
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })
			})
		})
	}
}

// An auditor loses the role for less than an hour. The gateway then shows the exporter only the exporter's own sessions (there are none),
// and returns no error. The exporter notices this while the hidden sessions can still be counted: once the role is back, no session is
// missing.
func TestARoleThatIsTakenAwayLosesNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := map[string]gatewaytest.Credential{"org|secret": {Role: gatewaytest.RoleAuditor}}
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, APIKeys: keys})
		cfg := truthConfig()
		cfg.State = newDisk()
		w := newWorld(t, g, cfg)
		defer w.stop()
		added := 0
		live := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); added++ {
				g.Add(gatewaytest.Row{Connection: "pg", Type: "database", Verb: "exec", Status: "done", EndDate: time.Now()})
				w.scrapeFor(time.Minute, refreshEvery)
			}
		}
		live(10 * time.Minute)
		keys["org|secret"] = gatewaytest.Credential{Role: gatewaytest.RoleStandard, UserID: "exporter"}
		live(identifyEvery + time.Minute)
		if got := w.scrape(); got["hoop_up"] != 0 || got["hoop_exporter_visibility_limited"] != 1 {
			t.Errorf("without the role, up is %v, and limited %v", got["hoop_up"], got["hoop_exporter_visibility_limited"])
		}
		live(40 * time.Minute)
		keys["org|secret"] = gatewaytest.Credential{Role: gatewaytest.RoleAuditor}
		live(10 * time.Minute)
		w.scrapeFor(time.Minute, refreshEvery)
		if got := w.scrape(); got[startedOfPg] != float64(added) || got["hoop_up"] != 1 {
			t.Errorf("%v counted of %d, up %v", got[startedOfPg], added, got["hoop_up"])
		}
	})
}

// Rows show that a credential was replaced before the user is read again.
func TestAPageOfAnotherOrganizationIsRefused(t *testing.T) {
	saving(t, newDisk(), func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs) {
		w := newWorld(t, g, cfg)
		defer w.stop()
		before := w.notBelow(nil)
		row := gatewaytest.Row{}
		row.OrgID, row.Connection, row.Type = "another", "theirs", "database"
		g.Add(row)
		time.Sleep(time.Minute)
		got := w.scrape()
		for k := range got {
			if strings.Contains(k, "theirs") {
				t.Errorf("%s is shown", k)
			}
		}
		if w.notBelow(before); got["hoop_up"] != 0 || !strings.Contains(l.String(), `the sessions are of organization \"another\"`) {
			t.Errorf("up %v, the log says %s", got["hoop_up"], l)
		}
	}, nil)
}

// While nothing happens at a gateway, hardly anything is saved.
func TestAQuietGatewayCostsNoSaves(t *testing.T) {
	d := newDisk()
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026})
		g.AddHistory(200, time.Now().Add(-24*time.Hour), time.Now().Add(-time.Hour), gatewaytest.HistoryOptions{Unfinished: 20, Pending: 5})
		cfg := truthConfig()
		cfg.State = d
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(time.Hour, 30*time.Second) // it reads back, and what it holds is shown
		saves := d.saves
		w.scrapeFor(time.Hour, 30*time.Second)
		if n := d.saves - saves; n > 13 {
			t.Errorf("%d saves in an hour", n)
		}
	})
}
