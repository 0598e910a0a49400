package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/failurelog"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

const (
	// identifyEvery is how often the user of the credential is read, or more often: roles change, and the gateway shows a lower role fewer
	// sessions, without an error. The interval is at most a third of the allowed lateness, so sessions that were not shown before the change
	// is noticed can still be counted.
	identifyEvery = 5 * time.Minute
	// identifyAgain is how soon after a failure it is read again.
	identifyAgain = time.Minute
	// identifyFirst is how soon after a failure, if no other request can be made before the user is known.
	identifyFirst = 10 * time.Second
)

// identity is whose sessions are counted. Always holds: once it is known whose sessions the ledger is about, no others are applied to it;
// and if the ledger is saved, nothing is applied before that is known.
//
// Order within a refresh: identify if it is needed, checkIdentity, then the requests for sessions, with checkRows for each page; identify
// at the end if it was not needed at the start.
type identity struct {
	// Of the credential:
	user     *client.UserInfo // who it belongs to, as the gateway last reported; nil: not yet
	err      error            // why the last request for the user failed
	replaced bool             // the credential was replaced after user was reported
	limited  bool             // it does not see all sessions
	next     time.Time        // when to request the user again

	// Of the ledger:
	known        bool           // owner is set
	owner        state.Identity // whose sessions it is about
	organization string         // of the first row that named one
}

// needed reports whether no other request may be made before the gateway has reported who the credential belongs to: the state is named
// after that user's organization, and a new credential may be another user's.
func (i *identity) needed(saving bool) bool { return saving && i.user == nil || i.replaced }

// nextTry is when the user is read again, for the log; nothing if reading it did not fail.
func (i *identity) nextTry() []any {
	if i.err == nil {
		return nil
	}
	return []any{"next_try", failurelog.Moment(i.next)}
}

// role is the credential's role; "" before the gateway has reported it.
func (i *identity) role() string {
	if i.user == nil {
		return ""
	}
	return i.user.Role
}

// ownerError is why the credential's sessions cannot be counted here. It names organizations, and no person.
type ownerError string

func (e ownerError) Error() string { return string(e) }

// errIdentityPending is not a failure: the budget of the address, or a Retry-After, has not allowed the request for the user yet.
var errIdentityPending = errors.New("it is not known yet which sessions the credential shows")

// errIncompleteUser is why an answer about the user is not used: the state is named after the user, so it would be another state.
var errIncompleteUser = errors.New("get user info: the answer lacks the organization, the role or the id of the user: check any proxy in between")

// namesState reports whether it is known whose sessions a user sees: those of an organization or, if it sees only a part, of the user.
func namesState(user *client.UserInfo) bool {
	return user.OrgID != "" && user.Role != "" && (user.SeesAllSessions() || user.ID != "")
}

// identityOf is whose sessions a user sees through the filters of the configuration.
func (c Config) identityOf(user *client.UserInfo) state.Identity {
	id := state.Identity{Organization: user.OrgID, Limited: !user.SeesAllSessions(), Filters: c.Filters}
	if id.Limited {
		id.Subject = user.ID
	}
	return id
}

// checkIdentity fails while the credential does not show the sessions that the ledger is about. As long as it fails, no sessions may be
// requested. Once it is known whose sessions these are, it restores their ledger.
func (r *refresher) checkIdentity(ctx context.Context, now time.Time) error {
	i, saving := &r.identity, r.cfg().State != nil
	switch {
	case i.user == nil && !saving:
		return nil
	case saving && i.err == nil && (i.user == nil || i.replaced):
		return errIdentityPending
	case i.user == nil:
		return fmt.Errorf("%w; until the gateway reports the organization, the name of the state is not known", i.err)
	case saving && i.replaced:
		return fmt.Errorf("%w; until the gateway reports the user, it is not known which sessions the new credential shows", i.err)
	case !i.known && (saving || i.organization == "" || i.organization == i.user.OrgID || i.user.OrgID == ""):
		owner := r.cfg().identityOf(i.user)
		if err := r.openState(ctx, owner, now); err != nil {
			return err
		}
		i.known, i.owner = true, owner
		return nil
	}
	err := i.checkOwner(r.cfg().identityOf(i.user), r.record != nil)
	if soon := now.Add(identifyAgain); err != nil && soon.Before(i.next) {
		i.next = soon
	}
	return err
}

