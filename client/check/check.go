// Package check reports whether a gateway and a credential give the exporter what it needs.
package check

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Gateway requests the user of the credential and the newest page of sessions, each with the timeout, and writes its findings to out, one
// per line. It returns the first error that would keep the exporter from working.
func Gateway(ctx context.Context, c *client.Client, timeout time.Duration, out io.Writer) error {
	report := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }

	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	user, answer, err := c.UserInfo(limited)
	if err != nil {
		return err
	}
	version := answer.Version
	if version == "" {
		version = "unknown (the Server header is missing)"
	}
	report("gateway: %s answers, version %s", c.URL(), version)
	report("credential: role %s in organization %q", user.Role, user.OrgName)
	if !user.SeesAllSessions() {
		report("warning: this role sees only part of the sessions, so every number will be too low: use a credential of an admin or auditor")
	}

	limited, cancel = context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	page, err := c.ListSessions(limited, client.ListOptions{Start: start.Add(-24 * time.Hour), End: start.Add(time.Hour), Limit: 100, Count: client.CountNone})
	if err != nil {
		return err
	}
	report("sessions: the newest page of the last 24 hours has %d, read in %s", len(page.Sessions), time.Since(start).Round(time.Millisecond))
	if n := len(page.Malformed); n > 0 {
		report("warning: %d of the newest sessions cannot be read and would be skipped (the first: %s)", n, page.Malformed[0].Err)
	}
	if fields := page.MalformedFields; len(fields) > 0 {
		report("warning: some fields of the newest sessions cannot be used and count as absent (the first: %s)", fields[0].Err)
	}
	return nil
}
