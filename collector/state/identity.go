package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Identity is whose sessions a file is about. Files of different identities have different names, and are never mixed.
type Identity struct {
	// Organization is the organization's id. The gateway's URL is not part of the identity: it may change.
	Organization string
	// Limited means that the credential does not see all sessions. Subject is then its user, because each user sees different ones.
	Limited bool
	Subject string
	// Filters are those of the configuration.
	client.Filters
}

// digest distinguishes identities without revealing what is in them: a filter can be the e-mail address of a person.
func (i Identity) digest() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %t %q %q %q %q %q", i.Organization, i.Limited, i.Subject, i.Connection, i.Type, i.User, i.ReviewApprover))
}

func (i Identity) visibility() string {
	if i.Limited {
		return "limited"
	}
	return "all"
}

// name is the file's name. It keeps only letters, digits, dashes and underscores of the organization's id; the digest makes it unique.
func (i Identity) name() string {
	organization := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(i.Organization))
	digest := i.digest()
	return fmt.Sprintf("hoop_exporter-%.40s-%s-%s.state", organization, i.visibility(), hex.EncodeToString(digest[:8]))
}
