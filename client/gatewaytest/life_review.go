package gatewaytest

import (
	"encoding/json"
	"slices"
	"time"
)

// Statuses and types of a review in the API.
const (
	pending    = "PENDING"
	approved   = "APPROVED"
	rejected   = "REJECTED"
	revoked    = "REVOKED"
	processing = "PROCESSING"
	executed   = "EXECUTED"
	unknown    = "UNKNOWN"
	expired    = "EXPIRED"   // by gateways after 1.148
	escalated  = "ESCALATED" // a word that no exporter knows

	oneTime = "onetime"
	jit     = "jit"
)

// Reviews describes how sessions request reviews and what happens to them. All portions are between 0 and 1.
type Reviews struct {
	// Reviewed is the portion of sessions that request a review. JIT is the portion of the reviews that grant access for a time; the others
	// approve one run.
	Reviewed, JIT float64
	// Apart is the portion of reviews that the gateway writes in a separate transaction after the session. For up to half a minute, such a
	// session looks as if it runs without a review.
	Apart float64
	// TwoGroups is the portion of reviews that two groups have to approve.
	TwoGroups float64
	// Wait is the mean time to the decision; the default is 5 minutes. For the portion LongWait it is 20 times as long.
	Wait     time.Duration
	LongWait float64
	// Rejected is the portion that is rejected, Undecided the portion that is never decided. All others are approved.
	Rejected, Undecided float64
	// GivenUp is the portion whose CLI stops waiting: the session is done with 254, the review still PENDING. ApprovedLater is the portion
	// of these that are approved later.
	GivenUp, ApprovedLater float64
	// Forced is the portion of the reviews by two groups that one group approves for both.
	Forced float64
	// ReadyWait is the mean time from the approval to the run; the default is 1 minute. NeverRun is the portion that stays ready.
	ReadyWait time.Duration
	NeverRun  float64
	// Access is how long jit access is granted, or half or twice of it. The default is 30 minutes.
	Access time.Duration
	// Revoked is the portion of approved jit reviews that are revoked while they are valid. Overturned is the portion of approved reviews
	// that are rejected before the session runs.
	Revoked, Overturned float64
	// NoRevokeAt is the portion of approved one-time reviews whose revoke_at stays null. Old gateways only.
	NoRevokeAt float64
	// Expired is the portion that expires undecided, and the portion of those that are never run which expires after the approval.
	// Escalated is the portion whose status is a word that no exporter knows for a part of the wait. New gateways only.
	Expired, Escalated float64
	// Again is the portion of rejected reviews after which another one of the same session is requested. That is once or twice AgainAfter
	// later, and it waits for as long. The default of AgainAfter is 2 minutes.
	Again      float64
	AgainAfter time.Duration
	// Unknown is the portion of one-time reviews that become UNKNOWN after the run. Old gateways only.
	Unknown float64
}

func (r Reviews) withDefaults() Reviews {
	if r.Wait <= 0 {
		r.Wait = 5 * time.Minute
	}
	if r.ReadyWait <= 0 {
		r.ReadyWait = time.Minute
	}
	if r.AgainAfter <= 0 {
		r.AgainAfter = 2 * time.Minute
	}
	if r.Access <= 0 {
		r.Access = 30 * time.Minute
	}
	return r
}

// timed reports whether the review grants access for a time.
func (v *Review) timed() bool { return v != nil && v.Type == jit }

// requestReviewLater schedules the review of a session that is visible without one.
func (s *sessionLife) requestReviewLater(at int64) {
	s.then(at+s.within(time.Millisecond, 30*time.Second), func(at int64) {
		s.count(EventApart)
		v := s.newReview(at)
		s.g.change(s.row, at, func(r *row) { r.ensureExtra().review = v })
		s.awaitDecision(at)
	})
}

// newReview returns a pending review.
func (s *sessionLife) newReview(created int64) *Review {
	v := &Review{ID: s.g.newKey(s.rng).String(), Type: oneTime, Status: pending, CreatedAt: timeOf(created).Truncate(time.Millisecond)}
	if s.chance(s.JIT) {
		v.Type = jit
		v.AccessDuration = []time.Duration{s.Access / 2, s.Access, 2 * s.Access}[s.rng.IntN(3)]
	}
	groups := []string{"sre", "dba", "security"}
	s.rng.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	n := 1
	if s.chance(s.TwoGroups) {
		n = 2
		s.count(EventTwoGroups)
	}
	for _, name := range groups[:n] {
		v.Groups = append(v.Groups, Group{ID: s.g.newKey(s.rng).String(), Group: name, Status: pending})
	}
	if s.chance(0.1) {
		v.TimeWindow = json.RawMessage(`{"type":"time_range","configuration":{"end_time":"18:00","start_time":"09:00"}}`)
	}
	s.count(map[string]string{oneTime: EventOneTime, jit: EventJIT}[v.Type])
	return v
}

