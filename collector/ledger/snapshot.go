package ledger

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot holds the numbers of a ledger at one moment. It is immutable: any number of scrapes may read it while the ledger changes.
type Snapshot struct {
	// Generation counts snapshots. Give it back to [Ledger.MarkServed] when this one has been scraped.
	Generation uint64
	// At is the gateway's time that the numbers are for; T0 is the time from which counters count.
	At, T0 time.Time
	// BaselineComplete reports that the first backfill has ended: what is not there is 0.
	BaselineComplete bool
	// PendingComplete reports that the list of pending reviews has been read to its end: what is not pending there is 0.
	PendingComplete bool
	// Targets are sorted by connection and type; each pair occurs once. Label values are valid UTF-8, and bounded.
	Targets []TargetSnapshot
	// Connections are sorted by name; each occurs once.
	Connections []Connection
	// GroupWaits are how long groups took to decide, sorted by group; each occurs once.
	GroupWaits []GroupHistogram

	// Tracked counts sessions that are rechecked: unfinished ones, and those whose review has not reached a final state.
	Tracked int
	// Lost, Abandoned and Malformed count sessions that the gateway no longer shows, that were unfinished for longer than
	// forget-after, and that could not be read.
	Lost, Abandoned, Malformed uint64
	// Unobserved counts, by [Measure], values that are in no counter or histogram because they were impossible.
	Unobserved [Measures]uint64
	// Unread is how much of the gateway's past has not been read yet.
	Unread time.Duration
	// RecheckLag is how overdue the most overdue recheck of an unfinished session is.
	RecheckLag time.Duration
	// Folded counts connections that share the label value "<other>": exact below 1024, an estimate (typically within 3 %) from there on.
	Folded int
}

// Target is what a session is about: the two labels that every series of a session has.
type Target struct {
	// Connection is the connection's name, Type its type (hoop's own words).
	Connection, Type string
}

// State of a session that is not finished.
type State int

// The states, in the order of [TargetSnapshot.Open].
const (
	Pending State = iota
	Running
	Ready
	Expired
	Unknown
	States         // how many there are
	Finished State = -1
)

// String is the label value.
func (s State) String() string {
	return [...]string{"pending", "running", "ready", "expired", "unknown"}[s]
}

// Measure names a value of a session or a review that is measured, and that can be impossible.
type Measure int

// The measures.
const (
	EventSize Measure = iota
	Duration
	ReviewWait
	InputSize
	AccessDuration
	GroupWait  // it has a histogram for each group
	Redactions // this one and those after it are added to counters
	RedactedBytes
	RedactionErrors
	Measures // how many there are
)

// TargetMeasures is how many measures have a histogram for each target: the first ones.
const TargetMeasures = GroupWait

// TargetSnapshot are all numbers of one target.
type TargetSnapshot struct {
	Target

	// Open counts sessions by state.
	Open [States]int
	// RunningSince are the starts of the running sessions (or their approvals, if later), oldest first.
	RunningSince []time.Time
	// RunningUsers counts distinct users with a running session.
	RunningUsers int
	// ReadySince is the approval of the one-time session that has waited longest to be run; zero if none waits.
	ReadySince time.Time
	// OpenReviews counts reviews that have not reached a final state, by the API's status and their type, sorted. PENDING is always there.
	OpenReviews []ReviewCount
	// PendingSince are the times at which the pending reviews were requested, oldest first, as far as the API says when.
	PendingSince []time.Time
	// Approvals are the groups that still have to approve a pending review, sorted by name.
	Approvals []GroupApprovals

	// Started by verb and identity, Finished by outcome, ExitCodes by exit code; Requested reviews by their type, Resolved ones by status
	// and type. Like all counters they are sorted by their labels.
	Started, Finished, ExitCodes, Requested, Resolved []Counter
	// Redactions by info type; RedactedBytes, RedactionErrors and TruncatedRecordings without a label; GuardrailMatches by rule and
	// direction, AIAnalyses by risk level and action.
	Redactions, RedactedBytes, RedactionErrors, TruncatedRecordings, GuardrailMatches, AIAnalyses []Counter
	// Decisions of groups by group, status and whether they were forced (true, false).
	Decisions []Counter
	// Histograms by [Measure]; nil until the target's first counted session, and if the options leave it out.
	Histograms [TargetMeasures]*Histogram
}

