package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// jsonText reads the values of a JSON text, one at a time. It keeps in memory one value, of at most maxRowBytes, and what it has read
// ahead.
//
// It finds only where a value ends. The caller has to decode or validate the value's text; a value that is skipped is validated here.
type jsonText struct {
	r   io.Reader
	buf []byte
	pos int   // buf[pos:] is not consumed yet
	err error // of r; nothing follows after it
}

func newJSONText(r io.Reader) *jsonText { return &jsonText{r: r, buf: make([]byte, 0, 8<<10)} }

// fill reads more text behind buf[pos:], which it may move. It returns an error only if there is no more.
func (t *jsonText) fill() error {
	if t.err == nil && len(t.buf) == cap(t.buf) {
		if t.pos > 0 {
			t.buf = t.buf[:copy(t.buf, t.buf[t.pos:])]
			t.pos = 0
		}
		if len(t.buf) > cap(t.buf)/2 {
			size := 2 * cap(t.buf)
			if size >= maxRowBytes {
				size = maxRowBytes + 64<<10 // the longest row, and what is read ahead
			}
			t.buf = append(make([]byte, 0, size), t.buf...)
		}
	}
	for tries := 0; t.err == nil; tries++ {
		n, err := t.r.Read(t.buf[len(t.buf):cap(t.buf)])
		t.buf, t.err = t.buf[:len(t.buf)+n], err
		if n > 0 {
			return nil
		}
		if tries == 100 && err == nil {
			t.err = io.ErrNoProgress
		}
	}
	return t.err
}

// peek returns the first byte that is not white space, and does not consume it.
func (t *jsonText) peek() (byte, error) {
	for {
		for ; t.pos < len(t.buf); t.pos++ {
			switch b := t.buf[t.pos]; b {
			case ' ', '\t', '\r', '\n':
			default:
				return b, nil
			}
		}
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
}

// expect consumes a byte that must be b.
func (t *jsonText) expect(b byte) error {
	got, err := t.peek()
	if err != nil {
		return unexpectedEOF(err)
	}
	if got != b {
		return malformed(fmt.Sprintf("%q is missing", b))
	}
	t.pos++
	return nil
}

// next reports whether another member follows in an object or list that ends with end, and consumes the separator before it, or the end.
func (t *jsonText) next(first bool, end byte) (bool, error) {
	b, err := t.peek()
	switch {
	case err != nil:
		return false, unexpectedEOF(err)
	case b == end:
		t.pos++
		return false, nil
	case first:
		return true, nil
	}
	if err := t.expect(','); err != nil {
		return false, err
	}
	if b, err = t.peek(); err == nil && b == end {
		return false, malformed(fmt.Sprintf("a value is missing before %q", end))
	}
	return true, unexpectedEOF(err)
}

// expectEnd returns an error if anything follows.
func (t *jsonText) expectEnd() error {
	switch _, err := t.peek(); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return malformed("something follows after its end")
	default:
		return err
	}
}

// value consumes the next value. It returns its text, which changes with the next call; or nil and what is known of a value that is too
// long to keep in memory.
func (t *jsonText) value() ([]byte, *skipped, error) {
	if _, err := t.peek(); err != nil {
		return nil, nil, unexpectedEOF(err)
	}
	n, err := t.length()
	switch {
	case err != nil:
		return nil, nil, unexpectedEOF(err)
	case n > maxRowBytes:
		s, err := t.skip()
		return nil, s, unexpectedEOF(err)
	}
	v := t.buf[t.pos : t.pos+n]
	t.pos += n
	return v, nil, nil
}

// field reads a value as value does, and fails if it is not JSON; what names it in the error. For a value that is too long it returns an
// empty object, which no field can use.
func (t *jsonText) field(what string) ([]byte, error) {
	raw, long, err := t.value()
	switch {
	case err != nil:
		return nil, err
	case long != nil:
		return []byte(`{}`), nil
	case !json.Valid(raw):
		return nil, malformed(what + " is not JSON")
	}
	return raw, nil
}

// key consumes the key of a member and the colon after it.
func (t *jsonText) key() (string, error) {
	raw, long, err := t.value()
	if err != nil {
		return "", err
	}
	var name string
	if long != nil || !bytes.HasPrefix(raw, []byte(`"`)) || json.Unmarshal(raw, &name) != nil {
		return "", malformed("a key is not a string")
	}
	return name, t.expect(':')
}

// length returns the length of the value at pos, or one above maxRowBytes if it is longer. It does not check the value, so the text may be
// broken.
func (t *jsonText) length() (int, error) {
	var depth, n int
	quoted := false
	for {
		b := t.buf[t.pos:]
		for ; n < len(b); n++ {
			if quoted {
				if n += plainBytes(b[n:]); n == len(b) {
					break
				}
			}
			switch b[n] {
			case '"':
				if quoted = !quoted; !quoted && depth == 0 {
					return n + 1, nil
				}
			case '\\':
				if quoted { // elsewhere it is an error, which the decoder reports
					n++
				}
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return n + 1, nil
				}
			}
			if depth <= 0 && !quoted && (depth < 0 || ends(b[n])) {
				return n, nil
			}
		}
		if n > maxRowBytes {
			return n, nil
		}
		if err := t.fill(); err != nil {
			if errors.Is(err, io.EOF) && depth == 0 && !quoted {
				return len(b), nil
			}
			return 0, err
		}
	}
}

// plainBytes returns how many bytes of b come before a quote or a backslash.
func plainBytes(b []byte) int {
	n := bytes.IndexByte(b, '"')
	if n < 0 {
		n = len(b)
	}
	if slash := bytes.IndexByte(b[:n], '\\'); slash >= 0 {
		return slash
	}
	return n
}

// ends reports whether a number, true, false or null ends before b.
func ends(b byte) bool { return strings.IndexByte(",:]} \t\r\n", b) >= 0 }
