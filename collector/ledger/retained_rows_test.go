package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Rows of closed coverage are retained; those of open coverage do not count toward the limit.
func TestTheNewestFourThousandRowsAreRetained(t *testing.T) {
	for n, want := range map[int]time.Duration{maxRetained: 0, maxRetained + 1: Tick, maxRetained + 100: 99*time.Second + Tick} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := begin(t)
			for i := range n {
				d := time.Duration(i) * time.Second
				s.see(3*time.Hour, s.ended(fmt.Sprint(i), d, d, 0))
			}
			for i := range 10 { // rows before the retained ones, and rows of open coverage
				s.see(3*time.Hour, s.ended(fmt.Sprint("early", i), -time.Minute, -time.Minute, 0))
				s.see(3*time.Hour, s.ended(fmt.Sprint("open", i), 3*time.Hour, 3*time.Hour, 0))
			}
			s.retainedFrom, s.watermark = noon(), noon().Add(2*time.Hour)
			s.retain(noon().Add(2 * time.Hour))
			s.forgetSeen()
			s.want("retained from", s.retainedFrom.Sub(noon()), want)
			s.want("retained and open rows", len(s.seen), min(n, maxRetained)+10)
		})
	}
}

func TestRowsAreRetainedForADay(t *testing.T) {
	for d, retained := range map[time.Duration]bool{24 * time.Hour: true, 24*time.Hour + Tick: false} {
		s := begin(t)
		s.retain(noon())
		s.head = noon().Add(d)
		s.want(d.String(), s.retains(), retained)
	}
}

// The gateway's clock was wrong for so long that nothing is retained any more. What is read after it went back is retained, because the
// clock can go back again.
func TestAClockThatGoesBackTwiceLosesNothingTheSecondTime(t *testing.T) {
	s := begin(t)
	back := 30 * time.Minute
	s.goesOn(moment{0, 0}, moment{-back, 0})
	for d := time.Duration(0); d <= 2*time.Hour; d += 5 * time.Minute {
		s.goesOn(moment{d - back, d})
		s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(d - back + Tick)})
		s.AdvanceWatermark(noon().Add(d - back))
	}
	s.goesOn(moment{2*time.Hour - 2*back, 2 * time.Hour})
	s.want("open from", s.OpenFrom().Sub(noon()), 2*time.Hour-2*back-15*time.Minute)
	s.want("unread from", s.Unread()[0].From.Sub(noon()), -15*time.Minute)
}

// reread sets both clocks to d after noon, and reads again all that is unread then.
func (s story) reread(d time.Duration, rows ...client.Session) {
	s.StepBack(noon().Add(d), noon().Add(d))
	s.see(d, rows...)
	s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(d + Tick)})
	s.commit(noon().Add(d), noon().Add(d))
}

// readAhead is a ledger that has read everything up to four hours after noon, because the gateway's clock was ahead, and retains the rows
// since noon.
func readAhead(t *testing.T) story {
	s := retaining(t, 0)
	s.AdvanceHead(noon().Add(4 * time.Hour))
	s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(5 * time.Hour)})
	s.AdvanceWatermark(noon().Add(4 * time.Hour))
	return s
}

// executed returns the session with a review that was requested, approved and used.
func executed(row client.Session) client.Session {
	start := row.StartDate
	row.Review = &client.Review{ID: "r", Type: client.ReviewOneTime, Status: client.ReviewExecuted, CreatedAt: start, RevokeAt: start}
	return row
}

// A session shows up after its coverage was closed too early, so it does not count at first. It has ended, and only its review is
// remembered.
func TestASessionThatEndsBeforeItsCoverageIsOpenedCountsOnce(t *testing.T) {
	for name, start := range map[string]time.Duration{"where rows are retained from": 0, "later": 30 * time.Minute} {
		for _, looks := range []int{1, 2} {
			t.Run(fmt.Sprint(name, ", seen ", looks, " times"), func(t *testing.T) {
				s := readAhead(t)
				row := executed(s.ended("a", start, start+time.Minute, 0))
				for range looks {
					s.see(4*time.Hour, row)
					s.want("before", counted(s.target(4*time.Hour).Finished), "map[]")
				}
				for range 2 {
					s.reread(time.Hour, row)
				}
				s.want("after", counted(s.target(time.Hour).Finished), "map[success:1]")
			})
		}
	}
}

// A session was counted before its coverage was closed, so it does not count again.
func TestASessionThatWasCountedDoesNotCountWhenItsCoverageIsOpened(t *testing.T) {
	for name, start := range map[string]time.Duration{"where rows are retained from": 0, "later": 30 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			s := retaining(t, 0)
			row := executed(s.ended("a", start, start+time.Minute, 0))
			s.see(time.Hour, row)
			s.commit(noon().Add(time.Hour), noon().Add(time.Hour))
			s.AdvanceHead(noon().Add(4 * time.Hour))
			s.MarkRead(Span{noon().Add(-24 * time.Hour), noon().Add(5 * time.Hour)})
			s.AdvanceWatermark(noon().Add(4 * time.Hour))
			s.see(4*time.Hour, row)
			s.commit(noon().Add(4*time.Hour), noon().Add(4*time.Hour))
			s.forgetSeen()
			s.reread(time.Hour, row)
			s.want("finished", counted(s.target(time.Hour).Finished), "map[success:1]")
		})
	}
}

// The session's review is still waiting, so the session is tracked.
func TestATrackedSessionCountsWhenItsCoverageIsOpened(t *testing.T) {
	s := readAhead(t)
	row := sessionRow("a", 30*time.Minute)
	row.Review = &client.Review{ID: "r", Type: client.ReviewOneTime, Status: client.ReviewPending, CreatedAt: row.StartDate}
	s.see(4*time.Hour, row)
	s.want("requested before", counted(s.target(4*time.Hour).Requested), "map[]")
	s.reread(time.Hour, row)
	s.see(time.Hour, executed(s.ended("a", 30*time.Minute, 31*time.Minute, 0)))
	n := s.target(time.Hour)
	s.want("sessions", []any{counted(n.Started), counted(n.Finished)}, "[map[exec:1] map[success:1]]")
	s.want("reviews", []any{counted(n.Requested), counted(n.Resolved), n.Histograms[ReviewWait].Count}, "[map[onetime:1] map[EXECUTED:1] 1]")
}

// The session was last seen at a time that the clock has not reached again yet.
func TestATrackedSessionIsDueByTheClockThatWentBack(t *testing.T) {
	s := readAhead(t)
	s.see(4*time.Hour, sessionRow("a", 30*time.Minute))
	s.StepBack(noon().Add(time.Hour), noon().Add(time.Hour))
	if !s.RecheckDue("a", noon().Add(time.Hour+2*time.Minute)) {
		t.Error("it is not due two minutes after the clock went back, when it is 32 minutes old")
	}
}
