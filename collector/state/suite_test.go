package state_test

import (
	"testing"

	"github.com/hoop-exporter/hoop_exporter/collector/state"
	"github.com/hoop-exporter/hoop_exporter/collector/state/statetest"
)

func TestADirectoryIsAStore(t *testing.T) {
	statetest.TestStore(t, func(t *testing.T) state.Store {
		dir, err := state.NewDirectory(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return dir
	})
}
