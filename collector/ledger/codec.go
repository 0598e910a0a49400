package ledger

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// codec writes the ledger's fields to a state, or reads them from one. Each of its methods does either, by the pointer that it is given,
// so that one list of fields serves both ways and the two cannot differ. After a failure it reads nothing more, and every count is 0.
type codec struct {
	reading bool
	// in and out are the stream in use; times is the one of those times that are of little interest.
	stream
	times stream
	err   error

	base     int64 // what times are counted from, in Unix seconds
	words    table[string]
	labels   sorter[*series]
	instants table[instant]
}

// stream is bytes to append to, or what is left to read.
type stream []byte

// instant is a time as it can be compared.
type instant struct {
	sec  int64
	nano int
}

// table gives values that come again a number. A large ledger asks it a hundred thousand times for few values, so where a value was found last is
// remembered in a slot, which is much faster than a map.
type table[T comparable] struct {
	slot    func(T) byte
	slots   [256]uint64
	numbers map[T]uint64
	values  []T
}

// errState is what is wrong with a state that cannot be read.
var errState = errors.New("the state is damaged")

func newCodec() *codec {
	return &codec{
		words: newTable(func(s string) byte {
			if s == "" {
				return 0
			}
			return 31*s[0] + 7*s[len(s)-1] + byte(len(s))
		}),
		instants: newTable(func(i instant) byte { return byte(i.sec) + byte(i.nano>>10) }),
	}
}

func (c *codec) fail(what string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", errState, what)
	}
	c.stream, c.times = nil, nil
}

// check fails where reading gave what no ledger writes.
func (c *codec) check(ok bool, what string) {
	if c.reading && !ok {
		c.fail(what)
	}
}

func (c *codec) uint(v *uint64) {
	if !c.reading {
		if *v < 0x80 {
			c.stream = append(c.stream, byte(*v))
			return
		}
		c.stream = binary.AppendUvarint(c.stream, *v)
		return
	}
	u, n := binary.Uvarint(c.stream)
	if *v = u; n <= 0 {
		c.fail("it ends too early")
		return
	}
	c.stream = c.stream[n:]
}

// int is for numbers that may be negative.
func (c *codec) int(v *int64) {
	u := uint64(*v<<1) ^ uint64(*v>>63)
	c.uint(&u)
	*v = int64(u>>1) ^ -int64(u&1)
}

// count is how many follow: each of them takes at least one byte.
func (c *codec) count(n int) int {
	u := uint64(n)
	if c.uint(&u); u > uint64(len(c.stream)) && c.reading {
		c.fail("a list is longer than all that follows")
		return 0
	}
	return int(u)
}

// bits packs up to 32 flags.
func (c *codec) bits(flags ...*bool) {
	var u uint64
	for i, f := range flags {
		if *f {
			u |= 1 << i
		}
	}
	if c.uint(&u); !c.reading {
		return
	}
	for i, f := range flags {
		*f = u&(1<<i) != 0
	}
	c.check(u < 1<<len(flags), "there are more flags than are known")
}

// fixed reads or writes n bytes as they are.
func (c *codec) fixed(b []byte) {
	if !c.reading {
		c.stream = append(c.stream, b...)
		return
	}
	if len(c.stream) < len(b) {
		c.fail("it ends too early")
		return
	}
	copy(b, c.stream)
	c.stream = c.stream[len(b):]
}

func (c *codec) hash(v *uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], *v)
	if c.fixed(b[:]); c.reading { // what is written may be shown to somebody meanwhile
		*v = binary.BigEndian.Uint64(b[:])
	}
}

func (c *codec) float(v *float64) {
	u := math.Float64bits(*v)
	if c.hash(&u); c.reading {
		*v = math.Float64frombits(u)
	}
	c.check(!math.IsNaN(*v) && !math.IsInf(*v, 0), "a number is none")
}

func (c *codec) text(v *string) {
	n := c.count(len(*v))
	if !c.reading {
		c.stream = append(c.stream, *v...)
		return
	}
	*v = string(c.stream[:n])
	c.stream = c.stream[n:]
}

// word is a text that comes again and again.
func (c *codec) word(v *string) {
	if !again(c, &c.words, v) {
		c.text(v)
		c.words.add(*v)
	}
}

// label is a word that is shown as a label value.
func (c *codec) label(v *string) {
	if c.word(v); c.reading {
		c.check(clean(*v) == *v, "a label value is none")
	}
}

func newTable[T comparable](slot func(T) byte) table[T] {
	return table[T]{slot: slot, numbers: map[T]uint64{}}
}

func (t *table[T]) add(v T) {
	t.values = append(t.values, v)
	t.numbers[v] = uint64(len(t.values))
}

// number is a value's number, from 1; 0 for one that was not there before.
func (t *table[T]) number(v T) uint64 {
	slot := &t.slots[t.slot(v)]
	if *slot == 0 || t.values[*slot-1] != v {
		*slot = t.numbers[v]
	}
	return *slot
}

// again tells whether a value was there before, and is told by its number. If not, it follows.
func again[T comparable](c *codec, t *table[T], v *T) bool {
	n := uint64(0)
	if !c.reading {
		n = t.number(*v)
	}
	c.uint(&n)
	switch {
	case n == 0 || !c.reading:
	case n > uint64(len(t.values)):
		c.fail("something is referred to that is not there")
	default:
		*v = t.values[n-1]
	}
	return n != 0
}

// id is a session's: nearly always a UUID, of which the 16 bytes are kept.
func (c *codec) id(v *string) {
	var p packed
	if !c.reading {
		p = pack(*v)
	}
	c.packedID(v, &p)
}

