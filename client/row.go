package client

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Bounds of what a row may hold. They are far above what the API sends, and still affordable for a million rows in memory.
const (
	maxRowBytes = 16 << 20 // of a row as text
	// maxWholeRow is the size up to which a row is decoded as a whole; longer ones are read field by field, because decoded entries need
	// more memory than their text.
	maxWholeRow  = 64 << 10
	maxIDBytes   = 128
	maxWordBytes = 1 << 10
	maxItems     = 1000          // tags, review groups or info types of a row
	maxMatches   = 100           // different guardrail matches of a row
	maxRows      = 10 * MaxLimit // rows of a page
)

// MalformedSession is a row that could not be read. It says what is known about the row, so that the other rows are not lost with it.
type MalformedSession struct {
	// ID is `id`; empty if it cannot be read.
	ID string
	// StartDate is `start_date`; zero if it cannot be read.
	StartDate Time
	// Near is StartDate. If that cannot be read, it is the start of the nearest readable row before this one, or else after it.
	// It is zero if no row of the page has a readable start.
	Near time.Time
	// Digest is a short hash of the row's text. It identifies a row without an ID until the row changes.
	Digest string
	// Err says what is wrong with the row, in one line that is suitable for a log.
	Err error
}

// rowReader decodes rows into a page, one at a time.
type rowReader struct {
	text  *jsonText
	rows  rowFeed
	dec   *json.Decoder // of rows; one for all of them, because it keeps its memory
	limit int           // the expected number of rows
	page  *SessionPage
	near  time.Time // the last start that could be read
}

func newRowReader(r io.Reader, limit int, page *SessionPage) *rowReader {
	rows := &rowReader{text: newJSONText(r), limit: limit, page: page}
	rows.dec = json.NewDecoder(&rows.rows)
	return rows
}

// rowFeed is the reader from which the texts of rows are decoded.
type rowFeed struct {
	row []byte // the part of the row that has not been read yet
	end int64  // the offset of its end
}

// next makes the text of another row available.
func (f *rowFeed) next(row []byte) { f.row, f.end = row, f.end+int64(len(row)) }

