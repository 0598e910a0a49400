package budget

import (
	"testing"
	"time"
)

func TestAShorterPauseDoesNotEndALongerOne(t *testing.T) {
	later := func(s int) time.Time { return noon().Add(time.Duration(s) * time.Second) }
	for _, tc := range []struct {
		name       string
		pauses     []int // in seconds
		own, other int   // how long they last for the share itself, and for the other one
	}{
		{"a longer one, then a shorter one", []int{600, 100}, 600, 30},
		{"a shorter one, then a longer one", []int{100, 600}, 600, 30},
		{"two that are shorter than what others wait", []int{20, 10}, 20, 20},
		{"exactly what others wait", []int{30}, 30, 30},
		{"a second more", []int{31}, 31, 30},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := New(noon())
			s, other := b.NewShare(noon()), b.NewShare(noon())
			for _, pause := range tc.pauses {
				s.Pause(noon(), later(pause))
			}
			if !s.Paused(later(tc.own-1)) || s.Paused(later(tc.own)) {
				t.Errorf("it has to wait for %d s", tc.own)
			}
			if !other.Paused(later(tc.other-1)) || other.Paused(later(tc.other)) {
				t.Errorf("the other one has to wait for %d s", tc.other)
			}
		})
	}
}

// Two shares without answers in a row mean that the gateway does not answer at all. One that is closed is not one of the two.
func TestAClosedShareDoesNotMakeAGatewayUnreachable(t *testing.T) {
	for _, tc := range []struct {
		name   string
		closes int // which share is closed after the first one failed
		want   time.Duration
	}{
		{"the one that failed", 0, othersPause},
		{"another one", 1, time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := New(noon())
			shares := []*Share{b.NewShare(noon()), b.NewShare(noon()), b.NewShare(noon()), b.NewShare(noon())}
			shares[0].RecordFailure()
			shares[tc.closes].Close()
			shares[2].Pause(noon(), noon().Add(time.Hour))
			if s := shares[3]; !s.Paused(noon().Add(tc.want-1)) || s.Paused(noon().Add(tc.want)) {
				t.Errorf("the others have to wait for %v", tc.want)
			}
		})
	}
}
