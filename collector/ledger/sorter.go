package ledger

import (
	"encoding/binary"
	"slices"
	"strings"
)

// sorter puts the entries of a map in the order of their keys. A large ledger has tens of thousands, so what is sorted is one number for each: how
// its key begins, and where it is.
type sorter[V any] struct {
	entries []mapEntry[V]
	order   []uint64
}

// mapEntry is an entry of a map.
type mapEntry[V any] struct {
	key   string
	value V
}

// placeBits of the number are the entry's place: more entries than that leave room for no ledger has.
const placeBits = 24

// sort takes the entries of a map that keep wants; nil is all.
func (s *sorter[V]) sort(m map[string]V, keep func(V) bool) {
	s.entries, s.order = slices.Grow(s.entries[:0], len(m)), slices.Grow(s.order[:0], len(m))
	for k, v := range m {
		if keep == nil || keep(v) {
			s.order = append(s.order, beginning(k)>>placeBits<<placeBits|uint64(len(s.entries)))
			s.entries = append(s.entries, mapEntry[V]{k, v})
		}
	}
	slices.Sort(s.order)
	for i := 0; i < len(s.order); {
		j := i + 1
		for j < len(s.order) && s.order[j]>>placeBits == s.order[i]>>placeBits {
			j++
		}
		if j > i+1 { // they begin alike
			slices.SortFunc(s.order[i:j], func(a, b uint64) int { return strings.Compare(s.at(a).key, s.at(b).key) })
		}
		i = j
	}
}

// at is the entry that a number of the order stands for.
func (s *sorter[V]) at(n uint64) *mapEntry[V] { return &s.entries[n&(1<<placeBits-1)] }

func beginning(key string) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64([]byte(key[:8]))
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}