// packedID is an id that is packed already.
func (c *codec) packedID(v *string, p *packed) {
	n := uint64(0)
	if !p.is && !c.reading {
		n = uint64(len(*v)) + 1
	}
	c.uint(&n)
	switch {
	case n == 0:
		c.fixed(p.uuid[:])
		if c.reading {
			*v, p.is = unpackUUID(p.uuid), c.err == nil
		}
	case !c.reading:
		c.stream = append(c.stream, *v...)
	case n-1 > uint64(len(c.stream)):
		c.fail("it ends too early")
	default:
		*v = string(c.stream[:n-1])
		c.stream = c.stream[n-1:]
	}
}

// packed is an id in 16 bytes, if it is a UUID.
type packed struct {
	uuid [16]byte
	is   bool
}

func pack(id string) (p packed) {
	if p.is = packUUID(id, &p.uuid); !p.is {
		p.uuid = [16]byte{}
	}
	return p
}

// packUUID takes a UUID as gateways write it, in lower case.
func packUUID(s string, raw *[16]byte) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	var digits [32]byte
	copy(digits[:8], s[:8])
	copy(digits[8:12], s[9:13])
	copy(digits[12:16], s[14:18])
	copy(digits[16:20], s[19:23])
	copy(digits[20:], s[24:])
	ok := true
	for i := range 4 {
		v, is := eightDigits(binary.BigEndian.Uint64(digits[8*i:]))
		binary.BigEndian.PutUint32(raw[4*i:], v)
		ok = ok && is
	}
	return ok
}

// eightDigits reads eight hexadecimal digits at once: a large ledger has a hundred thousand ids, and branches on digits cannot be predicted.
func eightDigits(s uint64) (v uint32, ok bool) {
	const each = 0x0101010101010101
	n := s&(0x0f*each) + 9*(s>>6&each)
	letter := (n + 6*each) >> 4 & each // 1 where the digit is 10 or more
	ok = n&(0xf0*each) == 0 && n+'0'*each+('a'-'0'-10)*letter == s
	n = (n | n>>4) & 0x00ff00ff00ff00ff
	n = (n | n>>8) & 0x0000ffff0000ffff
	return uint32(n | n>>16), ok
}

func unpackUUID(raw [16]byte) string {
	b := make([]byte, 0, 36)
	for i, part := range [][]byte{raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return string(b)
}

// time is a moment to the nanosecond, or the zero time.
func (c *codec) time(v *time.Time) {
	var sec, nano uint64 // one more than the difference to base in seconds, zigzag; microseconds or nanoseconds
	if !c.reading && !v.IsZero() {
		d := v.Unix() - c.base
		sec = (uint64(d<<1) ^ uint64(d>>63)) + 1
	}
	c.uint(&sec)
	if sec == 0 {
		*v = time.Time{}
		return
	}
	if nano = uint64(v.Nanosecond()); nano%1000 == 0 {
		nano = nano / 1000 << 1
	} else {
		nano = nano<<1 | 1
	}
	c.uint(&nano)
	if !c.reading {
		return
	}
	ns := nano >> 1
	if nano&1 == 0 {
		ns *= 1000
	}
	const mostSeconds = 1 << 40 // far more than between the first year and the last
	sec--
	c.check(sec < mostSeconds && nano < 1<<31 && ns < 1e9, "a time is none")
	*v = time.Unix(c.base+(int64(sec>>1)^-int64(sec&1)), int64(ns)).UTC()
}

// instant is a time that many things share.
func (c *codec) instant(v *time.Time) {
	i := instant{v.Unix(), v.Nanosecond()}
	if !again(c, &c.instants, &i) {
		c.time(v)
		c.instants.add(instant{v.Unix(), v.Nanosecond()})
	} else if c.reading {
		*v = time.Unix(i.sec, int64(i.nano)).UTC()
	}
}

// passing is a time that goes on without anything being counted: it is kept apart from all else.
func (c *codec) passing(v *time.Time) {
	c.stream, c.times = c.times, c.stream
	c.time(v)
	c.stream, c.times = c.times, c.stream
}

func (c *codec) passingUint(v *uint64) {
	c.stream, c.times = c.times, c.stream
	c.uint(v)
	c.stream, c.times = c.times, c.stream
}

// entries writes a map in the order of its keys, or fills it.
func entries[V any](c *codec, m map[string]V, each func(key *string, v *V)) {
	entriesBy(c, m, nil, nil, each)
}

// entriesBy is entries of what keep wants; nil is all. Where many maps are written one after the other, they can be sorted in the same place.
func entriesBy[V any](c *codec, m map[string]V, keep func(V) bool, place *sorter[V], each func(key *string, v *V)) {
	if !c.reading {
		if place == nil {
			place = new(sorter[V])
		}
		place.sort(m, keep)
		c.count(len(place.order))
		for _, n := range place.order {
			e := place.at(n)
			each(&e.key, &e.value)
		}
		return
	}
	for range c.count(0) {
		var k string
		var v V
		if each(&k, &v); c.err != nil {
			return
		}
		if _, twice := m[k]; twice {
			c.fail("something is there twice")
			return
		}
		m[k] = v
	}
}

// list writes a slice, or fills it.
func list[T any](c *codec, s *[]T, each func(v *T)) {
	n := c.count(len(*s))
	if c.reading {
		*s = slices.Grow(*s, min(n, 1000))
	}
	for i := range n {
		if c.err != nil {
			return
		}
		if c.reading {
			*s = append(*s, *new(T))
		}
		each(&(*s)[i])
	}
}
