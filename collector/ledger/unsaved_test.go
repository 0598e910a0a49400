package ledger

import (
	"errors"
	"testing"
)

// Counters can be had only once they are saved.
func TestCountersComeFromASave(t *testing.T) {
	l := New(Options{}, noon())
	u := l.Finish(noon(), noon())
	full := errors.New("no space left on device")
	if saved, err := u.Save(func(*Ledger) error { return full }); !errors.Is(err, full) || saved.Counters() != nil {
		t.Errorf("%v, %v although nothing was saved", saved.Counters(), err)
	}
	saves := 0
	saved, err := u.Save(func(of *Ledger) error {
		if saves++; of != l {
			t.Error("another ledger is saved")
		}
		return nil
	})
	if err != nil || saved.Counters() != u.Gauges || saves != 1 {
		t.Errorf("%v, %v after %d saves", saved.Counters(), err, saves)
	}
}
