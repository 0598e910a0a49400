package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

// errState is why a state cannot be read.
var errState = errors.New("the state is damaged")

// decoder fills an empty ledger from messages. Anything that a ledger never writes is an error. The first error is kept; after it the
// ledger must not be used.
type decoder struct {
	l       *Ledger
	symbols []string
	err     error
}

func (d *decoder) check(ok bool, what string) {
	if !ok && d.err == nil {
		d.err = fmt.Errorf("%w: %s", errState, what)
	}
}

func (d *decoder) ledger(m *statepb.Ledger) {
	l := d.l
	l.t0, l.backfillStart = timeOf(m.T0), timeOf(m.BackfillStart)
	l.clock.firstT0 = timeOf(m.FirstT0)
	d.check(!l.t0.IsZero(), "the start of its counting is missing")
	l.baselineComplete, l.pendingComplete = m.BaselineComplete, m.PendingComplete
	l.lost, l.abandoned, l.malformedTotal = m.Lost, m.Abandoned, m.MalformedTotal
	l.unobserved = decodeUnobserved(m.Unobserved)
	d.gaps(m.UnreadGaps)
	for i, labels := range []*statepb.LabelLimiter{
		m.Types, m.Verbs, m.ReviewStatuses, m.Groups, m.InfoTypes, m.Rules, m.Directions, m.RiskLevels, m.Actions,
	} {
		d.labels(l.words.all()[i], labels)
	}
	d.connections(m.Connections)
	d.folded(m.FoldedConnections)
	d.targets(m.Targets)
	d.groupWaits(m.GroupWaits)
	d.seen(m.Seen)
	d.malformed(m.Malformed)
}

func (d *decoder) progress(ledger *statepb.Ledger, m *statepb.Progress) {
	d.l.head, d.l.watermark, d.l.generation = timeOf(m.Head), timeOf(m.Watermark), m.Generation
	d.l.retainedFrom, d.l.retainedUntil, d.l.reviewsFrom = timeOf(m.RetainedFrom), timeOf(m.RetainedUntil), timeOf(m.ReviewsFrom)
	d.l.clock.ahead = time.Duration(m.Ahead)
	d.check(!d.l.head.IsZero() && !d.l.watermark.IsZero() && !d.l.retainedFrom.IsZero() && !d.l.reviewsFrom.IsZero(), "how far it was read is missing")
	if len(m.Rechecked) != len(ledger.Sessions) {
		d.check(false, "its sessions and the times of their rechecks differ in number")
		return
	}
	d.sessions(ledger.Sessions, m.Rechecked)
}