// awaitDecision schedules the decision about a review.
func (s *sessionLife) awaitDecision(at int64) {
	mean := s.Wait
	if s.chance(s.LongWait) {
		mean *= 20
	}
	decided := at + 1000 + exponential(s.rng, mean)
	decided += 999 - (decided+999)%1000 // reviews have milliseconds
	switch x := s.rng.Float64(); {
	case x < s.Undecided:
		s.count(EventUndecided)
	case x < s.Undecided+s.GivenUp:
		s.giveUp(at)
	case x < s.Undecided+s.GivenUp+s.Rejected:
		s.then(decided, s.reject)
	case s.g.cfg.Dialect >= New2026 && x >= 1-s.Expired:
		s.then(decided, s.expire)
	default:
		s.approve(at, decided)
		if s.g.cfg.Dialect >= New2026 && s.chance(s.Escalated) {
			s.then(at+s.within(0, time.Duration(decided-at)*time.Microsecond), s.escalate)
		}
	}
}

// expire lets the deadline of a review pass. The gateway decides that when it is read, so the filter goes on finding the stored status.
func (s *sessionLife) expire(at int64) {
	before := s.g.at(s.row).reviewStatus()
	if before != pending && before != approved {
		return
	}
	s.count(map[string]string{pending: EventExpiredPending, approved: EventExpiredApproved}[before])
	s.changeReview(at, func(_ *row, v *Review) { v.Status, v.stored = expired, before })
}

// escalate gives a pending review a status that no exporter knows.
func (s *sessionLife) escalate(at int64) {
	if s.g.at(s.row).reviewStatus() != pending {
		return
	}
	s.count(EventEscalated)
	s.changeReview(at, func(_ *row, v *Review) { v.Status = escalated })
}

// giveUp schedules the end of a session whose CLI stops waiting. The review stays pending and can be approved later.
func (s *sessionLife) giveUp(at int64) {
	end := at + s.within(30*time.Second, 5*time.Minute)
	s.then(end, func(at int64) {
		s.count(EventGivenUp)
		s.writeEnd(at, 254, 0)
	})
	if s.chance(s.ApprovedLater) {
		decided := end + s.within(time.Second, 4*s.Wait)
		decided += 1000 - decided%1000
		s.approve(end, decided)
		s.then(decided, func(int64) { s.count(EventApprovedLater) })
	}
}

// reject ends a session that has not run. end_date and exit_code mostly stay null.
func (s *sessionLife) reject(at int64) {
	s.count(EventRejected)
	written := s.chance(0.1)
	s.changeReview(at, func(r *row, v *Review) {
		v.Status = rejected
		s.decide(&v.Groups[0], rejected, at)
		r.status = s.g.word("done")
		if written {
			r.end, r.exit = at, 254
		}
	})
	if s.Again > 0 && s.chance(s.Again) {
		s.then(at+s.within(s.AgainAfter, 2*s.AgainAfter), s.requestAgain)
	}
}

// requestAgain requests another review of a session whose review was rejected, and approves it later.
func (s *sessionLife) requestAgain(at int64) {
	if s.stopped {
		return
	}
	s.count(EventAgain)
	v := s.newReview(at)
	s.g.change(s.row, at, func(r *row) {
		r.ensureExtra().review = v
		r.status, r.end, r.exit = s.g.word("open"), 0, noExit
	})
	decided := at + s.within(s.AgainAfter, 2*s.AgainAfter)
	s.approve(at, decided-decided%1000)
}

// approve schedules the approvals of the groups. The last one is at the moment of the decision.
func (s *sessionLife) approve(at, decided int64) {
	v := s.g.at(s.row).review()
	forced := len(v.Groups) > 1 && s.chance(s.Forced)
	if len(v.Groups) > 1 && !forced {
		first := at + int64(s.rng.Float64()*float64(decided-at))
		first -= first % 1000
		s.then(max(first, at), func(at int64) {
			s.changeReview(at, func(_ *row, v *Review) { s.decide(&v.Groups[0], approved, at) })
		})
	}
	s.then(decided, func(at int64) {
		s.count(EventApproved)
		noRevokeAt := s.g.cfg.Dialect == Old && v.Type == oneTime && s.chance(s.NoRevokeAt)
		s.changeReview(at, func(r *row, v *Review) {
			r.status = s.g.word("ready")
			v.Status = approved
			if !noRevokeAt {
				v.RevokeAt = timeOf(at).Add(v.AccessDuration)
			}
			last := &v.Groups[len(v.Groups)-1]
			last.ForcedReview = forced
			s.decide(last, approved, at)
		})
		if forced {
			s.count(EventForced)
		}
		if noRevokeAt {
			s.count(EventNoRevokeAt)
		}
		s.awaitRun(at)
	})
}