// Read implements io.Reader.
func (f *rowFeed) Read(p []byte) (int, error) {
	n := copy(p, f.row)
	f.row = f.row[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// errLongRow is why a row is read field by field.
var errLongRow = errors.New("the row is long")

// decode decodes the text of a row. broken is true if it is not JSON.
func (r *rowReader) decode(raw []byte, s *Session) (broken bool, err error) {
	if len(raw) > maxWholeRow {
		if !json.Valid(raw) {
			return true, errors.New("a row is not JSON")
		}
		return false, errLongRow
	}
	r.rows.next(raw)
	err = r.dec.Decode(s)
	if err != nil {
		var syntax *json.SyntaxError
		broken = errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	}
	if !broken && r.dec.InputOffset() != r.rows.end {
		return true, errors.New("something follows after a value")
	}
	return broken, err
}

// readAll reads the list of rows. null is an empty list.
func (r *rowReader) readAll() error {
	b, err := r.text.peek()
	if err != nil {
		return unexpectedEOF(err)
	}
	if b != '[' {
		v, _, err := r.text.value()
		if err == nil && string(v) != "null" {
			err = malformed("its data is not a list")
		}
		return err
	}
	r.text.pos++
	for first := true; ; first = false {
		if more, err := r.text.next(first, ']'); err != nil || !more {
			return err
		}
		if r.page.Rows == maxRows {
			return malformed(fmt.Sprintf("it has more than %d rows", maxRows))
		}
		if err := r.read(); err != nil {
			return err
		}
	}
}

// read reads one row. A row that is too long, or without an id or a start, becomes a malformed one; only broken JSON is an error.
func (r *rowReader) read() error {
	raw, long, err := r.text.value()
	if err != nil {
		return err
	}
	p := r.page
	p.Rows++
	if long != nil {
		r.addMalformed(long, fmt.Errorf("it has more than %d bytes", maxRowBytes))
		return nil
	}
	if p.Sessions == nil {
		p.Sessions = make([]Session, 0, min(max(r.limit, 1), MaxLimit))
	}
	p.Sessions = append(p.Sessions, Session{})
	last := len(p.Sessions) - 1
	s := &p.Sessions[last]
	broken, err := r.decode(raw, s)
	if broken {
		return malformed(plainText(err.Error(), 200))
	}
	if err != nil || !s.fits() {
		*s = Session{}
		err = decodeLenient(raw, p, s)
	}
	if err == nil {
		s.canonicalizeIDs()
		r.setNear(s.StartDate.Time)
		return nil
	}
	p.Sessions = p.Sessions[:last]
	r.addMalformed(summarize(raw), err)
	return nil
}

// summarize returns for a decoded row what is known of a skipped one.
func summarize(raw []byte) *skipped {
	var row struct {
		ID        json.RawMessage `json:"id"`
		StartDate json.RawMessage `json:"start_date"`
	}
	_ = json.Unmarshal(raw, &row) // a row that is not an object has no fields
	sum := sha256.New()
	_, _ = sum.Write(raw) // a hash returns no error
	return &skipped{id: row.ID, start: row.StartDate, digest: shortDigest(sum)}
}

// addMalformed adds a row that cannot be read because of err.
func (r *rowReader) addMalformed(row *skipped, err error) {
	m := MalformedSession{Digest: row.digest, Err: &rowError{err}}
	if id, err := idOf(row.id); err == nil {
		m.ID = canonicalID(id)
	}
	if start, err := startOf(row.start); err == nil {
		m.StartDate = start
	}
	r.page.Malformed = append(r.page.Malformed, m)
	r.setNear(m.StartDate.Time)
}

// setNear records the start of the row just read, and sets Near of the malformed rows that do not have it yet.
func (r *rowReader) setNear(start time.Time) {
	unknown := r.near.IsZero()
	if !start.IsZero() {
		r.near = start
	}
	m := r.page.Malformed
	if !unknown {
		// All but the last one already have it.
		m = m[max(len(m)-1, 0):]
	}
	for i := range m {
		if m[i].Near.IsZero() {
			m[i].Near = r.near
		}
	}
}

// rowError says what is wrong with a row.
type rowError struct{ cause error }

func (e *rowError) Error() string { return "malformed session: " + plainText(e.cause.Error(), 200) }

func (e *rowError) Unwrap() error { return e.cause }

// canonicalizeIDs makes the ids of the session, its organization and its review the same, whatever case an answer has them in.
func (s *Session) canonicalizeIDs() {
	s.ID, s.OrgID = canonicalID(s.ID), canonicalID(s.OrgID)
	if s.Review != nil {
		s.Review.ID = canonicalID(s.Review.ID)
	}
}

// canonicalID returns a UUID in lower case, as gateways send it: its digits mean the same in either case. Other ids stay as they are.
func canonicalID(id string) string {
	const length = 36 // of 8-4-4-4-12 digits; package uuid accepts other forms, too
	if lower := strings.ToLower(id); lower != id && len(id) == length && uuid.Validate(id) == nil {
		return lower
	}
	return id
}

// fits reports whether a decoded row can be used as it is: it has an id and a start, and no value is far larger than anything that the API
// sends.
func (s *Session) fits() bool {
	if checkID(s.ID) != nil || s.StartDate.IsZero() || len(s.ConnectionTags) > maxItems {
		return false
	}
	for k, v := range s.ConnectionTags {
		if len(k) > maxWordBytes || len(v) > maxWordBytes {
			return false
		}
	}
	return max(len(s.OrgID), len(s.UserID), len(s.Type), len(s.ConnectionSubtype), len(s.Connection), len(s.Verb), len(s.Status), len(s.Identity)) <= maxWordBytes &&
		(s.Review == nil || s.Review.fits()) && (s.Metrics.Masking == nil || s.Metrics.Masking.fits()) && (s.AI == nil || s.AI.fits())
}

func (r *Review) fits() bool {
	for i := range r.Groups {
		if len(r.Groups[i].Group) > maxWordBytes || len(r.Groups[i].Status) > maxWordBytes {
			return false
		}
	}
	return len(r.Groups) <= maxItems && max(len(r.ID), len(r.Type), len(r.Status)) <= maxWordBytes
}