// timeOf is the inverse of nanoseconds.
func timeOf(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func (d *decoder) symbol(n uint32) string {
	if uint64(n) >= uint64(len(d.symbols)) {
		d.check(false, "a symbol is missing")
		return ""
	}
	return d.symbols[n]
}

// label is a symbol that is a label value.
func (d *decoder) label(n uint32) string {
	s := d.symbol(n)
	d.check(clean(s) == s, "a label value is invalid")
	return s
}

// ascending returns a function that checks that the keys of a list come in order, each once.
func (d *decoder) ascending(what string) func(key string) {
	first, last := true, ""
	return func(key string) {
		d.check(first || last < key, what+" are not in order, or one is there twice")
		first, last = false, key
	}
}

func (d *decoder) gaps(gaps []*statepb.Gap) {
	var last time.Time
	for _, m := range gaps {
		s := Span{timeOf(m.From), timeOf(m.To)}
		d.check(s.From.Before(s.To) && !s.From.Before(last), "unread gaps are not in order")
		last = s.To
		d.l.unread = append(d.l.unread, s)
	}
}

func (d *decoder) labels(w *labelLimiter, m *statepb.LabelLimiter) {
	next := d.ascending("label values")
	for _, n := range m.GetAdmitted() {
		word := d.label(n)
		next(word)
		if _, known := w.admitted[word]; !known {
			w.admitted[word] = true
			w.admittedUnknown++
		}
	}
	d.check(w.admittedUnknown <= w.limit, "there are more label values than are admitted")
	next = d.ascending("waiting label values")
	for _, n := range m.GetWaiting() {
		word := d.label(n)
		next(word)
		w.addCandidate(word)
	}
}

func (d *decoder) connections(connections []*statepb.Connection) {
	next := d.ascending("connections")
	for _, m := range connections {
		c := &connection{
			name: d.label(m.Name), newest: sessionRef{m.NewestId, timeOf(m.NewestStart)}, subtype: d.label(m.Subtype),
			tags: make(map[string]string, len(m.Tags)),
		}
		next(c.name)
		nextTag := d.ascending("tags")
		for _, tag := range m.Tags {
			key := d.symbol(tag.Key)
			nextTag(key)
			c.tags[key] = d.label(tag.Value)
		}
		d.l.connections[c.name] = c
		if m.Waiting {
			d.l.newConnections[c.name] = true
		}
	}
}

func (d *decoder) folded(hashes []uint64) {
	d.check(len(hashes) <= maxDistinct, "it remembers too many folded connections")
	for i, h := range hashes {
		d.check(i == 0 || hashes[i-1] < h, "folded connections are not in order")
	}
	d.l.folded = hashes
}

func (d *decoder) sessions(sessions []*statepb.Session, rechecked []int64) {
	d.l.tracked = make(map[string]*session, len(sessions))
	next := d.ascending("sessions")
	for i, m := range sessions {
		next(m.Id)
		s := &session{
			id: m.Id, target: Target{d.label(m.Connection), d.label(m.Type)}, userHash: m.User, start: timeOf(m.Start),
			sessionStatus: sessionStatus{verb: d.symbol(m.Verb), status: d.symbol(m.Status), end: timeOf(m.End), eventSize: m.EventSize},
			lastSeen:      timeOf(rechecked[i]), doneSeen: timeOf(m.Finished), misses: int(min(m.Missed, 1<<30)), leftPendingList: m.LeftList, lost: m.Lost,
			countedStart: m.CountedStarted, countedFinish: m.CountedFinished,
			countedRequest: m.CountedRequested, countedResolve: m.CountedResolved, countedWait: m.CountedWait, countedDecisions: m.CountedDecisions,
			decisions:     d.decisions(m),
			sawUnfinished: m.SeenUnfinished, sawReviewOpen: m.SeenUnresolved, sawUndecided: m.SeenUndecided,
		}
		if m.ExitCode != nil {
			code := int(*m.ExitCode)
			s.exitCode = &code
		}
		if r := m.Review; r != nil {
			s.review = &review{
				id: r.Id, kind: d.symbol(r.Type), status: d.symbol(r.Status),
				created: timeOf(r.Created), revokeAt: timeOf(r.RevokeAt), decision: timeOf(r.Decided), revokedAt: timeOf(r.Revoked),
			}
			for _, group := range r.PendingGroups {
				s.review.pendingGroups = append(s.review.pendingGroups, d.symbol(group))
			}
		}
		d.l.tracked[m.Id] = s
	}
}

func (d *decoder) seen(sessions []*statepb.SeenSession) {
	d.l.seen = make(map[string]seenRow, len(sessions))
	next := d.ascending("known sessions")
	for _, m := range sessions {
		next(m.Id)
		d.l.seen[m.Id] = seenRow{start: timeOf(m.Start), uncounted: m.Uncounted, review: m.Review, requested: timeOf(m.Requested)}
	}
}

func (d *decoder) malformed(sessions []*statepb.MalformedSession) {
	d.check(len(sessions) <= maxMalformed, "it remembers too many malformed sessions")
	next := d.ascending("malformed sessions")
	for _, m := range sessions {
		next(m.Key)
		d.l.malformed[m.Key] = timeOf(m.Start)
	}
}

// decisions are those of the groups of a session's review; nil for none.
func (d *decoder) decisions(m *statepb.Session) *decisions {
	out := &decisions{undecided: m.UndecidedGroups, counted: m.DecidedGroups}
	all := slices.Sorted(slices.Values(slices.Concat(out.undecided, out.counted)))
	if len(all) == 0 {
		return nil
	}
	d.check(!m.CountedDecisions, "it remembers groups whose decision does not count")
	d.check(len(all) <= maxReviewGroups, "it remembers too many groups of a review")
	d.check(slices.IsSorted(out.undecided) && slices.IsSorted(out.counted) && len(slices.Compact(all)) == len(out.undecided)+len(out.counted),
		"groups of a review are not in order, or one is there twice")
	return out
}