// checkOwner fails if the credential now shows other sessions than the ledger is about. Without a state, a credential that shows more or
// fewer sessions of the same organization is accepted: that makes no correct ledger wrong.
func (i *identity) checkOwner(now state.Identity, saved bool) error {
	was := i.owner
	was.Organization = cmp.Or(was.Organization, i.organization)
	if now.Organization != was.Organization && now.Organization != "" && was.Organization != "" {
		return ownerError(fmt.Sprintf("the credential belongs to organization %q, but the counters belong to %q: use a credential of that organization, or restart the exporter (in a configuration file: give the gateway another name)", now.Organization, was.Organization))
	}
	if saved && now != was {
		return ownerError("the credential does not show the same sessions as before (its role or its user has changed), but the counters are about those:" +
			" use one like the old one, or restart the exporter (in a configuration file: give the gateway another name) to start new counters")
	}
	return nil
}

// checkRows fails if a page has rows of another organization than the ledger's: the credential was replaced by one of another organization.
func (i *identity) checkRows(page *client.SessionPage) error {
	for n := range page.Sessions {
		org := page.Sessions[n].OrgID
		if org == "" {
			continue
		}
		if i.organization == "" {
			i.organization = cmp.Or(i.owner.Organization, org)
		}
		if org != i.organization {
			return ownerError(fmt.Sprintf("the sessions are of organization %q, but the counters are of %q: use a credential of that organization, or restart the exporter (in a configuration file: give the gateway another name)", org, i.organization))
		}
	}
	return nil
}

// identify reads who the credential belongs to, if that is due. A user who is neither admin nor auditor gets fewer sessions, and the
// answers do not say so; the exporter has to. logged is the refresh's failure, which is already in the log: a failure here for the same
// reason is not logged again.
func (r *refresher) identify(ctx context.Context, now time.Time, logged error) {
	i := &r.identity
	if now.Before(i.next) {
		return
	}
	var user *client.UserInfo
	made, leave, err := r.requestOther(ctx, func(ctx context.Context) (took time.Duration, err error) {
		now = r.cfg().clock() // it may have waited for its turn
		user, took, err = r.gateway.user(ctx)
		if err == nil && r.cfg().State != nil && !namesState(user) {
			err = errIncompleteUser
		}
		return took, err
	})
	if !made {
		return
	}
	if i.err = err; err != nil {
		again, halts := identifyAgain, r.cfg().State != nil && (i.user == nil || i.replaced)
		if halts {
			again = identifyFirst
		}
		i.next = r.cfg().clock().Add(max(again, leave))
		if !halts && !sameReason(err, logged) { // if it halts the refresh, that logs it
			r.log.Failed("identify", "cannot find out whether the credential sees all sessions", err, "next_try", failurelog.Moment(i.next))
		}
		return
	}
	r.log.Recovered("identify")
	i.user, i.replaced, i.next = user, false, now.Add(min(identifyEvery, r.cfg().AllowedLateness/3))
	r.setVisibility(!user.SeesAllSessions(), user.Role)
}

// setVisibility records whether the credential sees only part of the sessions, and logs when that changes.
func (r *refresher) setVisibility(limited bool, role string) {
	logger := r.cfg().Logger
	if limited {
		_ = level.Warn(logger).Log("msg", "only part of the sessions is visible: the credential is neither admin nor auditor, so every number is too low",
			"role", role, "hint", "give the exporter an API key in the group auditor")
	} else if r.identity.limited {
		_ = level.Info(logger).Log("msg", "all sessions are visible now", "role", role)
	}
	r.identity.limited = limited
}
