package lease

import (
	"crypto/sha256"
	"encoding/binary"
)

// ownerOf returns the member that should have the gateways at an address: by rendezvous hashing, the member whose hash with the address is
// the highest. A new member takes over only what it owns; what a lost member had is divided among the others. All gateways at an address
// have one owner, because they can take turns only within one process. The hash must never change, or members of different versions would
// take leases from each other. Without members, the result is "".
func ownerOf(members []string, address string) string {
	owner, highest := "", uint64(0)
	for _, m := range members {
		sum := sha256.Sum256([]byte(m + " " + address))
		h := binary.BigEndian.Uint64(sum[:])
		if owner == "" || h > highest || h == highest && m < owner {
			owner, highest = m, h
		}
	}
	return owner
}

// plan returns the addresses that a member should acquire and release; addresses are those of its configuration. Members with the same
// configuration as self divide the addresses among themselves. A living member keeps what it holds until it releases it, whatever its
// configuration is.
func plan(self Member, view View, addresses []string) (acquire, release []string) {
	members := []string{self.ID}
	for _, m := range view.Members {
		if m.Configuration == self.Configuration && m.ID != self.ID {
			members = append(members, m.ID)
		}
	}
	holders := map[string]string{}
	for _, l := range view.Leases {
		holders[l.Address] = l.Holder
	}
	for _, a := range addresses {
		holder := holders[a]
		delete(holders, a)
		switch owner := ownerOf(members, a); {
		case holder == "" && owner == self.ID:
			acquire = append(acquire, a)
		case holder == self.ID && owner != self.ID:
			release = append(release, a)
		}
	}
	for a, holder := range holders { // those that are left are not configured
		if holder == self.ID {
			release = append(release, a)
		}
	}
	return acquire, release
}
