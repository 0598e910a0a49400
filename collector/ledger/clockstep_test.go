package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// lateRow is a session that a gateway shows from visible on.
type lateRow struct {
	client.Session
	visible time.Time
}

// refreshAt plays what a planner does, by clocks of the gateway and of the exporter that are off by so much: the newest page, what is new,
// what is unread, and the list of pending reviews.
func refreshAt(l *Ledger, now time.Time, off, own time.Duration, rows []lateRow) {
	at := now.Add(off)
	show := func(s Span) {
		var page []client.Session
		for _, r := range rows {
			if !r.visible.After(now) && s.contains(r.StartDate.Time) {
				page = append(page, r.Session)
			}
		}
		l.Apply(at, page)
	}
	l.ObserveTime(at, now.Add(own))
	l.AdvanceHead(at)
	show(Span{l.Watermark(), at.Add(time.Hour)})
	l.AdvanceWatermark(at)
	l.StepBack(at, now.Add(own))
	for _, s := range slices.Clone(l.Unread()) {
		show(s)
		l.MarkRead(s)
	}
	show(Span{at.Add(-24 * time.Hour), at.Add(time.Hour)}) // as the lists of pending reviews do, whatever is open
	l.Finish(at, now.Add(own))
}

// Whatever the gateway's clock says, and for how long, and however often the exporter starts again, with another clock or from an older
// state: once the gateway's clock is right, each session counts once.
func TestEachSessionCountsOnceWhateverTheClockSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := options()
		l := New(o, noon())
		now, own, n := noon(), time.Duration(0), 0
		var saved *Ledger // nil: the last one
		var rows []lateRow
		play := func(d, off time.Duration) {
			for end := now.Add(d); now.Before(end); now = now.Add(time.Minute) {
				for range rapid.IntRange(0, 2).Draw(t, "rows") {
					row := sessionRow(fmt.Sprint(n), now.Sub(noon())+time.Second)
					if n++; n%3 > 0 {
						row.Status, row.EndDate, row.ExitCode = "done", row.StartDate, code(0)
					} else {
						row.Review = &client.Review{ID: row.ID, Type: "jit", Status: "PENDING", CreatedAt: row.StartDate, Groups: []client.ReviewGroup{
							{Group: "dba", Status: "APPROVED", ReviewDate: row.StartDate}, {Group: "sre", Status: "PENDING"},
						}}
					}
					late := time.Duration(rapid.SampledFrom([]int{0, 0, 0, 30, 120}).Draw(t, "late")) * time.Second
					rows = append(rows, lateRow{row, now.Add(time.Second + late)})
				}
				refreshAt(l, now.Add(30*time.Second), off, own, rows)
				switch rapid.IntRange(0, 40).Draw(t, "restart") {
				case 0:
					if saved == nil {
						saved = l
					}
					l, saved = reborn(t, o, saved), nil
					own = time.Duration(rapid.SampledFrom([]int{-6000, -20, 0, 0, 20, 6000}).Draw(t, "own")) * time.Minute
				case 1:
					saved = reborn(t, o, l) // from now on nothing can be saved
				}
			}
		}
		play(20*time.Minute, 0)
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			off := time.Duration(rapid.SampledFrom([]int{-6000, -180, -21, -6, 4, 6, 14, 20, 90, 6000}).Draw(t, "off")) * time.Minute
			play(time.Duration(rapid.IntRange(1, 60).Draw(t, "wrong for"))*time.Minute, off)
			play(time.Duration(rapid.IntRange(1, 60).Draw(t, "right for"))*time.Minute, 0)
		}
		play(30*time.Minute, 0)
		now = now.Add(5 * time.Minute) // all rows are visible
		refreshAt(l, now, 0, own, rows)
		started, finished, decided := uint64(0), uint64(0), uint64(0)
		for _, target := range l.Finish(now, now).Gauges.Targets {
			started, finished, decided = started+sum(target.Started), finished+sum(target.Finished), decided+sum(target.Decisions)
		}
		ended := 0
		for _, r := range rows {
			if r.Status == "done" {
				ended++
			}
		}
		if started != uint64(len(rows)) || finished != uint64(ended) || decided != uint64(len(rows)-ended) {
			t.Fatalf("%d started, %d finished and %d decided, want %d, %d and %d", started, finished, decided, len(rows), ended, len(rows)-ended)
		}
	})
}

// retaining is a ledger that has read everything up to noon, and retains the rows since d before noon.
func retaining(t *testing.T, d time.Duration) story {
	s := begin(t)
	s.retainedFrom = noon().Add(-d)
	s.retain(noon())
	return s
}

