// Package leasetest tests what every lease.Table promises.
package leasetest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
)

// Table is an empty table under test.
type Table struct {
	lease.Table
	// Kill makes a member's last heartbeat older than the time to live.
	Kill func(t *testing.T, member string)
}

// TestTable tests the tables that a function makes.
func TestTable(t *testing.T, newTable func(t *testing.T) Table) {
	for name, test := range map[string]func(*testing.T, Table){
		"a heartbeat shows the members that live":                   members,
		"a heartbeat changes what a member says of itself":          changed,
		"a heartbeat shows the leases of the living":                leases,
		"an address has one holder":                                 oneHolder,
		"some of many addresses are free":                           someFree,
		"each new lease has a higher epoch":                         epochs,
		"a released lease is free":                                  released,
		"a lease that has another holder or epoch is not released":  notReleased,
		"who leaves has no leases":                                  left,
		"a dead member's leases are free":                           dead,
		"a dead member acquires nothing":                            deadAcquires,
		"a member without a heartbeat acquires nothing":             unknown,
		"a member that was dead still has what nobody has taken":    cameBack,
		"a member that was dead sees that its leases were taken":    cameBackLate,
		"no addresses and no leases are nothing to do":              empty,
		"an address in a call twice is acquired once":               twice,
		"of members that want the same addresses at once, one wins": race,
	} {
		t.Run(name, func(t *testing.T) { test(t, newTable(t)) })
	}
}

func member(id string) lease.Member {
	return lease.Member{ID: id, URL: "http://" + id + ".example:10068", Configuration: "c"}
}

// heartbeat sends a heartbeat, and returns the view in a fixed order.
func heartbeat(t *testing.T, table Table, id string) lease.View {
	t.Helper()
	v, err := table.Heartbeat(t.Context(), member(id))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(v.Members, func(a, b lease.Member) int { return cmp.Compare(a.ID, b.ID) })
	sorted(v.Leases)
	return v
}

func sorted(leases []lease.Lease) []lease.Lease {
	slices.SortFunc(leases, func(a, b lease.Lease) int { return cmp.Compare(a.Address, b.Address) })
	return leases
}

// acquire acquires addresses, and wants to get some of them with these epochs.
func acquire(t *testing.T, table Table, id string, addresses []string, want ...lease.Lease) {
	t.Helper()
	got, err := table.Acquire(t.Context(), id, addresses)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sorted(got), want) {
		t.Errorf("%s acquired %v of %v, want %v", id, got, addresses, want)
	}
}

// sees wants a member's heartbeat to show leases.
func sees(t *testing.T, table Table, id string, want ...lease.Lease) {
	t.Helper()
	if got := heartbeat(t, table, id).Leases; !slices.Equal(got, want) {
		t.Errorf("%s sees %v, want %v", id, got, want)
	}
}

func release(t *testing.T, table Table, leases ...lease.Lease) {
	t.Helper()
	if err := table.Release(t.Context(), leases); err != nil {
		t.Fatal(err)
	}
}

func held(address, holder string, epoch lease.Epoch) lease.Lease {
	return lease.Lease{Address: address, Holder: holder, Epoch: epoch}
}

func members(t *testing.T, table Table) {
	for i, want := range [][]lease.Member{{member("a")}, {member("a"), member("b")}, {member("a"), member("b"), member("c")}} {
		id := want[i].ID
		for range 2 {
			if got := heartbeat(t, table, id).Members; !slices.Equal(got, want) {
				t.Errorf("%s sees %v, want %v", id, got, want)
			}
		}
	}
	table.Kill(t, "b")
	if got, want := heartbeat(t, table, "a").Members, []lease.Member{member("a"), member("c")}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v without the dead one", got, want)
	}
	if got := heartbeat(t, table, "b").Members; len(got) != 3 {
		t.Errorf("%v after the dead one's heartbeat, want all three", got)
	}
}

func changed(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	want := lease.Member{ID: "a", URL: "https://elsewhere", Configuration: "another"}
	if v, err := table.Heartbeat(t.Context(), want); err != nil || !slices.Equal(v.Members, []lease.Member{want}) {
		t.Errorf("%v, %v; want %v", v, err, want)
	}
}

func leases(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	heartbeat(t, table, "b")
	sees(t, table, "a")
	acquire(t, table, "a", []string{"https://y", "https://x"}, held("https://x", "a", 1), held("https://y", "a", 1))
	acquire(t, table, "b", []string{"https://z"}, held("https://z", "b", 1))
	sees(t, table, "b", held("https://x", "a", 1), held("https://y", "a", 1), held("https://z", "b", 1))
	table.Kill(t, "a")
	sees(t, table, "b", held("https://z", "b", 1))
}

func oneHolder(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	heartbeat(t, table, "b")
	acquire(t, table, "a", []string{"x"}, held("x", "a", 1))
	acquire(t, table, "b", []string{"x"})
	acquire(t, table, "a", []string{"x"}) // it has it already
	sees(t, table, "b", held("x", "a", 1))
}

func someFree(t *testing.T, table Table) {
	var addresses []string
	var odd, even []lease.Lease
	for i := range 1000 {
		address := fmt.Sprintf("https://%04d.example", i)
		addresses = append(addresses, address)
		if i%2 == 0 {
			even = append(even, held(address, "a", 1))
		} else {
			odd = append(odd, held(address, "b", 1))
		}
	}
	heartbeat(t, table, "a")
	heartbeat(t, table, "b")
	var first []string
	for _, l := range even {
		first = append(first, l.Address)
	}
	acquire(t, table, "a", first, even...)
	slices.Reverse(addresses)
	acquire(t, table, "b", addresses, odd...)
	if n := len(heartbeat(t, table, "a").Leases); n != 1000 {
		t.Errorf("%d leases, want 1000", n)
	}
}

