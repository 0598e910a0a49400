package collector

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// keeper knows whose sessions the ledger is about, and keeps it in a file of theirs if there is a folder for that. It is Run's alone.
type keeper struct {
	known bool // whose sessions they are
	id    state.Identity
	shown string       // the organisation of the first row that told one
	store *state.Store // nil: nothing is kept
}

// identity is whose sessions the credential shows, through the filters of the configuration.
func (c Config) identity(who *client.UserInfo) state.Identity {
	id := state.Identity{
		Organisation: who.OrgID, Limited: !who.SeesAllSessions(),
		Connection: c.Connection, Type: c.Type, User: c.User, ReviewApprover: c.ReviewApprover,
	}
	if id.Limited {
		id.Subject = who.ID
	}
	return id
}

// errUnasked is no trouble: the gateway could not be asked yet whose credential it is, because the duty, or what it wants of others at its address,
// did not allow it.
var errUnasked = errors.New("it is not known yet whose sessions the credential shows")

// keep sees to it that what is asked for belongs to the ledger: it takes the ledger from its file once it is known whose sessions they are,
// and fails as long as the credential shows somebody else's. Nothing may be asked then.
func (c *Collector) keep(now time.Time) error {
	k, who := &c.keeper, c.gateway.who
	switch {
	case who == nil && c.cfg().State == nil:
		return nil
	case c.cfg().State != nil && c.gateway.whoErr == nil && (who == nil || c.gateway.doubted):
		return errUnasked
	case who == nil:
		return fmt.Errorf("the gateway has not told the organization, by which the state file is named: %w", c.gateway.whoErr)
	case c.cfg().State != nil && c.gateway.doubted:
		return fmt.Errorf("the gateway has not told whose sessions the new credential shows: %w", c.gateway.whoErr)
	case !k.known && (c.cfg().State != nil || k.shown == "" || k.shown == who.OrgID || who.OrgID == ""):
		return c.take(c.cfg().identity(who), now)
	}
	err := c.same(c.cfg().identity(who))
	if soon := now.Add(identifyAgain); err != nil && soon.Before(c.gateway.identify) {
		c.gateway.identify = soon
	}
	return err
}

// same fails where the credential has become one that shows other sessions than the ledger is about. Without a file, a credential that shows more
// or less of the same organisation makes no ledger wrong that was not so before.
func (c *Collector) same(id state.Identity) error {
	was := c.keeper.id
	was.Organisation = cmp.Or(was.Organisation, c.keeper.shown)
	if id.Organisation != was.Organisation && id.Organisation != "" && was.Organisation != "" {
		return fmt.Errorf("the credential belongs to organization %q now, and what was counted here belongs to %q: give one of that, or start again (in a configuration file: give the gateway another name)", id.Organisation, was.Organisation)
	}
	if c.keeper.store != nil && id != was {
		return errors.New("the credential does not show the same sessions as before (its role or its user has changed), and what was counted is about those:" +
			" give one as before, or start again (in a configuration file: give the gateway another name) to count in a file of its own")
	}
	return nil
}

// take takes the ledger from its file. Where that is used by another process, or cannot be read by this one, it is tried again at the next refresh.
func (c *Collector) take(id state.Identity, now time.Time) error {
	k := &c.keeper
	if c.cfg().State == nil {
		k.known, k.id = true, id
		return nil
	}
	store, err := state.Open(c.cfg().State, id)
	if err != nil {
		return err
	}
	options := c.cfg().planning()
	found, err := store.Load(options.Ledger, now)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	k.known, k.id, k.store = true, id, store
	if found.Damage != nil {
		level.Error(c.cfg().Logger).Log("msg", "the state file cannot be read and was put aside: counting begins anew", "err", found.Damage, "file", store.Name(), "aside", found.Aside)
	}
	l := found.Ledger
	if l == nil {
		level.Info(c.cfg().Logger).Log("msg", "counting begins", "state", store.Name())
		return nil
	}
	level.Info(c.cfg().Logger).Log("msg", "counting goes on", "state", store.Name(), "since", l.T0(), "read_until", l.Head())
	options.Restored = l
	c.planner = planner.New(options, c.purse)
	last := c.published.Load()
	c.published.Store(&published{at: last.at, status: last.status, counted: l.Shown()})
	return nil
}

// save writes the ledger down. What a snapshot says may be shown once that is done.
func (c *Collector) save(l *ledger.Ledger, now time.Time) error {
	if c.keeper.store == nil {
		return nil
	}
	image, err := l.Image()
	if err == nil {
		err = c.keeper.store.Save(image, now)
	}
	if err != nil {
		c.instruments.stateSaveFailed()
		c.log.trouble("state", "the state cannot be saved: counters stay at their last saved values until it can", err)
		return err
	}
	c.log.over("state")
	return nil
}

// leave writes down what was read since the last time, and lets other processes have the file.
func (c *Collector) leave() {
	if c.keeper.store == nil {
		return
	}
	if l := c.planner.Ledger(); l != nil {
		now := c.cfg().clock()
		l.Commit(c.planner.GatewayTime(now), now)
		_ = c.save(l, now) // it was logged, and nobody was shown any of it
	}
	if err := c.keeper.store.Close(); err != nil {
		level.Warn(c.cfg().Logger).Log("msg", "leaving the state file", "err", err)
	}
}

// foreign fails where a page has rows of another organisation than the ledger's: a credential was exchanged for one of somebody else.
func (k *keeper) foreign(page *client.SessionPage) error {
	for i := range page.Sessions {
		org := page.Sessions[i].OrgID
		if org == "" {
			continue
		}
		if k.shown == "" {
			k.shown = cmp.Or(k.id.Organisation, org)
		}
		if org != k.shown {
			return fmt.Errorf("the sessions are of organization %q, and what was counted here is of %q: give a credential of that, or start again (in a configuration file: give the gateway another name)", org, k.shown)
		}
	}
	return nil
}
