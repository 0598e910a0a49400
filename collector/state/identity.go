package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Identity is whose sessions a file is about. Files of different identities have different names, and are never mixed.
type Identity struct {
	// Organization is the organisation's id. The gateway's URL is no part of the identity: it may change.
	Organization string
	// Limited tells that the credential does not see all sessions; Subject is who it is then, since everybody sees other ones.
	Limited bool
	Subject string
	// Connection, Type, User and ReviewApprover are the filters.
	Connection, Type, User, ReviewApprover string
}

// digest tells identities apart without saying what is in them: a filter can be somebody's e-mail.
func (i Identity) digest() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %t %q %q %q %q %q", i.Organization, i.Limited, i.Subject, i.Connection, i.Type, i.User, i.ReviewApprover))
}

func (i Identity) visibility() string {
	if i.Limited {
		return "limited"
	}
	return "all"
}

// name is the file's name: readable where that is safe, and unique by the digest.
func (i Identity) name() string {
	organisation := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(i.Organization))
	digest := i.digest()
	return fmt.Sprintf("hoop_exporter-%.40s-%s-%s.state", organisation, i.visibility(), hex.EncodeToString(digest[:8]))
}
