// Package check tells an operator, line by line, whether a gateway gives what the exporter needs.
package check

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Gateway asks who the credential is and for the newest page of sessions, allows each answer the time-out, and writes
// what it learns to out, a line each. The error is the first thing that makes the exporter useless.
func Gateway(ctx context.Context, c *client.Client, timeout time.Duration, out io.Writer) error {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }

	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	who, answer, err := c.UserInfo(asking)
	if err != nil {
		return err
	}
	version := answer.Version
	if version == "" {
		version = "unknown (the Server header is missing)"
	}
	say("gateway: %s answers, version %s", c.URL(), version)
	say("credential: role %s in organization %q", who.Role, who.OrgName)
	if !who.SeesAllSessions() {
		say("warning: this role sees only part of the sessions, so every number will be too low: use a credential of an admin or auditor")
	}

	asking, cancel = context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	page, err := c.ListSessions(asking, client.ListOptions{Start: start.Add(-24 * time.Hour), End: start.Add(time.Hour), Limit: 100, Count: client.CountNone})
	if err != nil {
		return err
	}
	say("sessions: the newest page of the last 24 hours has %d, read in %s", len(page.Sessions), time.Since(start).Round(time.Millisecond))
	if n := len(page.Malformed); n > 0 {
		say("warning: %d of the newest sessions cannot be read and would be skipped (the first: %s)", n, page.Malformed[0].Err)
	}
	return nil
}
