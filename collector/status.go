package collector

import (
	"errors"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
)

// Status is what a status page shows of one gateway: plain numbers and short texts. It names no person, no session and no address. All
// times are by the exporter's clock.
type Status struct {
	// At is when the status was taken.
	At time.Time
	// Attempted reports that a refresh has queried the gateway, whatever the result.
	Attempted bool
	// Up is the value of hoop_up.
	Up bool
	// Failed reports that the last refresh failed.
	Failed bool
	// Withheld reports that gauges are withheld, because no refresh has succeeded for too long. Then Counts is nil.
	Withheld bool
	// LastRefresh is when the last refresh ended, LastSuccess when one last succeeded; zero before the first.
	LastRefresh, LastSuccess time.Time
	// Reason is why the last refresh failed, without anything that the gateway said; "" unless Failed.
	Reason string
	// NextTry is the earliest time at which a refresh queries the gateway again; zero unless Failed.
	NextTry time.Time
	// Version is the gateway's version; "" if it is not known.
	Version string

	// RequestsPerMinute and Busy are the requests to the gateway within the last five minutes: how many a minute, and the fraction of the
	// time that they took.
	RequestsPerMinute, Busy float64
	// Budget is the fraction of the time that requests may take now.
	Budget float64

	// Lookback is the time that the first backfill reads, Unread how much of the past has not been read: Lookback before the first good
	// answer.
	Lookback, Unread time.Duration
	// Backfilled reports that the first backfill is complete.
	Backfilled bool
	// Counts are the sessions and reviews that are open; nil before the first good answer, and while they are withheld.
	Counts *Counts

	// Role is the credential's role in the gateway's words; "" before the gateway reports it. Limited reports that this role sees only part
	// of the sessions.
	Role    string
	Limited bool
	// CredentialExpiry is when the credential expires; zero if that is not known, or it does not expire.
	CredentialExpiry time.Time
}

// Counts are the sessions and reviews of a gateway that are open.
type Counts struct {
	// Pending, Running, Ready, Expired and Unknown are the open sessions by state. Before the first backfill is complete there may be more.
	Pending, Running, Ready, Expired, Unknown int
	// Waiting is the number of reviews that wait for a decision, and OldestWait how long the oldest of them has waited; 0 if none waits, or
	// that is not known.
	Waiting    int
	OldestWait time.Duration
}

// Open is the number of open sessions.
func (c Counts) Open() int { return c.Pending + c.Running + c.Ready + c.Expired + c.Unknown }

// Status returns the state of the gateway as it was published last. It makes no request, and does not wait.
func (c *Collector) Status() Status {
	set, p := c.settings.Load(), c.published.Load()
	now := set.clock()
	v := p.view(set.Config, now)
	s := Status{
		At: now, Attempted: p.status.attempted, Up: v.Up, Failed: p.status.attempted && !p.status.up, Withheld: v.Withheld,
		LastRefresh: p.status.ended, LastSuccess: v.LastSuccess, Version: v.Version,
		Budget: set.Budget, Lookback: set.Lookback, Unread: set.Lookback, Role: p.status.role, Limited: v.VisibilityLimited,
		CredentialExpiry: p.status.credentialExpiry,
	}
	if s.Failed {
		s.Reason, s.NextTry = reason(p.status.err), p.status.nextTry
	}
	s.RequestsPerMinute, s.Busy = c.usage.recent(time.Now())
	if p.snapshot == nil {
		return s
	}
	s.Unread, s.Backfilled = p.snapshot.Unread, p.snapshot.BaselineComplete
	if !s.Backfilled {
		s.Budget = max(s.Budget, planner.FirstBackfillBudget)
	}
	if !s.Withheld {
		s.Counts = countsOf(p.snapshot, v.Now)
	}
	return s
}

// countsOf adds up the open sessions and reviews of all targets; now is the gateway's time.
func countsOf(s *ledger.Snapshot, now time.Time) *Counts {
	out := &Counts{}
	var oldest time.Time
	for i := range s.Targets {
		t := &s.Targets[i]
		out.Pending += t.Open[ledger.Pending]
		out.Running += t.Open[ledger.Running]
		out.Ready += t.Open[ledger.Ready]
		out.Expired += t.Open[ledger.Expired]
		out.Unknown += t.Open[ledger.Unknown]
		for _, r := range t.OpenReviews {
			if r.Status == client.ReviewPending {
				out.Waiting += r.Count
			}
		}
		if len(t.PendingSince) > 0 && (oldest.IsZero() || t.PendingSince[0].Before(oldest)) {
			oldest = t.PendingSince[0]
		}
	}
	if !oldest.IsZero() {
		out.OldestWait = max(0, now.Sub(oldest))
	}
	return out
}

// reason says in this program's own words why a refresh failed: a page that anyone may open must not repeat what a gateway, a proxy or a
// database said, which can be about a person. The log has all of it.
func reason(err error) string {
	if text := client.Summary(err); text != "" {
		return text
	}
	for _, own := range []error{errStuck, errTermEnded, errClocksDiffer, errBudget, planner.ErrNoDate, planner.ErrCopy, planner.ErrOld} {
		if errors.Is(err, own) {
			return own.Error()
		}
	}
	if own, ok := errors.AsType[ownerError](err); ok {
		return own.Error()
	}
	return "the last refresh was not complete: the log says why"
}
