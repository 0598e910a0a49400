package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// step is a call of a ledger. A commit gives a snapshot.
type step func(l *Ledger) *Snapshot

// drawSteps draws the calls of several refreshes.
func drawSteps(t *rapid.T) []step {
	now := noon()
	told := func(f func(*Ledger)) step { return func(l *Ledger) *Snapshot { f(l); return nil } }
	var steps []step
	starts := map[string]time.Time{} // they never move
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		// Most refreshes are soon after the last one; now and then one comes after a stop, or after a month without a session.
		now = now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 10 * time.Minute, 2 * time.Hour, 31 * 24 * time.Hour}).Draw(t, "passes"))
		at, from := now, now.Add(-time.Duration(rapid.IntRange(0, 7200).Draw(t, "from"))*time.Second)
		switch rapid.SampledFrom([]string{"rows", "rows", "head", "read", "settle", "pending", "malformed", "missed", "served", "commit", "commit"}).Draw(t, "step") {
		case "rows":
			rows := drawRows(t)
			for i := range rows {
				rows[i].ID = fakeID(rows[i].ID, i%2 == 0)
				rows[i].ConnectionTags = map[string]string{"team": rapid.SampledFrom([]string{"red", "blue"}).Draw(t, "team")}
				start, known := starts[rows[i].ID]
				if !known {
					start = rows[i].StartDate.Add(at.Sub(noon()).Truncate(time.Hour))
					starts[rows[i].ID] = start
				}
				rows[i].StartDate.Time = start
			}
			steps = append(steps, told(func(l *Ledger) { l.Apply(at, rows) }))
		case "head":
			steps = append(steps, told(func(l *Ledger) { l.AdvanceHead(at) }))
		case "read":
			steps = append(steps, told(func(l *Ledger) { l.MarkRead(Span{from, at}) }))
		case "settle":
			steps = append(steps, told(func(l *Ledger) { l.AdvanceWatermark(from) }))
		case "pending":
			steps = append(steps, told(func(l *Ledger) {
				l.MarkPendingRead(from, at, at)
				l.ConfirmPending(from, at, at)
				l.MarkPendingComplete(at)
			}))
		case "malformed":
			row := client.MalformedSession{ID: fakeID("id05", rapid.Bool().Draw(t, "uuid")), Near: noon()}
			if start, known := starts[row.ID]; known {
				row.Near = start
			}
			starts[row.ID] = row.Near
			steps = append(steps, told(func(l *Ledger) { l.ApplyMalformed(at, []client.MalformedSession{row, {Digest: "d", Near: noon()}}) }))
		case "missed":
			id := fakeID(fmt.Sprintf("id%02d", rapid.IntRange(0, 5).Draw(t, "id")), rapid.Bool().Draw(t, "uuid"))
			steps = append(steps, told(func(l *Ledger) { l.MarkMissed(id, at); l.MarkMissed(id, at) }))
		case "served":
			steps = append(steps, told(func(l *Ledger) { l.MarkServed(l.generation, at) }))
		case "commit":
			steps = append(steps, func(l *Ledger) *Snapshot { return l.Finish(at, at.Add(time.Nanosecond)).Gauges })
		}
	}
	return append(steps, func(l *Ledger) *Snapshot { return l.Finish(now, now).Gauges })
}

// fakeID makes some ids UUIDs, as gateways do.
func fakeID(id string, uuid bool) string {
	if !uuid {
		return id
	}
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", id, "ab", "a", "b", "cdefab")[:8] + "-0a1b-4c2d-8e3f-" + fmt.Sprintf("%012x", id)
}

func imageOptions() Options {
	o := capped()
	o.ConnectionTags = []string{"team"}
	return o
}

// image is what a ledger is written as.
func image(t interface{ Fatal(...any) }, l *Ledger) Image {
	i, err := l.Image()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// reborn is what becomes of a ledger over a stop.
func reborn(t interface{ Fatal(...any) }, o Options, l *Ledger) *Ledger {
	r, err := Restore(o, image(t, l))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A ledger that was written and read back, at any moment and any number of times, goes on as the one that it was.
func TestARestoredLedgerIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stayed, stopped := New(imageOptions(), noon()), New(imageOptions(), noon())
		for i, s := range drawSteps(t) {
			if rapid.Bool().Draw(t, "stops") {
				stopped = reborn(t, imageOptions(), stopped)
			}
			want, got := s(stayed), s(stopped)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("step %d: snapshot\n%+v, want\n%+v", i, got, want)
			}
			a, b := image(t, stayed), image(t, stopped)
			if !bytes.Equal(a.Ledger, b.Ledger) || !bytes.Equal(a.Progress, b.Progress) {
				t.Fatalf("step %d: the images differ", i)
			}
			if got, want := looks(stopped), looks(stayed); !reflect.DeepEqual(got, want) {
				t.Fatalf("step %d: looks %v, want %v", i, got, want)
			}
		}
	})
}

