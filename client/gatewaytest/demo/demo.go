// Package demo makes the simulated gateway of the exporter's --demo. It has a week of history from the start.
package demo

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

const (
	// week is the length of the history. The last part of it, played, is played as a life, so that sessions and reviews are in every
	// possible state.
	week, played = 7 * 24 * time.Hour, 3 * time.Hour
	// historySessions is the number of sessions in the rest of the week.
	historySessions = 40_000
)

// Gateway returns a new gateway with 12 connections of all types, a week of history and three new sessions a second. Some of its reviews
// wait for days, and some of its sessions are stuck. now is its clock, which must not go back.
func Gateway(now func() time.Time) *gatewaytest.Gateway {
	start := now().Add(-played)
	var live atomic.Bool
	g := gatewaytest.New(gatewaytest.Config{
		Dialect: gatewaytest.New2026,
		Seed:    1,
		Life:    life(),
		Now: func() time.Time {
			if live.Load() {
				return now()
			}
			return start
		},
	})
	g.AddHistory(historySessions, start.Add(played-week), start, gatewaytest.HistoryOptions{
		ConnectionList: gatewaytest.Connections(12), Users: 40, Unfinished: 40, Pending: 8, Ready: 6,
	})
	live.Store(true)
	g.Advance()
	return g
}

// Connect returns a function that creates a client of a gateway in this process. It fails if [client.New] does.
func Connect(g *gatewaytest.Gateway) func(...client.Option) (*client.Client, error) {
	return func(opts ...client.Option) (*client.Client, error) {
		key := client.WithAPIKey(func() (string, error) { return "demo", nil })
		return client.New("http://demo.invalid", &http.Client{Transport: g.Transport()}, append(opts, key)...)
	}
}

// life returns a busy life in which few sessions and reviews stay unfinished forever, because a demo may run for days.
func life() gatewaytest.Life {
	l := gatewaytest.DefaultLife()
	l.Rate = 3
	l.Stuck = 0.0002
	l.Reviewed, l.Undecided, l.NeverRun, l.Escalated = 0.05, 0.01, 0.01, 0
	return l
}
