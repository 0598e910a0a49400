package postgres

import (
	"math/bits"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// baseID is the number of the dictionary in a difference. There is only one, the content beside it.
const baseID = 1

// leastBase is the smallest size of a compressed content for which differences are worth their time.
const leastBase = 4 << 10

// base is what the row has as its whole content, and what differences from it have cost. The log of PostgreSQL (WAL), which goes to each of
// its replicas, has everything that a save writes, and most of a state does not change from save to save. Always holds: a base is used only
// as long as every later save has succeeded, because after an error the row may have another content. The zero value is none.
type base struct {
	content []byte // not compressed
	size    int    // compressed

	first int // size of the first difference; 0: there is none yet
	more  int // by how much the later ones were larger, in all
	total int // of all differences

	// A new base makes differences smaller in some cases, such as after a backfill. Each time that it does not, the next try comes later:
	// once the differences add up to limit times the size. before is the previous base's first.
	limit, before int
}

// replaced is the base that comes after this one.
func (b *base) replaced(content []byte, size int) base {
	if size < leastBase {
		return base{}
	}
	return base{content: slices.Clone(content), size: size, limit: max(1, min(2*b.limit, 1<<10)), before: b.first}
}

// difference is a content in terms of the base, or nil if a whole content costs less.
func (b *base) difference(content []byte) ([]byte, error) {
	if b.size < leastBase || b.more > b.size || b.total > b.limit*b.size {
		return nil, nil
	}
	// The fastest level finds too little in a dictionary of thousands of rows.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(windowFor(len(b.content)+len(content))), zstd.WithEncoderDictRaw(baseID, b.content))
	if err != nil {
		return nil, err
	}
	out := encoder.EncodeAll(content, nil)
	if err := encoder.Close(); err != nil || len(out) > b.size/2 {
		return nil, err
	}
	if b.first == 0 {
		b.first = len(out)
		if b.first < b.before*3/4 {
			b.limit = 1
		}
	}
	b.total += len(out)
	b.more += max(0, len(out)-b.first)
	return out, nil
}

// windowFor is the size of a window in which a distance of n bytes is found. The encoder allocates as much.
func windowFor(n int) int {
	return min(max(zstd.MinWindowSize, 1<<bits.Len(uint(n))), 8<<20)
}

// applied is the content that a difference stands for.
func applied(content, difference []byte) ([]byte, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(state.MaxSize), zstd.WithDecoderDictRaw(baseID, content))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	return decoder.DecodeAll(difference, nil)
}