func looks(l *Ledger) []Recheck {
	all, _ := l.Rechecks(noon().Add(1000 * time.Hour))
	slices.SortFunc(all, func(a, b Recheck) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// What a restored ledger says that it showed is what its last snapshot showed.
func TestShownIsWhatWasShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(imageOptions(), noon())
		var last *Snapshot
		for _, s := range drawSteps(t) {
			if snap := s(l); snap != nil {
				last = snap
			}
		}
		got := reborn(t, imageOptions(), l).lastPublished()
		if got.Generation != last.Generation || len(got.Targets) != len(last.Targets) {
			t.Fatalf("generation %d with %d targets, want %d with %d", got.Generation, len(got.Targets), last.Generation, len(last.Targets))
		}
		for i, g := range got.Targets {
			w := last.Targets[i]
			if !reflect.DeepEqual([]any{g.Target, g.Started, g.Finished, g.ExitCodes, g.Resolved, g.Requested, g.Histograms}, []any{w.Target, w.Started, w.Finished, w.ExitCodes, w.Resolved, w.Requested, w.Histograms}) {
				t.Errorf("%v: %+v, want %+v", w.Target, g, w)
			}
		}
	})
}

// While nothing happens only the progress changes.
func TestRechecksChangeProgressOnly(t *testing.T) {
	s := begin(t)
	s.see(0, sessionRow("a", -time.Minute), pendingSession("b"))
	s.target(0)
	before := image(t, s.Ledger)
	s.AdvanceHead(noon().Add(time.Minute))
	s.see(time.Minute, sessionRow("a", -time.Minute), pendingSession("b"))
	s.ConfirmPending(noon().Add(-time.Hour), noon(), noon().Add(2*time.Minute))
	s.MarkRead(Span{noon(), noon().Add(time.Minute + Tick)})
	s.AdvanceWatermark(noon().Add(time.Minute))
	s.target(time.Minute)
	after := image(t, s.Ledger)
	s.want("the same ledger", bytes.Equal(before.Ledger, after.Ledger), true)
	s.want("the same progress", bytes.Equal(before.Progress, after.Progress), false)
	s.see(2*time.Minute, s.ended("a", -time.Minute, time.Minute, 0))
	s.target(2 * time.Minute)
	s.want("the same ledger after an end", bytes.Equal(after.Ledger, image(t, s.Ledger).Ledger), false)
}

func pendingSession(id string) client.Session {
	row := sessionRow(id, -2*time.Minute)
	row.Review = &client.Review{Type: "onetime", Status: "PENDING", CreatedAt: row.StartDate, Groups: []client.ReviewGroup{{Group: "sre", Status: "PENDING"}}}
	return row
}

func TestSettingsMayChangeOverAStop(t *testing.T) {
	l := New(imageOptions(), noon())
	for i, name := range []string{"a", "b", "c"} {
		row := sessionRow(name, time.Duration(i)*time.Second)
		row.Connection, row.ConnectionTags = name, map[string]string{"team": "red"}
		l.Apply(noon(), []client.Session{row})
	}
	l.Finish(noon(), noon()) // a and b keep their names
	o := imageOptions()
	o.MaxConnections, o.ConnectionTags, o.AllowedLateness, o.Lookback = 3, nil, time.Hour, time.Hour
	r := reborn(t, o, l)
	row := sessionRow("d", time.Minute)
	row.Connection = "d"
	r.Apply(noon(), []client.Session{row})
	var names []string
	for _, c := range r.Finish(noon().Add(time.Minute), noon()).Gauges.Connections {
		names = append(names, c.Name)
		if c.Tags != nil {
			t.Errorf("%s has tags %v that are not chosen any more", c.Name, c.Tags)
		}
	}
	if got := strings.Join(names, " "); got != "<other> a b d" {
		t.Errorf("connections %s; want the first two and the third of the larger cap, and the folded one to stay so", got)
	}
	if r.backfillStart != l.backfillStart || r.Watermark() != l.Watermark() {
		t.Error("a setting opened what had been read")
	}
}

// An exporter's clock that was set back over a stop does not keep series from showing what they have for as long.
func TestAClockSetBackDoesNotDelay(t *testing.T) {
	o := options()
	o.FirstValueHold = time.Minute
	l := New(o, noon())
	l.Apply(noon(), []client.Session{sessionRow("a", time.Second)})
	now := noon().Add(48 * time.Hour)
	l.MarkServed(l.Finish(noon(), now).Gauges.Generation, now)
	l = reborn(t, o, l)
	l.Finish(noon(), noon())
	if n := l.Finish(noon(), noon().Add(time.Minute)).Gauges.Targets[0]; sum(n.Started) != 1 {
		t.Error("the series is still delayed")
	}
}