// awaitRun schedules what happens to a session after its approval.
func (s *sessionLife) awaitRun(at int64) {
	v := s.g.at(s.row).review()
	expires := at + v.AccessDuration.Microseconds()
	runs := at + 1 + exponential(s.rng, s.ReadyWait)
	if v.Type == jit {
		s.then(expires, func(int64) {
			if r := s.g.at(s.row); r.review().Status == approved && s.g.words.at(uint32(r.status)) != "done" {
				s.count(EventExpired)
			}
		})
		if s.chance(s.Revoked) {
			s.then(at+1+int64(s.rng.Float64()*float64(expires-at-2)), s.revoke)
		}
	}
	switch {
	case s.chance(s.Overturned):
		s.then(at+1000*(1+s.within(0, s.ReadyWait)/1000), s.overturn)
	case s.chance(s.NeverRun) || v.Type == jit && runs >= expires:
		s.count(EventNeverRun)
		if s.g.cfg.Dialect >= New2026 && s.chance(s.Expired) {
			deadline := s.within(time.Second, time.Hour)
			if v.Type == jit {
				deadline = s.within(0, v.AccessDuration)
			}
			s.then(at+deadline, s.expire)
		}
	default:
		s.then(runs, s.startRun)
	}
}

// startRun runs an approved session. Old gateways leave it ready unless it was started through the API.
func (s *sessionLife) startRun(at int64) {
	if s.g.at(s.row).reviewStatus() != approved {
		return
	}
	stays := s.g.cfg.Dialect == Old && !s.api
	if stays {
		s.count(EventReadyRunning)
	}
	s.changeReview(at, func(r *row, v *Review) {
		if !stays {
			r.status = s.g.word("open")
		}
		if v.Type == oneTime {
			v.Status = processing
		}
	})
	s.run(at)
}

// resolveAfterRun schedules the final status of a one-time review whose session ended. Old gateways leave it PROCESSING if the CLI ran the
// session.
func (s *sessionLife) resolveAfterRun(at int64) {
	if s.g.cfg.Dialect == Old && !s.api {
		s.count(EventProcessing)
		return
	}
	status, event := executed, EventExecuted
	if s.g.cfg.Dialect == Old && s.chance(s.Unknown) {
		status, event = unknown, EventUnknown
	}
	delay := min(1+exponential(s.rng, 2*time.Second), (30 * time.Second).Microseconds())
	s.then(at+delay, func(at int64) {
		s.count(event)
		s.changeReview(at, func(_ *row, v *Review) { v.Status = status })
	})
}

// revoke revokes jit access. The session is over then, even if its status stays open.
func (s *sessionLife) revoke(at int64) {
	if s.g.at(s.row).reviewStatus() != approved || s.g.words.at(uint32(s.g.at(s.row).status)) == "done" {
		return
	}
	s.count(EventRevoked)
	x := s.rng.Float64()
	if x < 0.25 {
		s.count(EventRevokedOpen)
	}
	s.changeReview(at, func(r *row, v *Review) {
		v.Status = revoked
		s.decide(&v.Groups[0], revoked, at-at%1000)
		switch {
		case x < 0.25:
		case x < 0.45:
			r.status, r.end, r.exit = s.g.word("done"), at, 254
		default:
			r.status = s.g.word("done")
		}
	})
}

// overturn rejects a review that was approved and has not been run.
func (s *sessionLife) overturn(at int64) {
	if s.g.at(s.row).reviewStatus() != approved {
		return
	}
	s.count(EventOverturned)
	s.changeReview(at, func(r *row, v *Review) {
		v.Status = rejected
		s.decide(&v.Groups[0], rejected, at)
		r.status = s.g.word("done")
	})
}

// decide records the decision of a group.
func (s *sessionLife) decide(d *Group, status string, at int64) {
	d.Status, d.ReviewedBy, d.ReviewDate = status, approver(d.Group), timeOf(at).Truncate(time.Millisecond)
}

// changeReview changes the review of a session. It copies the review first, because the memory of the row may keep the old one.
func (s *sessionLife) changeReview(at int64, f func(*row, *Review)) {
	s.g.change(s.row, at, func(r *row) {
		v := *r.extra.review
		v.Groups = slices.Clone(v.Groups)
		f(r, &v)
		r.extra.review = &v
	})
}
