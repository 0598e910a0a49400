package ledger

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

// encoder encodes a ledger piece by piece. Protobuf decodes messages that follow one another as one message, so only the messages of the
// current piece are in memory. It changes nothing in the ledger. After an error nothing more is encoded.
type encoder struct {
	out []byte // a Ledger message
	err error

	symbols []string
	indexes map[string]uint32
	keys    []Labels // of the map that is being encoded

	// The messages of the current piece. A large ledger has tens of thousands.
	counters   arena[statepb.Counter, *statepb.Counter]
	exemplars  arena[statepb.Exemplar, *statepb.Exemplar]
	histograms arena[statepb.Histogram, *statepb.Histogram]
	buckets    arena[statepb.Buckets, *statepb.Buckets]
	sessions   arena[statepb.Session, *statepb.Session]
	seen       arena[statepb.SeenSession, *statepb.SeenSession]
}

// pieceSize is how many sessions a piece has at most.
const pieceSize = 256

// arena allocates messages, and reuses them for each piece.
type arena[T any, P interface {
	*T
	Reset()
}] struct {
	messages []T
	used     int
}

func (a *arena[T, P]) next() *T {
	if a.used == len(a.messages) {
		a.messages, a.used = make([]T, max(16, 2*a.used)), 0 // the piece keeps the others
	}
	m := &a.messages[a.used]
	a.used++
	P(m).Reset()
	return m
}

// encode returns the image of a ledger.
func encode(l *Ledger) (Image, error) {
	e := encoder{indexes: map[string]uint32{}}
	e.out = make([]byte, 0, 150*len(l.tracked)+60*len(l.seen)+2500*len(l.counters)+1024)
	e.symbol("") // so that a frequent symbol gets 0, which takes no space
	e.add(&statepb.Ledger{
		T0:               nanoseconds(l.t0),
		FirstT0:          nanoseconds(l.clock.firstT0),
		BackfillStart:    nanoseconds(l.backfillStart),
		BaselineComplete: l.baselineComplete,
		PendingComplete:  l.pendingComplete,
		Lost:             l.lost,
		Abandoned:        l.abandoned,
		MalformedTotal:   l.malformedTotal,
		Unobserved:       encodeUnobserved(l.unobserved),
		UnreadGaps:       e.gaps(l.unread),
		Types:            e.labels(l.words.types),
		Verbs:            e.labels(l.words.verbs),
		ReviewStatuses:   e.labels(l.words.statuses),
		Groups:           e.labels(l.words.groups),
		InfoTypes:        e.labels(l.words.infoTypes),
		Rules:            e.labels(l.words.rules),
		Directions:       e.labels(l.words.directions),
		RiskLevels:       e.labels(l.words.riskLevels),
		Actions:          e.labels(l.words.actions),
		Connections:      e.connections(l),

		FoldedConnections: l.folded,
	})
	e.targets(l)
	e.groupWaits(l)
	tracked := slices.SortedFunc(maps.Values(l.tracked), func(a, b *session) int { return strings.Compare(a.id, b.id) })
	e.trackedSessions(tracked)
	e.seenSessions(l)
	e.add(&statepb.Ledger{Malformed: e.malformed(l), Symbols: e.symbols})
	progress, err := proto.MarshalOptions{Deterministic: true}.Marshal(e.progress(l, tracked))
	if err := errors.Join(e.err, err); err != nil {
		return Image{}, fmt.Errorf("encoding the ledger: %w", err)
	}
	return Image{Ledger: e.out, Progress: progress}, nil
}

// add encodes a piece. Its messages must not be used afterwards.
func (e *encoder) add(piece *statepb.Ledger) {
	if e.err == nil {
		e.out, e.err = proto.MarshalOptions{Deterministic: true}.MarshalAppend(e.out, piece)
	}
	e.counters.used, e.exemplars.used, e.histograms.used, e.buckets.used, e.sessions.used, e.seen.used = 0, 0, 0, 0, 0, 0
}

func (e *encoder) progress(l *Ledger, tracked []*session) *statepb.Progress {
	progress := &statepb.Progress{
		Head:          nanoseconds(l.head),
		Watermark:     nanoseconds(l.watermark),
		ReviewsFrom:   nanoseconds(l.reviewsFrom),
		Generation:    l.generation,
		RetainedFrom:  nanoseconds(l.retainedFrom),
		RetainedUntil: nanoseconds(l.retainedUntil),
		Ahead:         int64(l.clock.ahead),
		Rechecked:     make([]int64, len(tracked)),
	}
	for i, s := range tracked {
		progress.Rechecked[i] = nanoseconds(s.lastSeen)
	}
	return progress
}

// nanoseconds is a time as it is stored; 0 for the zero time.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	case t.UnixNano() == 0:
		return 1
	}
	return t.UnixNano()
}

