package lease

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func addresses(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("https://hoop-%d.example.com/api", i))
	}
	return list
}

func members(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("member-%d", i))
	}
	return list
}

// One member more takes its part of the addresses, and no other member gets any.
func TestANewMemberTakesOnlyItsPart(t *testing.T) {
	const n = 10_000
	for _, total := range []int{1, 2, 3, 9, 99} {
		moved, taken := 0, 0
		all := members(total + 1)
		for _, a := range addresses(n) {
			before, after := ownerOf(all[:total], a), ownerOf(all, a)
			if before != after {
				moved++
				if after == all[total] {
					taken++
				}
			}
		}
		want := n / (total + 1)
		if moved != taken || moved < want*3/4 || moved > want*5/4 {
			t.Errorf("%d to %d members: %d moved, %d of them to the new one, want about %d", total, total+1, moved, taken, want)
		}
	}
}

func TestPartsAreEven(t *testing.T) {
	const n, total = 10_000, 100
	have := map[string]int{}
	for _, a := range addresses(n) {
		have[ownerOf(members(total), a)]++
	}
	for _, m := range members(total) {
		if have[m] < 60 || have[m] > 140 {
			t.Errorf("%s has %d of %d addresses", m, have[m], n)
		}
	}
}

// Members of two versions, which see the same table, must not take leases from each other.
func TestOwnersStayTheSameInLaterVersions(t *testing.T) {
	got := ""
	for _, a := range addresses(12) {
		got += ownerOf(members(5), a)[len("member-"):]
	}
	if want := "444310102213"; got != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestAnOwnerDoesNotDependOnTheOrderOfMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfNDistinct(rapid.StringN(1, 9, -1), 1, 10, rapid.ID).Draw(t, "members")
		a := rapid.String().Draw(t, "address")
		if o, again := ownerOf(list, a), ownerOf(rapid.Permutation(list).Draw(t, "again"), a); o != again || !slices.Contains(list, o) {
			t.Errorf("%q, and %q in another order", o, again)
		}
	})
	if o := ownerOf(nil, "a"); o != "" {
		t.Errorf("%q owns something without a member", o)
	}
}

func TestAPlanLeavesAloneWhatAnotherMemberHolds(t *testing.T) {
	all := addresses(6)
	mine, other := "", "" // addresses that a and b own, with each other
	for _, a := range all {
		if ownerOf([]string{"a", "b"}, a) == "a" {
			mine = a
		} else {
			other = a
		}
	}
	a, b, old := Member{ID: "a", Configuration: "1"}, Member{ID: "b", Configuration: "1"}, Member{ID: "b", Configuration: "0"}
	for _, tc := range []struct {
		name             string
		view             View
		configured       []string
		acquire, release []string
	}{
		{"what is free and its own", View{Members: []Member{a, b}}, []string{mine, other}, []string{mine}, nil},
		{"all, when alone", View{Members: []Member{a}}, []string{mine, other}, []string{mine, other}, nil},
		{"all, beside another configuration", View{Members: []Member{a, old}}, []string{mine, other}, []string{mine, other}, nil},
		{"not what another configuration's member holds", View{Members: []Member{a, old}, Leases: []Lease{{mine, "b", 1}}}, []string{mine, other}, []string{other}, nil},
		{"not what another member holds", View{Members: []Member{a, b}, Leases: []Lease{{mine, "b", 1}}}, []string{mine}, nil, nil},
		{"nothing more of what it has", View{Members: []Member{a, b}, Leases: []Lease{{mine, "a", 1}}}, []string{mine}, nil, nil},
		{"releases what is another's", View{Members: []Member{a, b}, Leases: []Lease{{other, "a", 1}}}, []string{other}, nil, []string{other}},
		{"keeps what is another configuration's", View{Members: []Member{a, old}, Leases: []Lease{{other, "a", 1}}}, []string{other}, nil, nil},
		{"releases what is not configured", View{Members: []Member{a}, Leases: []Lease{{mine, "a", 1}, {other, "b", 1}}}, nil, nil, []string{mine}},
		{"a view without itself", View{Members: []Member{b}}, []string{mine, other}, []string{mine}, nil},
	} {
		acquire, release := plan(a, tc.view, tc.configured)
		if !slices.Equal(acquire, tc.acquire) || !slices.Equal(slices.Sorted(slices.Values(release)), tc.release) {
			t.Errorf("%s: acquires %v, releases %v; want %v and %v", tc.name, acquire, release, tc.acquire, tc.release)
		}
	}
}

// Whatever leases there are: if all members follow their plans, one after the other, each address comes to its owner, and no member ever
// wants what another one holds.
func TestPlansComeToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, configured := members(rapid.IntRange(1, 5).Draw(t, "members")), addresses(10)
		held := map[string]string{}
		for _, a := range configured {
			held[a] = rapid.SampledFrom(append(all, "")).Draw(t, "holder")
		}
		view := func() (v View) {
			for _, m := range all {
				v.Members = append(v.Members, Member{ID: m})
			}
			for a, m := range held {
				if m != "" {
					v.Leases = append(v.Leases, Lease{Address: a, Holder: m})
				}
			}
			return v
		}
		for range 2 {
			for _, m := range all {
				acquire, release := plan(Member{ID: m}, view(), configured)
				for _, a := range acquire {
					if held[a] != "" {
						t.Errorf("%s wants %s of %s", m, a, held[a])
					}
					held[a] = m
				}
				for _, a := range release {
					held[a] = ""
				}
			}
		}
		for _, a := range configured {
			if held[a] != ownerOf(all, a) {
				t.Errorf("%s is at %q, want %q", a, held[a], ownerOf(all, a))
			}
		}
	})
}
