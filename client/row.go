package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// check tells what keeps a row that was decoded from being used.
func (s *Session) check() error {
	switch {
	case s.ID == "":
		return errors.New("id is missing")
	case s.StartDate.IsZero():
		return errors.New("start_date is missing")
	case s.Connection == "":
		return errors.New("connection is missing")
	}
	return s.checkSizes()
}

// checkSizes refuses what is far larger than anything the API gives, before somebody keeps it.
func (s *Session) checkSizes() error {
	if len(s.ID) > maxIDBytes {
		return fmt.Errorf("id has %d bytes, more than %d", len(s.ID), maxIDBytes)
	}
	words := []struct{ name, value string }{
		{"connection", s.Connection},
		{"type", s.Type},
		{"connection_subtype", s.ConnectionSubtype},
		{"verb", s.Verb},
		{"status", s.Status},
		{"user_id", s.UserID},
	}
	for _, w := range words {
		if err := checkWord(w.name, w.value); err != nil {
			return err
		}
	}
	if n := len(s.ConnectionTags); n > maxItems {
		return fmt.Errorf("connection_tags has %d entries, more than %d", n, maxItems)
	}
	for k, v := range s.ConnectionTags {
		if err := errors.Join(checkWord("connection_tags", k), checkWord("connection_tags", v)); err != nil {
			return err
		}
	}
	if s.Review == nil {
		return nil
	}
	return s.Review.checkSizes()
}

func (r *Review) checkSizes() error {
	if len(r.ID) > maxIDBytes {
		return fmt.Errorf("review.id has %d bytes, more than %d", len(r.ID), maxIDBytes)
	}
	if err := errors.Join(checkWord("review.type", r.Type), checkWord("review.status", r.Status)); err != nil {
		return err
	}
	if n := len(r.Groups); n > maxItems {
		return fmt.Errorf("review_groups_data has %d entries, more than %d", n, maxItems)
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		if err := errors.Join(checkWord("group", g.Group), checkWord("group status", g.Status)); err != nil {
			return err
		}
	}
	return nil
}

func checkWord(name, value string) error {
	if len(value) > maxWordBytes {
		return fmt.Errorf("%s has %d bytes, more than %d", name, len(value), maxWordBytes)
	}
	return nil
}

// window is a reader that remembers what it read from a mark on. A decoder reads ahead, so the text of a row that it
// could not make sense of must be found again.
type window struct {
	r     io.Reader
	buf   []byte
	first int64 // offset of buf[0]
	mark  int64
	err   error
}

func (w *window) Read(p []byte) (int, error) {
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

// keepFrom marks the offset from which on the text may be asked for.
func (w *window) keepFrom(offset int64) { w.mark = offset }

// to is the text from the mark to an offset, without what stands between rows.
func (w *window) to(offset int64) []byte {
	return bytes.TrimLeft(w.buf[w.mark-w.first:offset-w.first], ", \t\r\n")
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

// expectEnd makes sure that nothing follows.
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

// skipValue reads over a value of any size and shape without keeping it.
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

// unexpectedEOF is err, except that the end of the text within a value is no good end.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
