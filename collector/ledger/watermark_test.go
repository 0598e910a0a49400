package ledger

import (
	"testing"
	"time"
)

// What has been counted and forgotten stays so, even if the gateway's clock was set back for longer than the overlap and forward again.
func TestAClockSetBackAndForthOpensNothing(t *testing.T) {
	s := begin(t)
	s.AdvanceHead(noon().Add(2 * time.Hour))
	s.see(2*time.Hour, s.ended("a", time.Hour, 61*time.Minute, 0))
	s.MarkRead(Span{noon().Add(-time.Hour), noon().Add(2*time.Hour + Tick)})
	s.AdvanceWatermark(noon().Add(2 * time.Hour))
	s.forgetSeen()
	s.AdvanceHead(noon()) // set back
	s.AdvanceHead(noon().Add(2 * time.Hour))
	s.see(2*time.Hour, s.ended("a", time.Hour, 61*time.Minute, 0))
	s.want("finished", counted(s.target(2*time.Hour).Finished), "map[success:1]")
	s.want("unread from", s.Unread()[0].From.Sub(noon()), 2*time.Hour-15*time.Minute)
}

// A stop that is longer than the lookback leaves the lookback to be read, and what had not been read before.
func TestAfterALongStopTheLookbackIsUnread(t *testing.T) {
	l := New(options(), noon())
	l.MarkRead(Span{noon().Add(-time.Hour), noon().Add(Tick)})
	l.AdvanceHead(noon().Add(72 * time.Hour))
	want := []Span{{noon().Add(-24 * time.Hour), noon().Add(-time.Hour)}, {noon().Add(48 * time.Hour), noon().Add(72*time.Hour + Tick)}}
	if got := l.Unread(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("unread %v, want %v", got, want)
	}
	if l.Head() != noon().Add(72*time.Hour) || l.Watermark() != noon().Add(72*time.Hour-15*time.Minute) {
		t.Errorf("head %v, watermark %v", l.Head(), l.Watermark())
	}
}