func (e *encoder) symbol(s string) uint32 {
	n, ok := e.indexes[s]
	if !ok {
		n = uint32(len(e.symbols))
		e.symbols = append(e.symbols, s)
		e.indexes[s] = n
	}
	return n
}

func (e *encoder) gaps(s spans) []*statepb.Gap {
	gaps := make([]*statepb.Gap, len(s))
	for i, v := range s {
		gaps[i] = &statepb.Gap{From: nanoseconds(v.From), To: nanoseconds(v.To)}
	}
	return gaps
}

func (e *encoder) labels(w *labelLimiter) *statepb.LabelLimiter {
	limiter := &statepb.LabelLimiter{}
	for _, word := range sortedKeys(w.admitted) {
		if w.admitted[word] {
			limiter.Admitted = append(limiter.Admitted, e.symbol(word))
		}
	}
	for _, word := range w.candidates {
		limiter.Waiting = append(limiter.Waiting, e.symbol(word))
	}
	return limiter
}

func (e *encoder) connections(l *Ledger) []*statepb.Connection {
	out := make([]*statepb.Connection, 0, len(l.connections))
	for _, name := range sortedKeys(l.connections) {
		c := l.connections[name]
		connection := &statepb.Connection{
			Name:        e.symbol(name),
			Waiting:     l.newConnections[name],
			NewestId:    c.newest.id,
			NewestStart: nanoseconds(c.newest.start),
			Subtype:     e.symbol(c.subtype),
		}
		for _, key := range sortedKeys(c.tags) {
			connection.Tags = append(connection.Tags, &statepb.Tag{Key: e.symbol(key), Value: e.symbol(c.tags[key])})
		}
		out = append(out, connection)
	}
	return out
}

func (e *encoder) trackedSessions(tracked []*session) {
	for some := range slices.Chunk(tracked, pieceSize) {
		piece := &statepb.Ledger{Sessions: make([]*statepb.Session, len(some))}
		for i, s := range some {
			piece.Sessions[i] = e.session(s)
		}
		e.add(piece)
	}
}

func (e *encoder) session(s *session) *statepb.Session {
	out := e.sessions.next()
	out.Id, out.Start, out.User = s.id, nanoseconds(s.start), s.userHash
	out.Connection, out.Type = e.symbol(s.target.Connection), e.symbol(s.target.Type)
	out.Verb, out.Status, out.End, out.EventSize = e.symbol(s.verb), e.symbol(s.status), nanoseconds(s.end), s.eventSize
	if s.exitCode != nil {
		code := int64(*s.exitCode)
		out.ExitCode = &code
	}
	if r := s.review; r != nil {
		out.Review = &statepb.Review{
			Id: r.id, Type: e.symbol(r.kind), Status: e.symbol(r.status),
			Created: nanoseconds(r.created), RevokeAt: nanoseconds(r.revokeAt), Decided: nanoseconds(r.decision), Revoked: nanoseconds(r.revokedAt),
		}
		for _, group := range r.pendingGroups {
			out.Review.PendingGroups = append(out.Review.PendingGroups, e.symbol(group))
		}
	}
	out.Finished, out.Missed, out.LeftList, out.Lost = nanoseconds(s.doneSeen), uint32(min(s.misses, 1<<30)), s.leftPendingList, s.lost
	out.CountedStarted, out.CountedFinished = s.countedStart, s.countedFinish
	out.CountedRequested, out.CountedResolved, out.CountedWait = s.countedRequest, s.countedResolve, s.countedWait
	out.CountedDecisions = s.countedDecisions
	if s.decisions != nil {
		out.UndecidedGroups, out.DecidedGroups = s.decisions.undecided, s.decisions.counted
	}
	out.SeenUnfinished, out.SeenUnresolved, out.SeenUndecided = s.sawUnfinished, s.sawReviewOpen, s.sawUndecided
	return out
}

// seenSessions encodes the rows that are remembered, except for those that the ledger may forget at any time.
func (e *encoder) seenSessions(l *Ledger) {
	ids := make([]string, 0, len(l.seen))
	for id, m := range l.seen {
		if l.mustRemember(m) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for some := range slices.Chunk(ids, pieceSize) {
		piece := &statepb.Ledger{Seen: make([]*statepb.SeenSession, len(some))}
		for i, id := range some {
			m, seen := l.seen[id], e.seen.next()
			seen.Id, seen.Start, seen.Uncounted, seen.Review, seen.Requested = id, nanoseconds(m.start), m.uncounted, m.review, nanoseconds(m.requested)
			piece.Seen[i] = seen
		}
		e.add(piece)
	}
}

func (e *encoder) malformed(l *Ledger) []*statepb.MalformedSession {
	var out []*statepb.MalformedSession
	for _, key := range sortedKeys(l.malformed) {
		out = append(out, &statepb.MalformedSession{Key: key, Start: nanoseconds(l.malformed[key])})
	}
	return out
}
