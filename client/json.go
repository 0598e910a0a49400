package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxDepth bounds the nesting of a value that is skipped; encoding/json has the same bound.
const maxDepth = 10000

// malformed returns an ErrMalformed with a reason.
func malformed(reason string) error { return fmt.Errorf("%w (%s)", ErrMalformed, reason) }

// asMalformed turns a decoder's error into an ErrMalformed.
func asMalformed(err error) error {
	if errors.Is(err, ErrMalformed) || errors.Is(err, ErrNotJSON) {
		return err
	}
	return malformed(plainText(err.Error(), 200))
}

// textWindow is a reader that keeps the text from a mark on. A decoder reads ahead, so the text of a row that could not be decoded has
// to be recovered from here. It never holds much more than maxRowBytes.
type textWindow struct {
	r     io.Reader
	buf   []byte
	first int64 // offset of buf[0]
	mark  int64
	err   error // the last error of r
}

func (w *textWindow) Read(p []byte) (int, error) {
	if drop := w.mark - w.first; drop > 0 {
		w.buf = append(w.buf[:0], w.buf[drop:]...)
		w.first = w.mark
	}
	if len(w.buf) > maxRowBytes {
		return 0, malformed(fmt.Sprintf("it has a value of more than %d bytes", maxRowBytes))
	}
	n, err := w.r.Read(p)
	w.buf = append(w.buf, p[:n]...)
	w.err = err
	return n, err
}

// keepFrom sets the mark. The text before this offset is dropped.
func (w *textWindow) keepFrom(offset int64) { w.mark = offset }

// to returns the text from the mark to an offset, without the separators between rows.
func (w *textWindow) to(offset int64) []byte {
	return bytes.TrimLeft(w.buf[w.mark-w.first:offset-w.first], ", \t\r\n")
}

// expectObject passes the body to read if it starts with a JSON object.
func expectObject(body io.Reader, contentType string, read func(io.Reader) error) error {
	r := bufio.NewReader(body)
	for {
		b, err := r.ReadByte()
		if err == io.EOF {
			return fmt.Errorf("%w (it is empty)", ErrNotJSON)
		}
		if err != nil {
			return err
		}
		switch b {
		case ' ', '\t', '\r', '\n':
			continue
		case '{':
			if err := r.UnreadByte(); err != nil {
				return err
			}
			return read(r)
		case '[', '"':
			return malformed("it is not a JSON object")
		}
		return fmt.Errorf("%w (content type %q)", ErrNotJSON, plainText(contentType, 60))
	}
}

// expectDelim reads a token that must be d.
func expectDelim(dec *json.Decoder, d json.Delim) error {
	t, err := dec.Token()
	if err != nil {
		return unexpectedEOF(err)
	}
	if t != d {
		return malformed(fmt.Sprintf("%q is missing", d.String()))
	}
	return nil
}

// expectEnd returns an error if anything follows.
func expectEnd(dec *json.Decoder) error {
	switch _, err := dec.Token(); err {
	case io.EOF:
		return nil
	case nil:
		return malformed("something follows after its end")
	default:
		return err
	}
}

// skipValue reads a value of any size and shape without keeping it.
func skipValue(dec *json.Decoder) error {
	for depth := 0; ; {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		if depth > maxDepth {
			return malformed("it is nested too deep")
		}
	}
}

// unexpectedEOF returns err, but io.ErrUnexpectedEOF for io.EOF: a text must not end within a value.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
