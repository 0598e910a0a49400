package collectortest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// Sessions and Connections are how many [LargeLedger] has.
const (
	Sessions    = 10_000
	Connections = 1000
)

// LedgerOptions are the settings of [LargeLedger].
func LedgerOptions() ledger.Options {
	return ledger.Options{
		Lookback: 24 * time.Hour, AllowedLateness: 15 * time.Minute, ForgetAfter: 90 * 24 * time.Hour, FirstValueHold: 2 * time.Minute,
		ConnectionTags: []string{"team"},
	}
}

// LargeLedger returns a ledger with 10,000 unfinished sessions, a third of them reviewed, and 1,000 connections whose sessions have filled
// every bucket and come with every outcome: as much as there is to keep of so many. Its time is the one that is returned.
func LargeLedger() (*ledger.Ledger, time.Time) {
	now := time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC)
	l := ledger.New(LedgerOptions(), now)
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 40 {
		now = now.Add(100 * time.Second) // 10 sessions a second
		rows := make([]client.Session, 0, Connections)
		for i := range Connections {
			rows = append(rows, row(rng, i, round, now))
		}
		l.Apply(now, rows)
		l.AdvanceHead(now)
		l.AdvanceWatermark(now)
		l.MarkServed(l.Finish(now, now.Add(time.Duration(rng.IntN(1e9)))).Gauges.Generation, now)
	}
	return l, now
}

func row(rng *rand.Rand, conn, round int, now time.Time) client.Session {
	id := fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<12), rng.IntN(1<<12), rng.Uint64()>>16)
	start := now.Add(-time.Duration(rng.IntN(15e6)) * time.Microsecond)
	row := client.Session{
		ID: id, Connection: fmt.Sprintf("team-%d-production-%d", conn%37, conn), Type: "database", ConnectionSubtype: "postgres",
		ConnectionTags: map[string]string{"team": fmt.Sprint("team-", conn%37)},
		Verb:           "exec", Status: "open", UserID: fmt.Sprint("user", rng.IntN(500)), StartDate: client.Time{Time: start},
	}
	if round%4 == 0 { // 10,000 of 40,000 are not finished
		if round%3 == 0 {
			row.Review = review(rng, start, client.ReviewPending)
		}
		return row
	}
	exit := []int{0, 1, 254, 255, 137}[rng.IntN(5)]
	row.Status, row.ExitCode, row.EventSize = "done", &exit, 1<<rng.IntN(33)
	row.EndDate = client.Time{Time: start.Add(time.Duration(1<<rng.IntN(37)) * time.Microsecond)}
	if round%3 == 0 {
		row.Review = review(rng, start, []string{client.ReviewExecuted, client.ReviewRejected}[rng.IntN(2)])
	}
	return row
}

func review(rng *rand.Rand, start time.Time, status string) *client.Review {
	return &client.Review{
		Type: "onetime", Status: status, CreatedAt: client.Time{Time: start},
		Groups: []client.ReviewGroup{{Group: "sre", Status: status, ReviewDate: client.Time{Time: start.Add(time.Duration(1<<rng.IntN(30)) * time.Millisecond)}}},
	}
}