// Retained rows are bounded: if there are more, the oldest coverage is closed, and counts nothing twice.
func TestRetainedRowsAreBounded(t *testing.T) {
	s := retaining(t, time.Hour)
	see := func(at time.Duration) {
		for i := range 60 {
			d := time.Duration(i) * time.Minute
			for j := range 1000 {
				s.see(at, s.ended(fmt.Sprint(i, " ", j), d, d, 0))
			}
		}
	}
	see(time.Hour)
	s.AdvanceHead(noon().Add(23 * time.Hour))
	s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(24 * time.Hour)})
	s.AdvanceWatermark(noon().Add(23 * time.Hour))
	s.forgetSeen()
	if n := len(s.seen); n != maxRetained {
		t.Errorf("%d rows are retained, want %d", n, maxRetained)
	}
	if got := s.retainedFrom.Sub(noon()); got != 55*time.Minute+Tick {
		t.Errorf("retained from %v, want after minute 55", got)
	}
	s.StepBack(noon().Add(time.Hour), noon())
	see(time.Hour)
	s.want("finished", counted(s.target(time.Hour).Finished), "map[success:60000]")
}

func TestAClockThatGoesBackOpensWhatWasReadTooEarly(t *testing.T) {
	s := retaining(t, 48*time.Hour)
	s.AdvanceHead(noon().Add(30 * time.Minute))
	s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(31 * time.Minute)})
	s.AdvanceWatermark(noon().Add(30 * time.Minute))
	for _, small := range []time.Duration{29 * time.Minute, 25 * time.Minute} {
		if _, ok := s.StepBack(noon().Add(small), noon()); ok {
			t.Errorf("a small step to %v opens coverage", small)
		}
	}
	back, ok := s.StepBack(noon().Add(10*time.Minute), noon())
	if !ok || back != 20*time.Minute {
		t.Errorf("back by %v, %v, want 20m", back, ok)
	}
	if got := s.Watermark().Sub(noon()); got != -5*time.Minute {
		t.Errorf("the watermark is at %v, want -5m", got)
	}
	if got := s.Unread(); len(got) != 1 || got[0].To != noon().Add(10*time.Minute+Tick) || !got[0].From.Equal(noon().Add(10*time.Minute-24*time.Hour)) {
		t.Errorf("unread %v, want the day before 12:10", got)
	}
}

// moment is what both clocks show, since noon.
type moment struct{ at, now time.Duration }

// goesOn plays answers at these moments.
func (s story) goesOn(moments ...moment) {
	for _, m := range moments {
		s.ObserveTime(noon().Add(m.at), noon().Add(m.now))
		s.AdvanceHead(noon().Add(m.at))
		s.StepBack(noon().Add(m.at), noon().Add(m.now))
	}
}

// The gateway's clock goes back by an hour before the first of these moments, and T0 with it.
func TestWhichT0IsRightIsDecidedOnce(t *testing.T) {
	const minute, hour = time.Minute, time.Hour
	for _, tt := range []struct {
		name    string
		moments []moment
		want    time.Duration
	}{
		{"the clock steps to the first T0 exactly", []moment{{0, minute}, {hour, 61 * minute}}, 0},
		{"time passes to it exactly, and later the clock makes a step", []moment{{0, hour}, {2 * hour, hour + minute}}, -hour},
		{"the clock goes back once more, and then steps to it", []moment{{-2 * hour, minute}, {minute, 2 * minute}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := story{t, New(options(), noon())}
			s.goesOn(append([]moment{{-hour, 0}}, tt.moments...)...)
			s.want("T0", s.T0().Sub(noon()), tt.want)
		})
	}
}

func TestT0IsTheFirstTimeUnlessThatWasAhead(t *testing.T) {
	for _, tc := range []struct {
		name         string
		step, passes time.Duration // between two heads, after the clock went back by an hour
		want         time.Duration
	}{
		{"the first time was ahead", 5 * time.Minute, 5 * time.Minute, -time.Hour},
		{"the first time was ahead, and nothing was read for a while", 70 * time.Minute, 70 * time.Minute, -time.Hour},
		{"the clock was behind for a while", 70 * time.Minute, 10 * time.Minute, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := New(options(), noon())
			l.StepBack(noon().Add(-time.Hour), noon())
			if got := l.T0().Sub(noon()); got != -time.Hour {
				t.Errorf("it counts since %v, want -1h", got)
			}
			now := noon()
			for at := -time.Hour; at <= 2*time.Hour; at += tc.step {
				l.ObserveTime(noon().Add(at), now)
				l.AdvanceHead(noon().Add(at))
				now = now.Add(tc.passes)
			}
			if got := l.T0().Sub(noon()); got != tc.want {
				t.Errorf("in the end it counts since %v, want %v", got, tc.want)
			}
		})
	}
}

