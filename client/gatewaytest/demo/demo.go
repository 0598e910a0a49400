// Package demo is a simulated gateway that is worth looking at from its first second.
package demo

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

const (
	// week is how far its history goes back, and played how much of it was lived through rather than written down, so
	// that sessions and reviews are in every state that they can be in.
	week, played = 7 * 24 * time.Hour, 3 * time.Hour
	// written is the number of sessions in the rest of the week.
	written = 40_000
)

// Gateway is a gateway of 2026 with a dozen connections of all types, a week of history and three new sessions a
// second. Some of its reviews wait for days, some of its sessions are stuck. It lives by the clock now, which must not
// go back.
func Gateway(now func() time.Time) *gatewaytest.Gateway {
	begin := now().Add(-played)
	var live atomic.Bool
	g := gatewaytest.New(gatewaytest.Config{
		Dialect: gatewaytest.New2026,
		Seed:    1,
		Life:    life(),
		Now: func() time.Time {
			if live.Load() {
				return now()
			}
			return begin
		},
	})
	g.AddHistory(written, begin.Add(played-week), begin, gatewaytest.HistoryOptions{
		ConnectionList: gatewaytest.Connections(12), Users: 40, Unfinished: 40, Pending: 8, Ready: 6,
	})
	live.Store(true)
	g.Advance()
	return g
}

// Connect returns a function that makes a client of a gateway in this process. It fails where [client.New] does.
func Connect(g *gatewaytest.Gateway) func(...client.Option) (*client.Client, error) {
	return func(opts ...client.Option) (*client.Client, error) {
		key := client.WithAPIKey(func() (string, error) { return "demo", nil })
		return client.New("http://demo.invalid", &http.Client{Transport: g.Transport()}, append(opts, key)...)
	}
}

// life is busy, but leaves little undone for ever: a demonstration may run for days.
func life() gatewaytest.Life {
	l := gatewaytest.DefaultLife()
	l.Rate = 3
	l.Stuck = 0.0002
	l.Share, l.Undecided, l.NeverRun = 0.05, 0.01, 0.01
	return l
}
