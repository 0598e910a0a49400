package lease

import (
	"crypto/sha256"
	"encoding/binary"
)

// ownerOf is the member that should have the gateways at an address: by rendezvous hashing, the one whose hash with the address is the highest. A
// member more takes only what becomes its own; what a member less had is divided among the others. All gateways of an address have one owner, because
// only within a process can they take turns. Members of different versions have to agree on the hash: another one would have them take leases from each
// other. It is "" without members.
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

// plan is what a member should acquire and release: addresses are those of its configuration. Members with the same configuration as self divide the
// addresses among them. What a living member holds is left to it until it releases it, whatever its configuration is.
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
