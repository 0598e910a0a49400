package client

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// SessionPage is one answer of GET /sessions.
type SessionPage struct {
	Answer
	// Sessions are the readable rows, in the gateway's order: newest first, on old gateways without a tiebreak.
	Sessions []Session
	// Malformed are the rows that could not be read, in the gateway's order.
	Malformed []MalformedSession
	// Rows is the number of all rows of the answer, those that could not be read included.
	Rows int
	// HasNextPage is `has_next_page`: wrong on old gateways when the last page is exactly full.
	HasNextPage bool
	// Total is `total`, the number of rows that match, whatever limit and offset; nil where it was not counted.
	Total *int
	// TotalIsCapped is `total_is_capped`: there are more than Total.
	TotalIsCapped bool
}

// MalformedSession is a row that could not be read.
type MalformedSession struct {
	// ID is `id`, empty where it cannot be read.
	ID string
	// StartDate is `start_date`, zero where it cannot be read.
	StartDate Time
	// Near is StartDate; where that cannot be read, the start of the nearest readable row before it, else after it. It is
	// zero where no row of the page has a readable start.
	Near time.Time
	// Digest is a short hash of the row's bytes: it recognises a row without an ID as long as the row does not change.
	Digest string
	// Err tells what is wrong with the row.
	Err error
}

// Bounds of what a row may hold, in bytes: far above what the API gives, and what a memory can bear a million times.
const (
	maxRowBytes  = 16 << 20 // of it and of what was read ahead, for it has to be in memory as a whole, in several copies
	maxIDBytes   = 128
	maxWordBytes = 1 << 10
	maxItems     = 1000          // tags or groups of a row
	maxRows      = 10 * MaxLimit // of a page
	maxDepth     = 10000         // of what is skipped; as in encoding/json
)

// malformed is an ErrMalformed with a reason.
func malformed(reason string) error { return fmt.Errorf("%w (%s)", ErrMalformed, reason) }

// asMalformed makes a decoder's error an ErrMalformed.
func asMalformed(err error) error {
	if errors.Is(err, ErrMalformed) || errors.Is(err, ErrNotJSON) {
		return err
	}
	return malformed(plainText(err.Error(), 200))
}

// decodePage reads an answer of GET /sessions row by row, so that no more than a row is in memory as text.
func decodePage(r io.Reader, o ListOptions, page *SessionPage) error {
	rows := newRowReader(r, o, page)
	if err := expectDelim(rows.dec, '{'); err != nil {
		return err
	}
	hasData := false
	for rows.dec.More() {
		key, err := rows.dec.Token()
		if err != nil {
			return unexpectedEOF(err)
		}
		// As encoding/json does, take a key in any case.
		switch name, _ := key.(string); {
		case strings.EqualFold(name, "data"):
			if hasData {
				return malformed("it has data twice")
			}
			hasData = true
			err = rows.readAll()
		case strings.EqualFold(name, "has_next_page"):
			err = rows.dec.Decode(&page.HasNextPage)
		case strings.EqualFold(name, "total"):
			err = rows.dec.Decode(&page.Total)
		case strings.EqualFold(name, "total_is_capped"):
			err = rows.dec.Decode(&page.TotalIsCapped)
		default:
			err = skipValue(rows.dec)
		}
		if err != nil {
			return unexpectedEOF(err)
		}
	}
	if err := expectDelim(rows.dec, '}'); err != nil {
		return err
	}
	if !hasData {
		return malformed("it has no data")
	}
	if page.Total != nil && *page.Total < 0 {
		page.Total = nil
	}
	return expectEnd(rows.dec)
}

// decodeSession reads an answer of GET /sessions/{id}, which is a row by itself.
func decodeSession(r io.Reader, id string, page *SessionPage) error {
	rows := newRowReader(r, ListOptions{Limit: 1}, page)
	if err := rows.read(); err != nil {
		return err
	}
	for _, s := range page.Sessions {
		if !strings.EqualFold(s.ID, id) {
			return malformed("it is another session than the one asked for")
		}
	}
	for i := range page.Malformed {
		page.Malformed[i].ID = id
	}
	return expectEnd(rows.dec)
}