// The gateway's clock was ahead when the state was saved. When the exporter starts again it is right, later than that, and the exporter's
// own clock was set, too: only that the difference between the two is another one says that something happened.
func TestAfterARestartWithAnotherDifferenceOfTheClocksWhatIsRetainedIsReadAgain(t *testing.T) {
	const own = 30 * time.Minute // how far the exporter's clock is ahead
	for _, set := range []time.Duration{-time.Hour, -6 * time.Minute, 0, 4 * time.Minute, 6 * time.Minute, time.Hour} {
		for _, again := range []bool{false, true} {
			for _, at := range []time.Time{noon().Add(time.Hour), noon().Add(-time.Minute)} {
				t.Run(fmt.Sprintf("set by %v, again %v, at %v", set, again, at.Sub(noon())), func(t *testing.T) {
					s := retaining(t, 48*time.Hour)
					s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(time.Minute)})
					s.AdvanceWatermark(noon())
					s.StepBack(noon(), noon().Add(own))
					l := reborn(t, s.options, s.Ledger)
					if again {
						l.StepBack(at, at.Add(own))
					}
					back, ok := l.StepBack(at, at.Add(own+set))
					wentBack := set > 5*time.Minute // the gateway's clock, as far as can be known
					if want := wentBack || !again && set < -5*time.Minute; ok != want || ok != (len(l.Unread()) > 0) || wentBack != (back > 0) {
						t.Errorf("%v, back by %v, unread %v; want %v", ok, back, l.Unread(), want)
					}
				})
			}
		}
	}
}

// The page that shows that the clock was ahead has sessions that start later than its date, and are over: what is read again does not reach
// them.
func TestASessionThatWasSeenTooEarlyIsLookedAtAgain(t *testing.T) {
	s := retaining(t, time.Hour)
	s.AdvanceHead(noon().Add(4 * time.Hour))
	s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(5 * time.Hour)})
	s.AdvanceWatermark(noon().Add(4 * time.Hour))
	row, at := s.ended("a", 15*time.Minute, 16*time.Minute, 0), 10*time.Minute
	s.see(at, row)
	s.StepBack(noon().Add(at), noon().Add(at))
	s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(at + Tick)})
	s.Finish(noon().Add(at), noon().Add(at))
	if rechecks, due := s.Rechecks(noon().Add(20 * time.Minute)); !due || len(rechecks) != 1 {
		t.Errorf("rechecks %v, due %v; want one", rechecks, due)
	}
	for range 2 {
		s.see(20*time.Minute, row)
		s.want("finished", counted(s.target(20*time.Minute).Finished), "map[success:1]")
	}
}

// The gateway's clock was ahead, and then nothing was read for longer than rows are retained.
func TestALongPauseDoesNotHideThatTheClockWasAhead(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprint("restarts ", restarts), func(t *testing.T) {
			s := retaining(t, 48*time.Hour)
			s.options.Lookback = 72 * time.Hour
			s.ObserveTime(noon().Add(time.Hour), noon())
			s.AdvanceHead(noon().Add(time.Hour))
			s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(2 * time.Hour)})
			s.AdvanceWatermark(noon().Add(time.Hour))
			s.StepBack(noon().Add(time.Hour), noon())
			l := s.Ledger
			if restarts {
				l = reborn(t, s.options, l)
			}
			at := noon().Add(27 * time.Hour)
			l.ObserveTime(at, at)
			l.AdvanceHead(at)
			l.StepBack(at, at)
			if from := l.Unread()[0].From.Sub(noon()); from != -23*time.Hour { // a day before the head that was ahead
				t.Errorf("unread from %v on; want -23h", from)
			}
		})
	}
}

// A clock that is behind for a while opens nothing that is closed, neither then nor when it is right again.
func TestAClockThatIsBehindForAWhileOpensNothing(t *testing.T) {
	s := begin(t)
	s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(time.Minute)})
	s.AdvanceWatermark(noon())
	if _, ok := s.StepBack(noon().Add(-2*time.Hour), noon()); !ok {
		t.Fatal("the step was not seen")
	}
	want := noon().Add(-15 * time.Minute)
	if got := s.OpenFrom(); !got.Equal(want) || len(s.Unread()) != 0 {
		t.Errorf("open from %v, unread %v; want from %v", got, s.Unread(), want)
	}
	s.AdvanceHead(noon().Add(10 * time.Minute))
	if got := s.Unread(); len(got) != 1 || !got[0].From.Equal(want) {
		t.Errorf("unread %v; want from %v", got, want)
	}
}

// If refreshes are rare, none of them is a step of the clock: what was retained after a step is forgotten in time.
func TestRareRefreshesRetainNothing(t *testing.T) {
	l := New(options(), noon())
	for at := time.Duration(0); at <= 72*time.Hour; at += 10 * time.Minute {
		l.ObserveTime(noon().Add(at), noon().Add(at))
		l.AdvanceHead(noon().Add(at))
		l.MarkRead(Span{noon().Add(-48 * time.Hour), noon().Add(at + time.Hour)})
		l.AdvanceWatermark(noon().Add(at))
	}
	if l.retains() || !l.retainedFrom.Equal(l.watermark) {
		t.Errorf("rows are retained from %v on, until %v", l.retainedFrom, l.retainedUntil)
	}
}
