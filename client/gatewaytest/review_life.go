package gatewaytest

import (
	"encoding/json"
	"slices"
	"time"
)

// The API's words for a review.
const (
	pending    = "PENDING"
	approved   = "APPROVED"
	rejected   = "REJECTED"
	revoked    = "REVOKED"
	processing = "PROCESSING"
	executed   = "EXECUTED"
	unknown    = "UNKNOWN"

	oneTime = "onetime"
	jit     = "jit"
)

// Reviews says how sessions ask for reviews and what becomes of these.
type Reviews struct {
	// Share of all sessions ask for a review: JIT of these for a while, the others for one run.
	Share, JIT float64
	// Apart is the share of reviews that the gateway writes in a transaction of its own, and so later than the session: for up
	// to half a minute the session looks like one that runs without a review.
	Apart float64
	// TwoGroups is the share of reviews that two groups have to approve.
	TwoGroups float64
	// Wait is the mean time to the decision, 5 minutes by default; for the share LongWait it is 20 times as long.
	Wait     time.Duration
	LongWait float64
	// Rejected is the share that is rejected, Undecided the share that nobody ever decides about; all others are approved.
	Rejected, Undecided float64
	// GivenUp is the share of requests given up by the CLI: done with 254, the review still PENDING. ApprovedLater
	// of these are approved nevertheless.
	GivenUp, ApprovedLater float64
	// Forced is the share of reviews by two groups that one of them approves for both.
	Forced float64
	// ReadyWait is the mean time from approval to the run, 1 minute by default. NeverRun is the share that stays ready.
	ReadyWait time.Duration
	NeverRun  float64
	// Access is for how long jit access is given, or twice or half of it; 30 minutes by default.
	Access time.Duration
	// Revoked is the share of approved jit reviews that are revoked while valid, Overturned the share of approved ones
	// that are rejected before they are run.
	Revoked, Overturned float64
	// NoRevokeAt is the share of approved one-time reviews whose revoke_at stays null. Old gateways only.
	NoRevokeAt float64
	// Unknown is the share of run one-time reviews that become UNKNOWN. Old gateways only.
	Unknown float64
}

func (r Reviews) filled() Reviews {
	if r.Wait <= 0 {
		r.Wait = 5 * time.Minute
	}
	if r.ReadyWait <= 0 {
		r.ReadyWait = time.Minute
	}
	if r.Access <= 0 {
		r.Access = 30 * time.Minute
	}
	return r
}

// timed tells whether the review gives access for a while.
func (v *Review) timed() bool { return v != nil && v.Type == jit }

// ask is where a session that could be seen without a review gets one.
func (s *story) ask(at int64) {
	s.then(at+s.within(time.Millisecond, 30*time.Second), func(at int64) {
		s.count(KindApart)
		v := s.newReview(at)
		s.g.change(s.row, at, func(r *row) { r.extra().review = v })
		s.await(at)
	})
}

// newReview is a review as it is asked for.
func (s *story) newReview(created int64) *Review {
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
		s.count(KindTwoGroups)
	}
	for _, name := range groups[:n] {
		v.Groups = append(v.Groups, Group{ID: s.g.newKey(s.rng).String(), Group: name, Status: pending})
	}
	if s.chance(0.1) {
		v.TimeWindow = json.RawMessage(`{"type":"time_range","configuration":{"end_time":"18:00","start_time":"09:00"}}`)
	}
	s.count(map[string]string{oneTime: KindOneTime, jit: KindJIT}[v.Type])
	return v
}

// await is where a session waits for its review.
func (s *story) await(at int64) {
	mean := s.Wait
	if s.chance(s.LongWait) {
		mean *= 20
	}
	decided := at + 1000 + exponential(s.rng, mean)
	decided += 999 - (decided+999)%1000 // reviews have milliseconds
	switch x := s.rng.Float64(); {
	case x < s.Undecided:
		s.count(KindUndecided)
	case x < s.Undecided+s.GivenUp:
		s.giveUp(at)
	case x < s.Undecided+s.GivenUp+s.Rejected:
		s.then(decided, s.reject)
	default:
		s.approve(at, decided)
	}
}

// giveUp is where the CLI does not wait any longer; the review does, and may still be approved.
func (s *story) giveUp(at int64) {
	end := at + s.within(30*time.Second, 5*time.Minute)
	s.then(end, func(at int64) {
		s.count(KindGivenUp)
		s.done(at, 254, 0)
	})
	if s.chance(s.ApprovedLater) {
		decided := end + s.within(time.Second, 4*s.Wait)
		decided += 1000 - decided%1000
		s.approve(end, decided)
		s.then(decided, func(int64) { s.count(KindApprovedLater) })
	}
}

