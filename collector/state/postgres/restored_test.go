package postgres

import (
	"testing"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
)

// dump copies the states, as a backup does.
const dump = "CREATE TABLE hoop_exporter.dump AS SELECT * FROM hoop_exporter.states"

// restore replaces the states by the copy.
const restore = "DELETE FROM hoop_exporter.states; INSERT INTO hoop_exporter.states SELECT * FROM hoop_exporter.dump"

// A standby that takes over may lack the last saves. While the lease and the row still belong to the process, it saves everything again.
func TestAHolderRepairsAStateWhoseLastSavesWereLost(t *testing.T) {
	for name, common := range map[string]string{"whole contents": "", "differences": large(1)} {
		t.Run(name, func(t *testing.T) {
			url := cluster.Database(t)
			d := opened(t, url)
			l := leased(t, d, "a", "x")
			r, _ := recordOf(t, d, l)
			saves(t, r, common+"1", nil)
			saves(t, r, common+"2", nil)
			pgtest.Exec(t, url, dump)
			saves(t, r, common+"3", nil)
			saves(t, r, common+"4", nil)
			pgtest.Exec(t, url, restore)
			saves(t, r, common+"5", nil)
			if got, err := r.Load(t.Context()); err != nil || string(got) != common+"5" {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// A process that finds an older state than it has saved reports that once, because counters fall, and then continues from that state.
func TestAnOlderStateThanTheProcessSavedIsReported(t *testing.T) {
	for _, tc := range []struct {
		name, change string
		older        bool
	}{
		{"nothing", "SELECT 1", false},
		{"a dump of the same process's lease", restore, true},
		{"a dump from before the process opened it", restore + "; UPDATE hoop_exporter.states SET opened = opened - 1, saves = 100", true},
		{"no state", "DELETE FROM hoop_exporter.states", true},
		{"a state that another process has opened since", restore + "; UPDATE hoop_exporter.states SET opened = opened + 1, saves = 0", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := cluster.Database(t)
			d := opened(t, url)
			l := leased(t, d, "a", "x")
			r, _ := recordOf(t, d, l)
			saves(t, r, "old", nil)
			pgtest.Exec(t, url, dump)
			saves(t, r, "new", nil)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			pgtest.Exec(t, url, tc.change)
			if tc.older {
				_, err := d.Store(l).Open(t.Context(), name)
				one(t, err, "older", "a backup of the database was restored", "counters fall")
			}
			recordOf(t, d, l)
		})
	}
}