// decodeWhole reads a body that is a single value.
func decodeWhole(dec *json.Decoder, v any) error {
	if err := dec.Decode(v); err != nil {
		return unexpectedEOF(err)
	}
	return expectEnd(dec)
}

// rowReader reads rows into a page.
type rowReader struct {
	dec     *json.Decoder
	text    *window
	options ListOptions
	page    *SessionPage
	near    time.Time // start of the last row that told one
}

func newRowReader(r io.Reader, o ListOptions, page *SessionPage) *rowReader {
	text := &window{r: r}
	dec := json.NewDecoder(text)
	dec.UseNumber() // a number that is skipped may be of any size
	return &rowReader{dec: dec, text: text, options: o, page: page}
}

// readAll reads the array of rows; null stands for none.
func (r *rowReader) readAll() error {
	t, err := r.dec.Token()
	if err != nil {
		return err
	}
	if t == nil {
		return nil
	}
	if t != json.Delim('[') {
		return malformed("its data are no list")
	}
	for r.dec.More() {
		if r.page.Rows == maxRows {
			return malformed(fmt.Sprintf("it has more than %d rows", maxRows))
		}
		if err := r.read(); err != nil {
			return err
		}
	}
	return expectDelim(r.dec, ']')
}

// read reads one row. A row of wrong types or values goes to the malformed ones; only broken JSON is an error.
func (r *rowReader) read() error {
	r.text.keepFrom(r.dec.InputOffset())
	p := r.page
	if p.Sessions == nil {
		p.Sessions = make([]Session, 0, min(max(r.options.Limit, 1), MaxLimit))
	}
	p.Sessions = append(p.Sessions, Session{})
	last := len(p.Sessions) - 1
	s := &p.Sessions[last]
	err := r.decode(s)
	if err != nil && r.broken(err) {
		return unexpectedEOF(err)
	}
	if err == nil {
		err = s.check()
	}
	p.Rows++
	if err == nil {
		r.place(s.StartDate.Time)
		return nil
	}
	p.Sessions = p.Sessions[:last]
	p.Malformed = append(p.Malformed, malformedRow(r.text.to(r.dec.InputOffset()), err))
	r.place(p.Malformed[len(p.Malformed)-1].StartDate.Time)
	return nil
}

// place takes note of the start of the row just read, and puts the malformed row that it may be near a known start.
func (r *rowReader) place(start time.Time) {
	unknown := r.near.IsZero()
	if !start.IsZero() {
		r.near = start
	}
	m := r.page.Malformed
	if !unknown {
		// Those before have their place already.
		m = m[max(len(m)-1, 0):]
	}
	for i := range m {
		if m[i].Near.IsZero() {
			m[i].Near = r.near
		}
	}
}

func (r *rowReader) decode(s *Session) error {
	if !r.options.Details {
		return r.dec.Decode(s)
	}
	var row struct {
		Session
		SessionDetails
	}
	err := r.dec.Decode(&row)
	*s, s.Details = row.Session, &row.SessionDetails
	return err
}

// broken tells whether the decoder cannot go on after this error.
func (r *rowReader) broken(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		(r.text.err != nil && errors.Is(err, r.text.err))
}

// malformedRow tells of a row that cannot be read what can be told.
func malformedRow(raw []byte, err error) MalformedSession {
	sum := sha256.Sum256(raw)
	m := MalformedSession{Digest: hex.EncodeToString(sum[:8]), Err: &rowError{err}}
	var row struct {
		ID        json.RawMessage `json:"id"`
		StartDate json.RawMessage `json:"start_date"`
	}
	// What cannot be read stays empty, that is all.
	_ = json.Unmarshal(raw, &row)
	if json.Unmarshal(row.ID, &m.ID) != nil || len(m.ID) > maxIDBytes {
		m.ID = ""
	}
	if json.Unmarshal(row.StartDate, &m.StartDate) != nil {
		m.StartDate = Time{}
	}
	return m
}

// rowError is what is wrong with a row, in a text that is fit for a log.
type rowError struct{ cause error }

func (e *rowError) Error() string { return "malformed session: " + plainText(e.cause.Error(), 200) }

func (e *rowError) Unwrap() error { return e.cause }
