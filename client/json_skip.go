package client

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strings"
)

const (
	// maxDepth bounds the nesting of a value; encoding/json has the same bound.
	maxDepth = 10000
	// maxSkippedBytes bounds a value that is skipped. By default an answer may be only slightly larger, so only an endless one has a larger
	// value.
	maxSkippedBytes = 63 << 20
	// skipBytes is how much of a value is read at once while it is skipped.
	skipBytes = 64 << 10
	// maxKeptBytes bounds what is kept of a field of a skipped value.
	maxKeptBytes = 1 << 10
)

// skipped is what is known of a value that was too long to keep in memory.
type skipped struct {
	// id and start are the texts of `id` and `start_date`, if the value is an object that has them. Texts that are too long are cut off.
	id, start []byte
	// digest is a short hash of the value's text.
	digest string
}

// skip consumes the next value, of any size and shape, and validates it. It keeps no more of it in memory than one buffer of t.
func (t *jsonText) skip() (*skipped, error) {
	s := &skipper{text: t, sum: sha256.New(), hashed: t.pos}
	if err := s.value(1); err != nil {
		return nil, err
	}
	s.hash()
	s.found.digest = shortDigest(s.sum)
	return &s.found, nil
}

// shortDigest is short enough for a log, and long enough for the malformed rows of an organization.
func shortDigest(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:8]) }

// skipper reads one value from the start to the end. The value is hashed up to text.buf[hashed], and consumed up to text.buf[text.pos].
type skipper struct {
	text   *jsonText
	sum    hash.Hash
	hashed int
	size   int     // bytes hashed so far
	kept   *[]byte // what is consumed is also kept here, up to maxKeptBytes; nil: nowhere
	found  skipped
}

// hash hashes what was consumed.
func (s *skipper) hash() {
	b := s.text.buf[s.hashed:s.text.pos]
	_, _ = s.sum.Write(b) // a hash returns no error
	s.size, s.hashed = s.size+len(b), s.text.pos
}

// ahead returns at least one byte that is not consumed yet.
func (s *skipper) ahead() ([]byte, error) {
	t := s.text
	if t.pos == len(t.buf) {
		if s.hash(); s.size > maxSkippedBytes {
			return nil, malformed(fmt.Sprintf("it has a value of more than %d bytes", maxSkippedBytes))
		}
		if t.buf = t.buf[:0]; cap(t.buf) > skipBytes {
			t.buf = make([]byte, 0, skipBytes)
		}
		t.pos, s.hashed = 0, 0
		if err := t.fill(); err != nil {
			return nil, unexpectedEOF(err)
		}
	}
	return t.buf[t.pos:], nil
}

// consume consumes the next n bytes; they must be ahead.
func (s *skipper) consume(n int) {
	if k := s.kept; k != nil {
		*k = append(*k, s.text.buf[s.text.pos:][:min(n, maxKeptBytes-len(*k))]...)
	}
	s.text.pos += n
}

// peek consumes white space, and returns the byte after it.
func (s *skipper) peek() (byte, error) {
	for {
		b, err := s.ahead()
		if err != nil {
			return 0, err
		}
		switch b[0] {
		case ' ', '\t', '\r', '\n':
			s.consume(1)
		default:
			return b[0], nil
		}
	}
}

// value consumes a value that is nested in depth-1 other values.
func (s *skipper) value(depth int) error {
	b, err := s.peek()
	switch {
	case err != nil:
		return err
	case depth > maxDepth:
		return malformed("it is nested too deep")
	case b == '{':
		return s.members(depth, '}', s.member)
	case b == '[':
		return s.members(depth, ']', s.value)
	case b == '"':
		return s.quoted()
	}
	return s.scalar()
}

// members consumes the rest of an object or list, up to its end.
func (s *skipper) members(depth int, end byte, member func(depth int) error) error {
	s.consume(1)
	for first := true; ; first = false {
		b, err := s.peek()
		switch {
		case err != nil:
			return err
		case first && b == end:
			s.consume(1)
			return nil
		}
		if err := member(depth + 1); err != nil {
			return err
		}
		if b, err = s.peek(); err != nil {
			return err
		}
		if b != end && b != ',' {
			return malformed(fmt.Sprintf("%q is missing", end))
		}
		if s.consume(1); b == end {
			return nil
		}
	}
}

// member consumes a key and its value.
func (s *skipper) member(depth int) error {
	if b, err := s.peek(); err != nil || b != '"' {
		return orMalformed(err, "a key is missing")
	}
	outermost := depth == 2
	var key []byte
	if outermost {
		s.kept = &key
	}
	if err := s.quoted(); err != nil {
		return err
	}
	if outermost {
		s.kept = nil
	}
	if b, err := s.peek(); err != nil || b != ':' {
		return orMalformed(err, `":" is missing`)
	}
	s.consume(1)
	if outermost {
		s.keep(key)
		defer func() { s.kept = nil }()
	}
	return s.value(depth)
}

// keep makes the skipper keep the next value if the key is that of a field of skipped.
func (s *skipper) keep(key []byte) {
	var name string
	_ = json.Unmarshal(key, &name) // a key that was cut off is none of these
	switch {
	case strings.EqualFold(name, "id"):
		s.kept = &s.found.id
	case strings.EqualFold(name, "start_date"):
		s.kept = &s.found.start
	default:
		return
	}
	*s.kept = nil // the last one of several counts, as in encoding/json
}

// quoted consumes a string.
func (s *skipper) quoted() error {
	s.consume(1)
	for {
		b, err := s.ahead()
		if err != nil {
			return err
		}
		n := 0
		for n < len(b) && b[n] != '"' && b[n] != '\\' && b[n] >= ' ' {
			n++
		}
		if s.consume(n); n == len(b) {
			continue
		}
		switch b[n] {
		case '"':
			s.consume(1)
			return nil
		case '\\':
			err = s.escape()
		default:
			err = malformed("a string contains a control character")
		}
		if err != nil {
			return err
		}
	}
}

// escape consumes a backslash and what it escapes.
func (s *skipper) escape() error {
	s.consume(1)
	b, err := s.ahead()
	if err != nil || strings.IndexByte(`"\/bfnrtu`, b[0]) < 0 {
		return orMalformed(err, "a string contains an invalid escape")
	}
	digits := 0
	if b[0] == 'u' {
		digits = 4
	}
	for s.consume(1); digits > 0; digits-- {
		if b, err = s.ahead(); err != nil || strings.IndexByte("0123456789abcdefABCDEF", b[0]) < 0 {
			return orMalformed(err, "a string contains an invalid escape")
		}
		s.consume(1)
	}
	return nil
}

// scalar consumes a number, true, false or null.
func (s *skipper) scalar() error {
	var token []byte
	for {
		b, err := s.ahead()
		if err != nil {
			return err
		}
		if ends(b[0]) {
			break
		}
		if token = append(token, b[0]); len(token) > 64<<10 {
			return malformed("it has a number that is too long")
		}
		s.consume(1)
	}
	if !json.Valid(token) {
		return malformed("it has an invalid value")
	}
	return nil
}

func orMalformed(err error, reason string) error {
	if err != nil {
		return err
	}
	return malformed(reason)
}
