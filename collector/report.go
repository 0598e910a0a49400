package collector

import (
	"cmp"
	"errors"
	"time"

	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// progressEvery is how often the log says how far the backfill is.
const progressEvery = time.Minute

// errFarFuture is why a session is skipped.
var errFarFuture = errors.New("it starts hours after the gateway's time: the clock of the gateway that wrote it is wrong, or was")

// errHidden is the error for a list that lacks sessions it had before.
var errHidden = errors.New("sessions are missing from the gateway's list: check the gateway's database and what the credential may see; a session that is missing for longer than three times --sessions.overlap is not counted")

// reportPage logs the parts of a page that cannot be used.
func (r *refresher) reportPage(page *client.SessionPage, now time.Time) {
	for _, second := range r.planner.Skipped() {
		r.log.FailedOnce(second.Start.String(), "some sessions are not counted", second.Err, "second", second.Start)
	}
	if n := r.planner.Hidden(); n > 0 {
		r.log.Failed("hidden", "the gateway shows fewer sessions than before", errHidden, "missing", n)
	} else {
		r.log.Recovered("hidden")
	}
	r.instruments.MalformedFields(page.MalformedFields)
	for _, f := range page.MalformedFields {
		r.log.FailedOnce("field "+f.Name, "a field cannot be used and counts as absent", f.Err)
	}
	for _, m := range page.Malformed {
		r.log.FailedOnce("malformed "+cmp.Or(m.ID, m.Digest), "a session cannot be read and is skipped", m.Err, "session_id", m.ID)
	}
	for i := range page.Sessions {
		if s := &page.Sessions[i]; ledger.TooFarAhead(r.planner.GatewayTime(now), s.StartDate.Time) {
			r.log.FailedOnce("far future", "a session starts in a far future and is skipped", errFarFuture, "session_id", s.ID, "start", s.StartDate)
		}
	}
}

// errSlowReplica is why sessions are not counted.
var errSlowReplica = errors.New("the Date of some answers is behind by more than --sessions.overlap: they come from a cache, or from a replica of the gateway whose clock is behind; exclude the API from the cache, or correct the clock")

// reportClock logs what the last answer has revealed about the gateway's clock.
func (r *refresher) reportClock() {
	if ahead, doubtful := r.planner.Doubt(r.cfg().clock()); doubtful {
		r.log.Failed("clock", "waiting for a minute or two until the gateway's time is known: nothing is read", errClocksDiffer, "gateway_ahead", ahead.Round(time.Second))
		return
	}
	r.log.Recovered("clock")
	if behind, slow := r.planner.SlowReplica(); slow {
		r.log.Failed("replica clock", "sessions that a slow replica of the gateway writes are not counted", errSlowReplica, "behind", behind.Round(time.Second))
	} else {
		r.log.Recovered("replica clock")
	}
	if step, ok := r.planner.TakeStep(); ok {
		r.instruments.GatewayClockStepped()
		_ = level.Warn(r.cfg().Logger).Log("msg", "the gateway's clock went back (or this machine's went ahead while the exporter did not run): sessions of the last day are read again, and each is counted once",
			"back", step.Back.Round(time.Second), "counted_from", step.From)
	}
}

// reportBackfill logs how far the backfill is, and its end. When the first one is complete, it ends the wait for that. This comes after the
// publication: whatever waits may scrape at once, and has to see the complete numbers.
func (r *refresher) reportBackfill(p *published, complete bool, now time.Time) {
	if p.snapshot == nil {
		return
	}
	logger := level.Info(r.cfg().Logger)
	if u := p.snapshot.Unread; u > 0 && now.Sub(r.progressLogged) >= progressEvery {
		r.progressLogged, r.backfilling = now, true
		_ = logger.Log("msg", "backfill in progress", "unread", u.Round(time.Second), "tracked_sessions", p.snapshot.Tracked)
	}
	if !complete {
		return
	}
	if !r.complete || r.backfilling {
		_ = logger.Log("msg", "backfill complete", "lookback", r.cfg().Lookback, "tracked_sessions", p.snapshot.Tracked)
	}
	if !r.complete {
		close(r.backfilled)
	}
	r.complete, r.backfilling = true, false
}