// reject ends a session that has not run, with end_date and exit_code null mostly.
func (s *story) reject(at int64) {
	s.count(KindRejected)
	written := s.chance(0.1)
	s.review(at, func(r *row, v *Review) {
		v.Status = rejected
		s.say(&v.Groups[0], rejected, at)
		r.status = s.g.word("done")
		if written {
			r.end, r.exit = at, 254
		}
	})
}

// approve has the groups say yes, the last of them at the moment of the decision.
func (s *story) approve(at, decided int64) {
	v := s.g.at(s.row).review()
	forced := len(v.Groups) > 1 && s.chance(s.Forced)
	if len(v.Groups) > 1 && !forced {
		first := at + int64(s.rng.Float64()*float64(decided-at))
		first -= first % 1000
		s.then(max(first, at), func(at int64) {
			s.review(at, func(_ *row, v *Review) { s.say(&v.Groups[0], approved, at) })
		})
	}
	s.then(decided, func(at int64) {
		s.count(KindApproved)
		noRevokeAt := s.g.cfg.Dialect == Old && v.Type == oneTime && s.chance(s.NoRevokeAt)
		s.review(at, func(r *row, v *Review) {
			r.status = s.g.word("ready")
			v.Status = approved
			if !noRevokeAt {
				v.RevokeAt = timeOf(at).Add(v.AccessDuration)
			}
			last := &v.Groups[len(v.Groups)-1]
			last.ForcedReview = forced
			s.say(last, approved, at)
		})
		if forced {
			s.count(KindForced)
		}
		if noRevokeAt {
			s.count(KindNoRevokeAt)
		}
		s.ready(at)
	})
}

// ready is where an approved session waits to be run.
func (s *story) ready(at int64) {
	v := s.g.at(s.row).review()
	expires := at + v.AccessDuration.Microseconds()
	runs := at + 1 + exponential(s.rng, s.ReadyWait)
	if v.Type == jit {
		s.then(expires, func(int64) {
			if r := s.g.at(s.row); r.review().Status == approved && s.g.words.at(uint32(r.status)) != "done" {
				s.count(KindExpired)
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
		s.count(KindNeverRun)
	default:
		s.then(runs, s.begin)
	}
}

// begin is where an approved session is run. Old gateways leave it ready unless it came by the API.
func (s *story) begin(at int64) {
	if s.g.at(s.row).reviewStatus() != approved {
		return
	}
	stays := s.g.cfg.Dialect == Old && !s.api
	if stays {
		s.count(KindReadyRunning)
	}
	s.review(at, func(r *row, v *Review) {
		if !stays {
			r.status = s.g.word("open")
		}
		if v.Type == oneTime {
			v.Status = processing
		}
	})
	s.run(at)
}

// executed is what becomes of a one-time review whose session has just ended: nothing, where an old gateway's CLI ran it.
func (s *story) executed(at int64) {
	if s.g.cfg.Dialect == Old && !s.api {
		s.count(KindProcessing)
		return
	}
	status, kind := executed, KindExecuted
	if s.g.cfg.Dialect == Old && s.chance(s.Unknown) {
		status, kind = unknown, KindUnknown
	}
	moment := min(1+exponential(s.rng, 2*time.Second), (30 * time.Second).Microseconds())
	s.then(at+moment, func(at int64) {
		s.count(kind)
		s.review(at, func(_ *row, v *Review) { v.Status = status })
	})
}

// revoke takes jit access back. The session is over then, though it may not look like it.
func (s *story) revoke(at int64) {
	if s.g.at(s.row).reviewStatus() != approved || s.g.words.at(uint32(s.g.at(s.row).status)) == "done" {
		return
	}
	s.count(KindRevoked)
	x := s.rng.Float64()
	if x < 0.25 {
		s.count(KindRevokedOpen)
	}
	s.review(at, func(r *row, v *Review) {
		v.Status = revoked
		s.say(&v.Groups[0], revoked, at-at%1000)
		switch {
		case x < 0.25:
		case x < 0.45:
			r.status, r.end, r.exit = s.g.word("done"), at, 254
		default:
			r.status = s.g.word("done")
		}
	})
}

// overturn rejects what was approved and has not been run.
func (s *story) overturn(at int64) {
	if s.g.at(s.row).reviewStatus() != approved {
		return
	}
	s.count(KindOverturned)
	s.review(at, func(r *row, v *Review) {
		v.Status = rejected
		s.say(&v.Groups[0], rejected, at)
		r.status = s.g.word("done")
	})
}

// say is a group's word.
func (s *story) say(d *Group, status string, at int64) {
	d.Status, d.ReviewedBy, d.ReviewDate = status, approver(d.Group), timeOf(at).Truncate(time.Millisecond)
}

// review changes a session's review. The groups are copied first: what was remembered keeps its own.
func (s *story) review(at int64, f func(*row, *Review)) {
	s.g.change(s.row, at, func(r *row) {
		v := *r.more.review
		v.Groups = slices.Clone(v.Groups)
		f(r, &v)
		r.more.review = &v
	})
}
