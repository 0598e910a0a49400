package gatewaytest

import (
	"slices"
	"sort"
)

// index lists rows in the order of [store.compare], oldest first.
type index struct{ rows []uint32 }

// add inserts rows, which can be in any order. It is fast for rows that belong at the end; many rows are merged.
func (x *index) add(s *store, rows []uint32) {
	if len(rows) == 1 {
		at, _ := slices.BinarySearchFunc(x.rows, rows[0], s.compare)
		x.rows = slices.Insert(x.rows, at, rows[0])
		return
	}
	rows = slices.Clone(rows)
	if !slices.IsSortedFunc(rows, s.compare) {
		slices.SortFunc(rows, s.compare)
	}
	if len(rows) == 0 || len(x.rows) == 0 || s.compare(x.rows[len(x.rows)-1], rows[0]) < 0 {
		x.rows = append(x.rows, rows...)
		return
	}
	merged := make([]uint32, 0, len(x.rows)+len(rows))
	old := x.rows
	for len(old) > 0 && len(rows) > 0 {
		if s.compare(old[0], rows[0]) <= 0 {
			merged, old = append(merged, old[0]), old[1:]
		} else {
			merged, rows = append(merged, rows[0]), rows[1:]
		}
	}
	x.rows = append(append(merged, old...), rows...)
}

// remove removes a row, if it is in the index.
func (x *index) remove(s *store, i uint32) {
	if at, ok := slices.BinarySearchFunc(x.rows, i, s.compare); ok {
		x.rows = slices.Delete(x.rows, at, at+1)
	}
}

// window returns the rows created from from to to, both inclusive.
func (x *index) window(s *store, from, to int64) []uint32 {
	lo := sort.Search(len(x.rows), func(k int) bool { return s.at(x.rows[k]).start >= from })
	hi := sort.Search(len(x.rows), func(k int) bool { return s.at(x.rows[k]).start > to })
	if lo >= hi {
		return nil
	}
	return x.rows[lo:hi]
}
