package shard

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func addresses(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("https://hoop-%d.example.com/api", i))
	}
	return list
}

// One shard more takes its part of the gateways, and nobody else gets any.
func TestANewShardMovesOnlyItsShare(t *testing.T) {
	const n = 10_000
	for _, total := range []int{1, 2, 3, 9, 99} {
		moved, taken := 0, 0
		for _, a := range addresses(n) {
			before, after := Owner(a, total), Owner(a, total+1)
			if before != after {
				moved++
				if after == total {
					taken++
				}
			}
		}
		want := n / (total + 1)
		if moved != taken || moved < want*3/4 || moved > want*5/4 {
			t.Errorf("%d to %d shards: %d moved, %d of them to the new one, want about %d", total, total+1, moved, taken, want)
		}
	}
}

func TestSharesAreEven(t *testing.T) {
	const n, total = 10_000, 100
	have := map[int]int{}
	for _, a := range addresses(n) {
		have[Owner(a, total)]++
	}
	for i := range total {
		if have[i] < 60 || have[i] > 140 {
			t.Errorf("shard %d has %d of %d gateways", i, have[i], n)
		}
	}
}

func TestEachAddressHasOneOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, total := rapid.String().Draw(t, "address"), rapid.IntRange(1, 20).Draw(t, "total")
		owners := 0
		for i := range total {
			if (Shard{Index: i, Total: total}).Owns(a) {
				owners++
			}
		}
		if owners != 1 {
			t.Errorf("%d owners", owners)
		}
		if !(Shard{}).Owns(a) {
			t.Error("who is no shard has to have everything")
		}
	})
}

// Where gateways are is a promise to running installations: another hash would have nearly all of them read back anew.
func TestOwnersStayWhatTheyAre(t *testing.T) {
	var got []int
	for _, a := range addresses(12) {
		got = append(got, Owner(a, 5))
	}
	if want := "[3 4 4 3 0 2 3 0 1 1 0 2]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestTheOrdinalOfAPodIsItsLastNumber(t *testing.T) {
	for pod, want := range map[string]int{"hoop-exporter-0": 0, "a-b-12": 12, "x-2147": 2147} {
		if got, err := Ordinal(pod); err != nil || got != want {
			t.Errorf("%s: %d, %v", pod, got, err)
		}
	}
	for _, pod := range []string{"", "-", "-1", "hoop-exporter", "hoop-exporter-", "hoop-exporter-x", "hoop-exporter--", "3", "a-01", "a-+1", "a-99999999999999999999"} {
		if got, err := Ordinal(pod); err == nil || !strings.Contains(err.Error(), "such as hoop-exporter-2") {
			t.Errorf("%q: %d, %v", pod, got, err)
		}
	}
}

func TestAddressesAreMadeOfTheTemplate(t *testing.T) {
	for _, tc := range []struct {
		name, template string
		total          int
		want           string // of shard 2; "" is refused
	}{
		{"a StatefulSet's", "hoop-exporter-{index}.hoop-exporter:10068", 3, "hoop-exporter-2.hoop-exporter:10068"},
		{"twice", "a{index}.b{index}:1", 3, "a2.b2:1"},
		{"in the port", "localhost:1006{index}", 3, "localhost:10062"},
		{"IPv6", "[::{index}]:10068", 3, "[::2]:10068"},
		{"one for all", "hoop:10068", 1, "hoop:10068"},
		{"one for all of several", "hoop:10068", 2, ""},
		{"no port", "hoop-{index}", 3, ""},
		{"a port that is none", "hoop-{index}:web", 3, ""},
		{"a port that cannot be", "hoop-{index}:70000", 3, ""},
		{"a URL", "http://hoop-{index}:10068", 3, ""},
		{"another placeholder", "hoop-{{.Index}}-{index}:10068", 3, ""},
		{"nothing", "", 1, ""},
	} {
		err := checkAddress(tc.template, tc.total)
		if (err == nil) != (tc.want != "") {
			t.Errorf("%s: %v", tc.name, err)
		}
		if got := Address(tc.template, 2); err == nil && got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestFlagsMakeAShardOrAreRefused(t *testing.T) {
	const address = "hoop-{index}:10068"
	for _, tc := range []struct {
		name         string
		total, index int64
		pod, address string
		want         Shard
		says         string
	}{
		{"the only one", 1, 0, "", "", Shard{0, 1}, ""},
		{"the only one, in a pod", 1, 0, "hoop-exporter-0", "", Shard{0, 1}, ""},
		{"the last one", 3, 2, "", address, Shard{2, 3}, ""},
		{"by its pod", 3, 0, "hoop-exporter-2", address, Shard{2, 3}, ""},
		{"beyond the last one", 3, 3, "", address, Shard{}, "--shard.index: there is no shard 3 of 3: they go from 0 to 2"},
		{"before the first one", 3, -1, "", address, Shard{}, "--shard.index: there is no shard -1"},
		{"a pod too many", 3, 0, "hoop-exporter-3", address, Shard{}, "--shard.from-pod-name: there is no shard 3 of 3"},
		{"no pod of a StatefulSet", 3, 0, "hoop-exporter", address, Shard{}, "--shard.from-pod-name: \"hoop-exporter\" does not end in a number"},
		{"none", 0, 0, "", address, Shard{}, "--shard.total: 0 shards"},
		{"too many", 1 << 40, 0, "", address, Shard{}, "--shard.total: 1099511627776 shards"},
		{"nobody knows where", 3, 0, "", "", Shard{}, "--shard.address: say where the shards are"},
		{"all in one place", 3, 0, "", "hoop:10068", Shard{}, "--shard.address: \"hoop:10068\" is the same for all shards"},
	} {
		got, err := Of(tc.total, tc.index, tc.pod, tc.address)
		if tc.says == "" && (err != nil || got != tc.want) || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		}
	}
}
