package client_test

import (
	"strings"
	"testing"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// literal returns the pattern that matches a name and nothing else.
func literal(name string) string { return client.Filters{Connection: name}.Literal().Connection }

// filters requests the rows with a value of one row, and compares them with the rows of the window.
func (c *conformance) filters(t *testing.T) {
	row := c.rows[len(c.rows)/2]
	count := func(same func(client.Session) bool) (n int) {
		for _, s := range c.rows {
			if same(s) {
				n++
			}
		}
		return n
	}
	for name, tt := range map[string]struct {
		change func(*client.ListOptions)
		same   func(client.Session) bool
	}{
		"connection": {
			func(o *client.ListOptions) { o.Connection = literal(row.Connection) },
			func(s client.Session) bool { return s.Connection == row.Connection }},
		"connection of another case": {
			func(o *client.ListOptions) { o.Connection = literal(strings.ToUpper(row.Connection)) },
			func(s client.Session) bool { return s.Connection == strings.ToUpper(row.Connection) }},
		"beginning of a connection alone": {
			func(o *client.ListOptions) { o.Connection = literal(row.Connection[:1]) },
			func(s client.Session) bool { return s.Connection == row.Connection[:1] }},
		"beginning of a connection and more": {
			func(o *client.ListOptions) { o.Connection = literal(row.Connection[:1]) + "%" },
			func(s client.Session) bool { return strings.HasPrefix(s.Connection, row.Connection[:1]) }},
		"connection with a percent sign": {
			func(o *client.ListOptions) { o.Connection = literal("dense_50%") },
			func(s client.Session) bool { return s.Connection == "dense_50%" }},
		"type": {
			func(o *client.ListOptions) { o.Type = literal(row.Type) },
			func(s client.Session) bool { return s.Type == row.Type }},
		"user": {
			func(o *client.ListOptions) { o.User = literal(row.UserID) },
			func(s client.Session) bool { return s.UserID == row.UserID }},
		"connection and user": {
			func(o *client.ListOptions) {
				o.Connection, o.User = literal(row.Connection), literal(row.UserID)
			},
			func(s client.Session) bool { return s.Connection == row.Connection && s.UserID == row.UserID }},
	} {
		p := c.list(t, with(c.window, tt.change))
		for _, s := range p.Sessions {
			if !tt.same(s) {
				t.Errorf("%s: %+v does not fit", name, s)
			}
		}
		if want := count(tt.same); p.Total == nil || *p.Total != want {
			t.Errorf("%s: total %v, want %d", name, p.Total, want)
		}
	}
}

func (c *conformance) reviewFilter(t *testing.T) {
	for _, status := range []string{client.ReviewPending, client.ReviewExecuted, client.ReviewRejected} {
		p := c.list(t, with(c.window, func(o *client.ListOptions) { o.ReviewStatus = status }))
		for _, s := range p.Sessions {
			if s.Review == nil || s.Review.Status != status || s.Review.CreatedAt.IsZero() || len(s.Review.Groups) == 0 {
				t.Errorf("%s: %+v of %s", status, s.Review, s.ID)
			}
		}
	}
	nobody := with(c.window, func(o *client.ListOptions) { o.ReviewApprover = "nobody@example.invalid" })
	if p := c.list(t, nobody); p.Rows != 0 {
		t.Errorf("%d sessions for an unknown approver", p.Rows)
	}
}