func TestDamagedImagesAreRefused(t *testing.T) {
	good := image(t, someLedger())
	for name, s := range map[string]Image{
		"nothing":          {},
		"no ledger":        {Progress: good.Progress},
		"no progress":      {Ledger: good.Ledger},
		"cut":              {Ledger: good.Ledger[:len(good.Ledger)-1], Progress: good.Progress},
		"something behind": {Ledger: append(slices.Clone(good.Ledger), 0), Progress: good.Progress},
		"progress behind":  {Ledger: good.Ledger, Progress: append(slices.Clone(good.Progress), 0)},
	} {
		if l, err := Restore(imageOptions(), s); l != nil || !errors.Is(err, errState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a version of the program wrote, later versions have to read, and write as it was. If the format has to change, the version of the
// state file goes up, and HOOP_UPDATE=1 pins a new one.
func TestTheFormatIsPinned(t *testing.T) {
	var pinned Image
	written := image(t, someLedger())
	for name, f := range map[string]struct{ pinned, written *[]byte }{"ledger": {&pinned.Ledger, &written.Ledger}, "progress": {&pinned.Progress, &written.Progress}} {
		file := filepath.Join("testdata", "image-1."+name)
		if os.Getenv("HOOP_UPDATE") != "" {
			if err := os.WriteFile(file, *f.written, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if *f.pinned, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Restore(imageOptions(), pinned)
	if err != nil {
		t.Fatal(err)
	}
	if again := image(t, l); !bytes.Equal(again.Ledger, pinned.Ledger) || !bytes.Equal(again.Progress, pinned.Progress) {
		t.Error("it is not written as version 1 did")
	}
	started := uint64(0)
	for _, n := range l.Finish(noon().Add(time.Hour), noon().Add(time.Hour)).Gauges.Targets {
		started += sum(n.Started)
	}
	if len(l.tracked) != 22 || started != 30 {
		t.Errorf("%d unfinished and %d started, want 22 and 30", len(l.tracked), started)
	}
}

// someLedger has something in each of its fields.
func someLedger() *Ledger {
	l := New(imageOptions(), noon())
	code := 3
	for i := range 30 {
		row := sessionRow(fakeID(fmt.Sprint(i), i%2 == 0), time.Duration(i)*time.Second)
		row.Connection, row.Verb, row.ConnectionTags = fmt.Sprint("c", i%3), fmt.Sprint("verb", i%4), map[string]string{"team": "red"}
		if i%3 == 0 {
			row.Status, row.ExitCode, row.EventSize, row.EndDate = "done", &code, int64(i*1000), at(time.Hour)
			row.ScriptSize, row.Identity, row.AI = int64(i), client.IdentityMachine, &client.AIAnalysis{RiskLevel: "high", Action: "allow_execution"}
			row.Metrics.Masking = &client.Masking{InfoTypes: map[string]int64{"EMAIL_ADDRESS": int64(i)}, TransformedBytes: int64(i)}
			row.Guardrails = client.Guardrails{{Rule: "no-secrets", Direction: "input", Count: 1}}
		}
		if i%5 == 0 {
			row.Review = &client.Review{Type: "jit", Status: "PENDING", CreatedAt: row.StartDate, Groups: []client.ReviewGroup{{Group: "sre", Status: "PENDING"}}}
		}
		l.Apply(noon().Add(time.Minute), []client.Session{row})
	}
	l.ApplyMalformed(noon(), []client.MalformedSession{{Digest: "d", Near: noon()}})
	l.Finish(noon().Add(time.Minute), noon().Add(time.Minute))
	l.MarkServed(1, noon().Add(time.Minute))
	return l
}

// Whatever a state file holds, reading it ends with an error or with a ledger that works and is written as it was read.
func FuzzRestore(f *testing.F) {
	good := image(f, someLedger())
	f.Add(good.Ledger, good.Progress)
	empty := image(f, New(imageOptions(), noon()))
	f.Add(empty.Ledger, empty.Progress)
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, ledger, progress []byte) {
		l, err := Restore(imageOptions(), Image{ledger, progress})
		if err != nil {
			return
		}
		first := image(t, l)
		again := image(t, reborn(t, imageOptions(), l))
		if !bytes.Equal(first.Ledger, again.Ledger) || !bytes.Equal(first.Progress, again.Progress) {
			t.Error("it is not written as it was read")
		}
		l.lastPublished()
		for _, d := range []time.Duration{0, time.Hour, 1000 * time.Hour} {
			now := noon().Add(d)
			l.AdvanceHead(now)
			l.Apply(now, []client.Session{sessionRow("new", d), pendingSession("a")})
			l.Rechecks(now)
			l.MarkMissed("a", now)
			l.AdvanceWatermark(now)
			s := l.Finish(now, now).Gauges
			l.MarkServed(s.Generation, now)
		}
	})
}
