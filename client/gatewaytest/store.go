package gatewaytest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"time"
)

// row is a session as the store keeps it: some 90 bytes, because there may be millions. What few rows have is in more.
// Times are Unix microseconds, 0 standing for null.
type row struct {
	id       key
	start    int64
	end      int64
	size     int64
	visible  int64 // when the row shows up in answers
	seenOpen int64 // when an answer last delivered it unfinished
	more     *more
	conn     uint32
	user     uint32
	meta     uint32
	script   int32 // size in bytes
	exit     int16
	verb     uint16
	status   uint16
	flags    flag
}

// noExit stands for an exit_code of null.
const noExit = math.MinInt16

type flag uint8

const (
	hasMetrics flag = 1 << iota // metrics holds the size, as with sessions that ran
	shown                       // visible by now
	served                      // delivered in an answer
	knownOpen                   // the last answer that delivered it said it was unfinished
)

func (r *row) is(f flag) bool { return r.flags&f != 0 }

func (r *row) mark(f flag, on bool) {
	if on {
		r.flags |= f
	} else {
		r.flags &^= f
	}
}

// more is what plain finished sessions do without.
type more struct {
	id     string // where it is not a UUID
	review *Review
	odd    *odd
	past   past
}

// odd is what hand-made rows may have differently from all others.
type odd struct {
	orgID, correlation, identity       string
	script, labels, integrations       json.RawMessage
	metrics /* other than usual */, ai json.RawMessage
	guardrails                         json.RawMessage
}

// plain tells that nothing is odd, in a gateway of this organisation.
func (o odd) plain(orgID string) bool {
	return o.orgID == orgID && o.correlation == "" && o.identity == identityUser && o.script == nil && o.labels == nil &&
		o.integrations == nil && o.metrics == nil && o.ai == nil && o.guardrails == nil
}

func (r *row) extra() *more {
	if r.more == nil {
		r.more = &more{}
	}
	return r.more
}

// review is the row's review, nil where it has none.
func (r *row) review() *Review {
	if r.more == nil {
		return nil
	}
	return r.more.review
}

// key is the session's id: the bytes of its UUID, or a hash of what somebody made up instead.
type key [16]byte

// keyOf is the key of an id, and whether the id can be told from it.
func keyOf(id string) (k key, uuid bool) {
	if len(id) == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-' {
		b := []byte(id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:])
		if _, err := hex.Decode(k[:], b); err == nil && k.String() == id {
			return k, true
		}
	}
	sum := sha256.Sum256([]byte(id))
	copy(k[:], sum[:])
	return k, false
}

func (k key) String() string { return string(appendKey(nil, k)) }

func (r *row) idString() string {
	if r.more != nil && r.more.id != "" {
		return r.more.id
	}
	return r.id.String()
}

// chunk is how many rows are kept together: rows never move, so that pointers to them last.
const chunk = 4096

// store holds the rows, the visible ones in order of creation.
type store struct {
	chunks [][]row
	byKey  map[key]uint32
	all    index
	// byReview holds the visible rows whose review has a certain status.
	byReview map[string]*index
	conns    table[connKey, conn]
	users    table[userKey, user]
	words    table[string, string]
	blobs    blobs
}

func (s *store) at(i uint32) *row { return &s.chunks[i/chunk][i%chunk] }

// size is the number of rows, visible or not.
func (s *store) size() int {
	if len(s.chunks) == 0 {
		return 0
	}
	return (len(s.chunks)-1)*chunk + len(s.chunks[len(s.chunks)-1])
}

// push adds a row and returns its place.
func (s *store) push(r row) uint32 {
	n := len(s.chunks)
	if n == 0 || len(s.chunks[n-1]) == chunk {
		s.chunks = append(s.chunks, make([]row, 0, chunk))
		n++
	}
	i := uint32(s.size())
	s.chunks[n-1] = append(s.chunks[n-1], r)
	s.byKey[r.id] = i
	return i
}

// compare orders by creation, then by id: how new gateways sort.
func (s *store) compare(a, b uint32) int {
	x, y := s.at(a), s.at(b)
	switch {
	case x.start < y.start:
		return -1
	case x.start > y.start:
		return 1
	}
	if (x.more == nil || x.more.id == "") && (y.more == nil || y.more.id == "") {
		return bytes.Compare(x.id[:], y.id[:])
	}
	return bytes.Compare([]byte(x.idString()), []byte(y.idString()))
}

// show makes rows visible: puts them into the indexes.
func (s *store) show(rows ...uint32) {
	s.all.add(s, rows)
	reviewed := map[string][]uint32{}
	for _, i := range rows {
		r := s.at(i)
		r.mark(shown, true)
		if v := r.review(); v != nil {
			reviewed[v.Status] = append(reviewed[v.Status], i)
		}
	}
	for status, rows := range reviewed {
		s.reviewIndex(status).add(s, rows)
	}
}

func (s *store) reviewIndex(status string) *index {
	ix := s.byReview[status]
	if ix == nil {
		ix = &index{}
		s.byReview[status] = ix
	}
	return ix
}

// moved keeps the index by review status right after a row's review changed.
func (s *store) moved(i uint32, from, to string) {
	if from == to {
		return
	}
	if from != "" {
		s.reviewIndex(from).remove(s, i)
	}
	if to != "" {
		s.reviewIndex(to).add(s, []uint32{i})
	}
}

// reviewStatus is empty where there is no review.
func (r *row) reviewStatus() string {
	if v := r.review(); v != nil {
		return v.Status
	}
	return ""
}

func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

func microsOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
