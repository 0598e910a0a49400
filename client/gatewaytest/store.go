package gatewaytest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"time"
)

// row is a session in the store. It takes about 90 bytes, because there can be millions; what few rows need is in extra. Times are Unix
// microseconds; 0 is null.
type row struct {
	id            key
	start         int64
	end           int64
	size          int64
	visible       int64 // when the row becomes visible in answers
	deliveredOpen int64 // when an answer last delivered the row as unfinished; 0: never
	extra         *extra
	conn          uint32
	user          uint32
	meta          uint32
	script        int32 // size in bytes
	exit          int16
	verb          uint16
	status        uint16
	flags         flag
}

// noExit stands for an exit_code of null.
const noExit = math.MinInt16

type flag uint16

const (
	hasMetrics        flag = 1 << iota // metrics holds the size, as with sessions that ran
	visibleNow                         // visible in answers
	delivered                          // delivered in an answer
	lastDeliveredOpen                  // unfinished in the last answer that delivered it

	simulated    // from a life or a history, and never changed by hand: its protection of data follows from its id
	createdByNew // created by a new gateway
	ran          // it has run, or runs

	deliveredByOld      // delivered in an answer of an old gateway
	deliveredByNew      // delivered in an answer of a new gateway
	deliveredFirstByOld // the first answer that delivered it was one of an old gateway
	deliveredEnd        // delivered as finished
	deliveredEndByOld   // the first answer that delivered it as finished was one of an old gateway
)

func (r *row) is(f flag) bool { return r.flags&f != 0 }

func (r *row) mark(f flag, on bool) {
	if on {
		r.flags |= f
	} else {
		r.flags &^= f
	}
}

// extra is what a plain finished session does not need.
type extra struct {
	id       string // the id, if it is not a UUID
	review   *Review
	handmade *handmade
	memory   memory
}

// handmade is what rows from [Gateway.Add] and [Gateway.Update] can have, and no others.
type handmade struct {
	orgID, correlation, identity       string
	script, labels, integrations       json.RawMessage
	metrics /* other than usual */, ai json.RawMessage
	guardrails                         json.RawMessage
}

// isDefault reports whether all values are those of other rows, in a gateway of this organization.
func (o handmade) isDefault(orgID string) bool {
	return o.orgID == orgID && o.correlation == "" && o.identity == identityUser && o.script == nil && o.labels == nil &&
		o.integrations == nil && o.metrics == nil && o.ai == nil && o.guardrails == nil
}

func (r *row) ensureExtra() *extra {
	if r.extra == nil {
		r.extra = &extra{}
	}
	return r.extra
}

// review returns the row's review, or nil.
func (r *row) review() *Review {
	if r.extra == nil {
		return nil
	}
	return r.extra.review
}

// key identifies a session: the bytes of its UUID, or a hash of an id that is not a UUID.
type key [16]byte

// keyOf returns the key of an id, and whether the id is a UUID, which the key can be turned back into.
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
	if r.extra != nil && r.extra.id != "" {
		return r.extra.id
	}
	return r.id.String()
}

// chunk is the number of rows in one allocation. Rows never move, so pointers to them stay valid.
const chunk = 4096

// store keeps all rows. A row is identified by its place, a number; the indexes list the places of the visible rows in the order of
// creation.
type store struct {
	chunks [][]row
	byKey  map[key]uint32
	all    index
	// byReview has an index of the visible rows for each review status.
	byReview map[string]*index
	conns    table[connKey, conn]
	users    table[userKey, user]
	words    table[string, string]
	blobs    blobs
}

func (s *store) at(i uint32) *row { return &s.chunks[i/chunk][i%chunk] }

// size returns the number of rows, visible or not.
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

// compare orders rows by creation, then by id, as new gateways do.
func (s *store) compare(a, b uint32) int {
	x, y := s.at(a), s.at(b)
	switch {
	case x.start < y.start:
		return -1
	case x.start > y.start:
		return 1
	}
	if (x.extra == nil || x.extra.id == "") && (y.extra == nil || y.extra.id == "") {
		return bytes.Compare(x.id[:], y.id[:])
	}
	return bytes.Compare([]byte(x.idString()), []byte(y.idString()))
}

// show makes rows visible: it adds them to the indexes.
func (s *store) show(rows ...uint32) {
	s.all.add(s, rows)
	reviewed := map[string][]uint32{}
	for _, i := range rows {
		r := s.at(i)
		r.mark(visibleNow, true)
		if v := r.review(); v != nil {
			reviewed[v.storedStatus()] = append(reviewed[v.storedStatus()], i)
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

// moved updates the indexes by review status after the review of a row changed.
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

// reviewStatus returns the status of the row's review, or "" if it has none.
func (r *row) reviewStatus() string {
	if v := r.review(); v != nil {
		return v.Status
	}
	return ""
}

// storedStatus returns the review status that the filter review.status matches, or "" if there is no review.
func (v *Review) storedStatus() string {
	switch {
	case v == nil:
		return ""
	case v.stored != "":
		return v.stored
	}
	return v.Status
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
