package ledger

import (
	"math"
	"slices"
)

// maxDistinct is how many hashes a distinct keeps, so that its estimate is typically within 3 %.
const maxDistinct = 1024

// distinct counts different strings without remembering them. Invariant: it has the smallest hashes of all strings that were added,
// ascending, each once, at most maxDistinct. So the order of the strings makes no difference, and the count never falls.
type distinct []uint64

func (d *distinct) add(s string) {
	h := hash64(s)
	i, known := slices.BinarySearch(*d, h)
	if known || i == maxDistinct {
		return
	}
	if len(*d) == maxDistinct {
		*d = (*d)[:maxDistinct-1]
	}
	*d = slices.Insert(*d, i, h)
}

// count returns how many different strings were added: exact below maxDistinct, an estimate from there on.
func (d distinct) count() int {
	if len(d) < maxDistinct {
		return len(d)
	}
	// Hashes are spread evenly, so the largest of the n smallest ones shows how dense they are.
	share := float64(d[maxDistinct-1]) / math.MaxUint64
	return int(min((maxDistinct-1)/share, math.MaxInt32))
}