func epochs(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	heartbeat(t, table, "b")
	for epoch := lease.Epoch(1); epoch < 6; epoch += 2 {
		acquire(t, table, "a", []string{"x"}, held("x", "a", epoch))
		release(t, table, held("x", "a", epoch))
		acquire(t, table, "b", []string{"x"}, held("x", "b", epoch+1))
		release(t, table, held("x", "b", epoch+1))
	}
	acquire(t, table, "b", []string{"y"}, held("y", "b", 1))
}

func released(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	acquire(t, table, "a", []string{"x", "y", "z"}, held("x", "a", 1), held("y", "a", 1), held("z", "a", 1))
	release(t, table, held("z", "a", 1), held("x", "a", 1))
	sees(t, table, "a", held("y", "a", 1))
	release(t, table, held("x", "a", 1)) // once more, as after an answer that was lost
	sees(t, table, "a", held("y", "a", 1))
}

func notReleased(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	heartbeat(t, table, "b")
	acquire(t, table, "a", []string{"x"}, held("x", "a", 1))
	release(t, table, held("x", "a", 1))
	acquire(t, table, "a", []string{"x"}, held("x", "a", 2))
	release(t, table, held("x", "a", 1), held("x", "b", 2), held("x", "a", 3), held("w", "a", 1))
	sees(t, table, "b", held("x", "a", 2))
}

func left(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	heartbeat(t, table, "b")
	acquire(t, table, "a", []string{"x", "y"}, held("x", "a", 1), held("y", "a", 1))
	acquire(t, table, "b", []string{"z"}, held("z", "b", 1))
	for range 2 { // once more, as after an answer that was lost
		if err := table.Leave(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	v := heartbeat(t, table, "b")
	if !slices.Equal(v.Members, []lease.Member{member("b")}) || !slices.Equal(v.Leases, []lease.Lease{held("z", "b", 1)}) {
		t.Errorf("%v is left", v)
	}
	acquire(t, table, "b", []string{"x"}, held("x", "b", 2))
	if got, err := table.Acquire(t.Context(), "a", []string{"y"}); err == nil {
		t.Errorf("who left acquired %v", got)
	}
}

func dead(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	heartbeat(t, table, "b")
	acquire(t, table, "a", []string{"x", "y"}, held("x", "a", 1), held("y", "a", 1))
	table.Kill(t, "a")
	acquire(t, table, "b", []string{"x"}, held("x", "b", 2))
	sees(t, table, "b", held("x", "b", 2))
}

func deadAcquires(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	acquire(t, table, "a", []string{"x"}, held("x", "a", 1))
	table.Kill(t, "a")
	if got, err := table.Acquire(t.Context(), "a", []string{"y"}); err == nil {
		t.Errorf("a dead member acquired %v", got)
	}
	heartbeat(t, table, "b")
	acquire(t, table, "b", []string{"y"}, held("y", "b", 1))
}

func unknown(t *testing.T, table Table) {
	if got, err := table.Acquire(t.Context(), "a", []string{"x"}); err == nil {
		t.Errorf("it acquired %v", got)
	}
}

func cameBack(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	heartbeat(t, table, "b")
	acquire(t, table, "a", []string{"x", "y"}, held("x", "a", 1), held("y", "a", 1))
	table.Kill(t, "a")
	sees(t, table, "a", held("x", "a", 1), held("y", "a", 1))
	acquire(t, table, "b", []string{"x"})
}

func cameBackLate(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	heartbeat(t, table, "b")
	acquire(t, table, "a", []string{"x", "y"}, held("x", "a", 1), held("y", "a", 1))
	table.Kill(t, "a")
	acquire(t, table, "b", []string{"x"}, held("x", "b", 2))
	for _, l := range heartbeat(t, table, "a").Leases {
		if l.Address == "x" && l != held("x", "b", 2) {
			t.Errorf("it sees %v", l)
		}
	}
	acquire(t, table, "a", []string{"x"})
}

func empty(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	acquire(t, table, "a", nil)
	release(t, table)
	sees(t, table, "a")
}

func twice(t *testing.T, table Table) {
	heartbeat(t, table, "a")
	acquire(t, table, "a", []string{"x", "x"}, held("x", "a", 1))
}

// race has members die, come back, acquire and release all at once. Whatever happens, no epoch of an address is given twice.
func race(t *testing.T, table Table) {
	addresses := []string{"a", "b", "c", "d", "e", "f"}
	var mu sync.Mutex
	given := map[string]map[lease.Epoch]string{}
	for _, a := range addresses {
		given[a] = map[lease.Epoch]string{}
	}
	var wg sync.WaitGroup
	for m := range 4 {
		id := fmt.Sprint("m", m)
		wg.Go(func() {
			mine := slices.Clone(addresses)
			for round := range 15 {
				if _, err := table.Heartbeat(t.Context(), member(id)); err != nil {
					t.Error(err)
				}
				slices.Reverse(mine)
				got, err := table.Acquire(t.Context(), id, mine)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, l := range got {
					if other, ok := given[l.Address][l.Epoch]; ok {
						t.Errorf("epoch %d of %s was given to %s and to %s", l.Epoch, l.Address, other, id)
					}
					given[l.Address][l.Epoch] = id
				}
				mu.Unlock()
				if round%5 == 4 {
					err = table.Leave(t.Context(), id)
				} else {
					err = table.Release(t.Context(), got)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for a, epochs := range given {
		for e := range lease.Epoch(len(epochs)) {
			if epochs[e+1] == "" {
				t.Errorf("epoch %d of %s was not given", e+1, a)
			}
		}
	}
}