// ReviewCount is the number of reviews with a status and a type.
type ReviewCount struct {
	Status, Type string
	Count        int
}

// GroupHistogram is the histogram of a group.
type GroupHistogram struct {
	Group string
	*Histogram
}

// GroupApprovals are the pending reviews in which a group has not approved yet.
type GroupApprovals struct {
	Group string
	Count int
	// Oldest is when the one of these that has waited longest was requested; zero if the API does not say.
	Oldest time.Time
}

// Connection is what hoop_connection_info says about a connection.
type Connection struct {
	Name, Subtype string
	// Tags has a value for each chosen tag key that the connection has.
	Tags map[string]string
}

// Counter is a counter's value as it may be shown.
type Counter struct {
	Labels  Labels
	Value   uint64
	Created time.Time
	// Exemplar is the last session that was counted; nil if there is none to show.
	Exemplar *Exemplar
}

// Exemplar points from a series to a session.
type Exemplar struct {
	// SessionID is a UUID.
	SessionID string
	// Value is what was observed; 1 for a counter.
	Value float64
	// At is when it was counted, by the exporter's clock.
	At time.Time
}

// Histogram has classic and native buckets from the same observations.
type Histogram struct {
	Created time.Time
	Count   uint64
	Sum     float64
	// Bounds are the classic buckets' upper bounds, without +Inf; Buckets are their counts, each bucket by itself
	// (not cumulative), one more than there are bounds: the last one is +Inf's.
	Bounds  []float64
	Buckets []uint64
	// Exemplars has one for each of Buckets; nil if there is none.
	Exemplars []*Exemplar

	// Schema is the native resolution: bucket i ends at 2^(i * 2^-Schema). Native is sorted by index. Zero counts observations of
	// at most ZeroThreshold.
	Schema        int32
	ZeroThreshold float64
	Zero          uint64
	Native        []NativeBucket
}

// NativeBucket is one populated bucket of a native histogram.
type NativeBucket struct {
	Index int32
	Count uint64
}

func (l *Ledger) snapshot(at time.Time, gauges map[Target]*targetGauges) *Snapshot {
	s := &Snapshot{
		Generation: l.generation, At: at, T0: l.t0,
		BaselineComplete: l.baselineComplete, PendingComplete: l.pendingComplete,
		Tracked: len(l.tracked), Lost: l.lost, Abandoned: l.abandoned, Malformed: l.malformedTotal, Unobserved: l.unobserved,
		Unread: l.unread.total(), RecheckLag: l.recheckLag(at), Folded: l.folded.count(),
	}
	names := map[string]bool{}
	for label, c := range l.counters {
		if !c.exposed {
			continue
		}
		s.Targets = append(s.Targets, c.snapshot(gauges[label]))
		names[label.Connection] = true
	}
	slices.SortFunc(s.Targets, func(a, b TargetSnapshot) int { return a.Target.compare(b.Target) })
	s.Connections = l.connectionInfos(names)
	for _, group := range sortedKeys(l.groupWaits) {
		s.GroupWaits = append(s.GroupWaits, GroupHistogram{group, l.groupWaits[group].visible()})
	}
	return s
}

func (t Target) compare(o Target) int {
	return cmp.Or(cmp.Compare(t.Connection, o.Connection), cmp.Compare(t.Type, o.Type))
}

// recheckLag is how much more than a twentieth of its age has passed since an unfinished session was last seen, for the session for which
// that is longest. Pending ones are included only after they have left the list of pending reviews: until then, that list covers them.
func (l *Ledger) recheckLag(at time.Time) time.Duration {
	var lag time.Duration
	for _, tracked := range l.tracked {
		watched := tracked.reviewPending() && !tracked.leftPendingList
		if !tracked.lost && !watched && tracked.state(tracked.lastSeen) != Finished {
			lag = max(lag, at.Sub(tracked.lastSeen)-at.Sub(tracked.start)/recheckDivisor)
		}
	}
	return lag
}
