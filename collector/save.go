package collector

import (
	"context"
	"errors"
	"time"

	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// saveTimeout bounds each save, and openTimeout the opening and reading of a state, so that a database that does not answer cannot keep the
// refresher from noticing that it has to end.
const (
	saveTimeout = 10 * time.Second
	openTimeout = time.Minute
)

// stateError is why the state cannot be opened or read. Its cause can look like a failure of the gateway, because a database can time out,
// too.
type stateError struct{ cause error }

func (e stateError) Error() string { return e.cause.Error() }

func (e stateError) Unwrap() error { return e.cause }

// openState opens the state of an identity and restores its ledger, if state is saved at all. If another process uses the state, or this
// one cannot read it, the next refresh tries again.
func (r *refresher) openState(ctx context.Context, owner state.Identity, now time.Time) error {
	cfg := r.cfg()
	if cfg.State == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	record, err := state.Open(ctx, cfg.State, owner)
	if err != nil {
		r.loseIfFenced(err)
		return stateError{err}
	}
	options := cfg.plannerOptions()
	found, err := record.Load(ctx, options.Ledger, now)
	if err != nil {
		r.loseIfFenced(err)
		return stateError{errors.Join(err, record.Close())}
	}
	r.record = record
	if found.Damage != nil {
		_ = level.Error(cfg.Logger).Log("msg", "the state cannot be read and was moved aside: counting starts again", "err", found.Damage, "state", record.Name(), "aside", found.Aside)
	}
	l := found.Ledger
	if l == nil {
		_ = level.Info(cfg.Logger).Log("msg", "counting starts", "state", record.Name())
		return nil
	}
	_ = level.Info(cfg.Logger).Log("msg", "counting continues", "state", record.Name(), "since", l.T0(), "read_until", l.Head())
	options.Restored = l
	r.planner = planner.New(options, r.share)
	last := r.published.Load()
	r.published.Store(&published{at: last.at, status: last.status, counted: l.Restored()})
	return nil
}

// save saves the ledger, and returns the counters that may now be shown.
func (r *refresher) save(ctx context.Context, unsaved ledger.Unsaved, now time.Time) (ledger.Saved, error) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	saved, err := unsaved.Save(func(l *ledger.Ledger) error {
		if r.record == nil {
			return nil
		}
		image, err := l.Image()
		if err != nil {
			return err
		}
		return r.record.Save(ctx, image, now)
	})
	switch {
	case r.loseIfFenced(err): // the log says so when the collector ends
	case err != nil:
		r.instruments.StateSaveFailed()
		r.log.Failed("state", "the state cannot be saved: counters stay at their last saved values until it can", err)
	default:
		r.log.Recovered("state")
	}
	return saved, err
}

// loseIfFenced ends the collector if an error says that another process now has the state: what this one counts can neither be saved nor
// shown.
func (r *refresher) loseIfFenced(err error) bool {
	if !errors.Is(err, state.ErrFenced) {
		return false
	}
	r.lose()
	return true
}

// closeState saves what was read since the last save, unless another process has the state, and releases the state for other processes.
func (r *refresher) closeState(ctx context.Context) {
	if r.record == nil {
		return
	}
	if l := r.planner.Ledger(); l != nil && !r.isLost() {
		now := r.cfg().clock()
		_, _ = r.save(ctx, l.Finish(r.planner.GatewayTime(now), now), now) // a failure was logged, and none of it was shown
	}
	if err := r.record.Close(); err != nil {
		_ = level.Warn(r.cfg().Logger).Log("msg", "closing the state failed", "state", r.record.Name(), "err", err)
	}
}
