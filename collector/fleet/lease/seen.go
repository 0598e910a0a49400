package lease

import (
	"errors"
	"time"
)

// Seen is what a member knows about its cluster. It is immutable.
type Seen struct {
	// Same is how many living members have the member's own configuration, including itself; Other is how many have another one.
	Same, Other int

	holders map[string]Member // by address
	owners  []string          // the IDs of the members with the member's own configuration
	members map[string]Member // by ID
	until   time.Time         // the end of the term; zero: nothing is known
}

// record keeps the answer to a heartbeat for [Keeper.Seen], and logs when the table cannot be reached, and when it can be again.
func (k *Keeper) record(view View, err error, term Term, self Member) {
	k.mu.Lock()
	defer k.mu.Unlock()
	failed := k.failed
	if k.failed = err != nil; k.failed {
		k.failures.Failed("database", "this process cannot reach the database: if this continues, it stops querying its gateways", err, "after", requestFor)
		return
	}
	if failed {
		k.back = time.Now()
	}
	k.failures.Recovered("database")
	s := Seen{holders: map[string]Member{}, members: map[string]Member{}, until: term.End}
	for _, m := range view.Members {
		s.members[m.ID] = m
		if m.Configuration == self.Configuration {
			s.owners = append(s.owners, m.ID)
		}
	}
	for _, l := range view.Leases {
		if m, lives := s.members[l.Holder]; lives {
			s.holders[l.Address] = m
		}
	}
	s.Same = len(s.owners)
	s.Other = len(s.members) - s.Same
	k.seen = s
}

// errAway is why nothing is known about other members.
var errAway = errors.New("this process cannot reach the database, so it does not know which process watches the gateway")

// Seen returns what the member knows, or an error once that is older than the term, because the table cannot be reached.
func (k *Keeper) Seen() (Seen, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// By both clocks: while a machine is suspended, its monotonic clock stands still.
	if now := time.Now(); !now.Before(k.seen.until) || !now.Round(0).Before(k.seen.until.Round(0)) {
		return Seen{}, errAway
	}
	return k.seen, nil
}

// Up reports whether the last heartbeat succeeded.
func (k *Keeper) Up() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.failed && !k.seen.until.IsZero()
}

// Holder is the living member that holds an address; ok is false if there is none.
func (s Seen) Holder(address string) (m Member, ok bool) {
	m, ok = s.holders[address]
	return m, ok
}

// Expected is the URL of the member that holds an address, or should acquire it.
func (s Seen) Expected(address string) string {
	if m, ok := s.holders[address]; ok {
		return m.URL
	}
	return s.members[ownerOf(s.owners, address)].URL
}
