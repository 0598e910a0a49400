package client

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// CredentialExpiry returns when the credential of the last answered request expires: the claim exp of a bearer token that is a JWT. It
// returns the zero time for any other credential, and before the first answer. It does not check the token's signature.
func (c *Client) CredentialExpiry() time.Time {
	if at := c.expiry.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// recordExpiry records when the bearer token that was sent expires; empty for none.
func (c *Client) recordExpiry(token string) {
	at := expiryOf(token)
	c.expiry.Store(&at)
}

// expiryOf returns when a token expires; the zero time if it is not a JWT with the claim exp.
func expiryOf(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Expiry *float64 `json:"exp"`
	}
	const latest = 253402300799 // the last second of the year 9999
	if json.Unmarshal(text, &claims) != nil || claims.Expiry == nil || !(*claims.Expiry > 0 && *claims.Expiry <= latest) {
		return time.Time{}
	}
	seconds, fraction := math.Modf(*claims.Expiry)
	return time.Unix(int64(seconds), int64(fraction*1e9)).UTC()
}
