package fleet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/collector/shard"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

func noon() time.Time { return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC) }

// of returns an address that shard index has among one total, and has not among another.
func of(t *testing.T, index, has, hasNot int) string {
	t.Helper()
	for i := range 1000 {
		a := "https://hoop.example.com/" + strings.Repeat("x", i)
		if shard.Owner(a, has) == index && shard.Owner(a, hasNot) != index {
			return a
		}
	}
	t.Fatal("there is none")
	return ""
}

func TestAShardOwnsAGatewaySinceItLastCameBack(t *testing.T) {
	moves := of(t, 0, 2, 3) // shard 0's of two, another one's of three
	at := func(h int) time.Time { return noon().Add(time.Duration(h) * time.Hour) }
	for _, tc := range []struct {
		name string
		was  layouts
		want time.Time
	}{
		{"nothing is known", nil, time.Time{}},
		{"always", layouts{{2, at(0)}}, time.Time{}},
		{"always, through other totals", layouts{{1, at(0)}, {2, at(1)}}, time.Time{}},
		{"there and back", layouts{{2, at(0)}, {3, at(1)}, {2, at(2)}}, at(2)},
		{"there and back, and one more", layouts{{2, at(0)}, {3, at(1)}, {2, at(2)}, {1, at(3)}}, at(2)},
		{"not now", layouts{{2, at(0)}, {3, at(1)}}, time.Time{}},
	} {
		if got := tc.was.ownedSince(0, moves); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// A gateway goes to another shard and comes back. What is here of it is used only where it is what the other one left.
func TestTheStateOfAGatewayThatComesBackIsUsedOnlyWhereItIsTheLastOne(t *testing.T) {
	for _, shared := range []bool{false, true} {
		moves, stays := of(t, 0, 2, 3), "https://stays.example.com"
		for shard.Owner(stays, 2) != 0 || shard.Owner(stays, 3) != 0 {
			stays += "x"
		}
		path := t.TempDir()
		dir, err := state.NewDirectory(path)
		if err != nil {
			t.Fatal(err)
		}
		open := func(total int, now time.Time) *States {
			t.Helper()
			s, err := OpenStates(dir, shard.Shard{Index: 0, Total: total}, now, log.NewNopLogger())
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		open(2, noon())
		if shared {
			if _, err := OpenStates(dir, shard.Shard{Index: 1, Total: 2}, noon(), log.NewNopLogger()); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range []string{"moves", "stays"} {
			write(t, filepath.Join(path, f), noon().Add(time.Minute))
		}
		open(3, noon().Add(time.Hour))
		write(t, filepath.Join(path, "stays"), noon().Add(90*time.Minute))
		back := open(2, noon().Add(2*time.Hour))
		open(2, noon().Add(3*time.Hour)) // a restart changes nothing
		for name, address := range map[string]string{"moves": moves, "stays": stays} {
			disk, err := back.Folder(address).Open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			_, err = disk.Load(t.Context())
			if there, want := err == nil, shared || name == "stays"; there != want {
				t.Errorf("shared %v, %s: there %v, want %v (%v)", shared, name, there, want, err)
			}
			if err := disk.Close(); err != nil {
				t.Error(err)
			}
		}
		if aside, _ := filepath.Glob(filepath.Join(path, "moves.moved-*")); (len(aside) == 1) == shared {
			t.Errorf("shared %v: moved aside %v", shared, aside)
		}
	}
}

func write(t *testing.T, name string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestANoteThatCannotBeReadStopsOnlyItsShard(t *testing.T) {
	path := t.TempDir()
	dir, err := state.NewDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "shard-1.json"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStates(dir, shard.Shard{Index: 1, Total: 2}, noon(), log.NewNopLogger()); err == nil || !strings.Contains(err.Error(), "shard-1.json") {
		t.Errorf("%v", err)
	}
	if _, err := OpenStates(dir, shard.Shard{Index: 0, Total: 2}, noon(), log.NewNopLogger()); err != nil {
		t.Errorf("another shard's note: %v", err)
	}
}
