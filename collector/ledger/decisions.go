package ledger

import (
	"slices"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// maxReviewGroups bounds the groups of one review whose decisions are counted. The client takes none from a review with more.
const maxReviewGroups = 1000

// decisions are what is known of the groups of one review. Always holds: a group is in at most one of the lists; they are sorted, and have
// at most maxReviewGroups elements together. A group is the hash of its name.
type decisions struct {
	undecided []uint64 // seen without a decision
	counted   []uint64 // decided: counted, or not to be counted
}

// note records the group, and reports whether this is the first time that its decision is seen, and whether the group was seen undecided
// before.
func (d *decisions) note(group uint64, decided bool) (first, sawUndecided bool) {
	if _, known := slices.BinarySearch(d.counted, group); known {
		return false, false
	}
	i, sawUndecided := slices.BinarySearch(d.undecided, group)
	switch {
	case !sawUndecided && len(d.undecided)+len(d.counted) >= maxReviewGroups:
		return false, false
	case !decided && !sawUndecided:
		d.undecided = slices.Insert(d.undecided, i, group)
	case decided:
		if sawUndecided {
			d.undecided = slices.Delete(d.undecided, i, i+1)
		}
		j, _ := slices.BinarySearch(d.counted, group)
		d.counted = slices.Insert(d.counted, j, group)
	}
	return decided, sawUndecided
}

// isDecision reports whether a group of this status has decided. An unknown word counts as a decision; the end of a deadline does not.
func isDecision(status string) bool {
	switch status {
	case "", client.ReviewPending, client.ReviewExpired, client.ReviewUnknown:
		return false
	}
	return true
}

// countDecisions counts the decision of each group of a review once, as it is in the first answer that has it.
func (s *session) countDecisions(l *Ledger, c *targetCounters, r *client.Review, ref sessionRef) {
	if l.options.NoDecisions || s.countedDecisions {
		return
	}
	requestedSince := l.sinceT0(r.CreatedAt.Time)
	for i := range r.Groups {
		g := &r.Groups[i]
		if s.decisions == nil {
			s.decisions = &decisions{}
		}
		first, sawUndecided := s.decisions.note(hash64(g.Group), isDecision(g.Status))
		if !first || !requestedSince && !sawUndecided && !l.sinceT0(g.ReviewDate.Time) {
			continue
		}
		group, forced := l.words.groups.register(g.Group), "false"
		if g.Forced {
			forced = "true"
		}
		c.series(groupDecisions, Labels{group, l.words.statuses.register(g.Status), forced}).add(1, ref)
		if g.Status != client.ReviewRevoked && !g.ReviewDate.IsZero() { // the date of a revocation is not that of the decision
			l.observeGroupWait(group, g.ReviewDate.Sub(r.CreatedAt.Time).Microseconds(), ref)
		}
	}
}

// observeGroupWait observes how many microseconds a group took to decide.
func (l *Ledger) observeGroupWait(group string, wait int64, ref sessionRef) {
	if wait < 0 || wait > maxDuration.Microseconds() {
		l.unobserved[GroupWait]++
		return
	}
	h := l.groupWaits[group]
	if h == nil {
		h = newHistogram(GroupWait)
		l.groupWaits[group] = h
	}
	h.observe(wait, ref)
}

// foldGroupWaits moves the waits for groups that were not admitted to "other".
func (l *Ledger) foldGroupWaits() {
	for group, h := range l.groupWaits {
		to := l.words.groups.lookup(group)
		if to == group || h.exists() {
			continue
		}
		delete(l.groupWaits, group)
		if l.groupWaits[to] == nil {
			l.groupWaits[to] = newHistogram(GroupWait)
		}
		l.groupWaits[to].add(h)
	}
}

// countAccess observes how long a jit review grants access. It is called once the review is decided.
func (c *targetCounters) countAccess(o *Options, r *client.Review, ref sessionRef) {
	if !o.NoDecisions && r.Type == client.ReviewJIT && r.AccessDuration != 0 && isGranted(r) {
		c.observe(AccessDuration, r.AccessDuration.Microseconds(), maxDuration.Microseconds(), ref)
	}
}

// isGranted reports whether a decided review was approved, even if the approval was revoked or has expired.
func isGranted(r *client.Review) bool {
	return r.Status != client.ReviewRejected &&
		(!r.RevokeAt.IsZero() || !slices.ContainsFunc(r.Groups, func(g client.ReviewGroup) bool { return g.Status == client.ReviewRejected }))
}
