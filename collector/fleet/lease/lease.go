// Package lease decides which process of a cluster watches which gateway address. The decision is a pure function in plan.go; a [Keeper]
// carries it out at a [Table], which has the members and leases.
package lease

import "context"

// Epoch numbers the leases of an address, starting at 1. Each new lease has a higher epoch, even if the holder is the same. A save with an
// epoch that is not the newest fails: this is the fencing.
type Epoch int64

// Member is a process of the cluster.
type Member struct {
	// ID is unique: each start of a process is a new member.
	ID string
	// URL is where scrapes of the member's gateways are redirected to, such as http://10.0.0.7:10068.
	URL string
	// Configuration is a digest of the member's configuration file. Only members with equal digests divide gateways among themselves.
	Configuration string
}

// Lease is a holder's right to watch the gateways at an address.
type Lease struct {
	Address string
	Holder  string // a member's ID
	Epoch   Epoch
}

// View is what the table has at the time of a heartbeat.
type View struct {
	// Members are the living members, including the one that sent the heartbeat.
	Members []Member
	// Leases are those of living members.
	Leases []Lease
}

// Table has the members and the leases of a cluster. It uses its own clock. A member lives until its last heartbeat is older than the
// table's time to live; a lease lives as long as its holder. Each method is atomic; after an error, it may have taken effect.
type Table interface {
	// Heartbeat records that a member lives. If it was dead, others may have its leases by now; the view shows that.
	Heartbeat(ctx context.Context, m Member) (View, error)
	// Acquire gives a member those of the addresses that no living member holds, each with a new epoch, and returns these leases. It fails
	// if the member is dead.
	Acquire(ctx context.Context, member string, addresses []string) ([]Lease, error)
	// Release ends leases, unless they have another holder or a newer epoch by now.
	Release(ctx context.Context, leases []Lease) error
	// Leave ends all leases of a member, and the member's life.
	Leave(ctx context.Context, member string) error
}
