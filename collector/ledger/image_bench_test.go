package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// largeLedger has 10,000 unfinished sessions, a third of them reviewed, and 1,000 connections whose sessions have filled every bucket and
// come with every outcome: as much as there is to keep of so many.
func largeLedger() *Ledger {
	o := options()
	o.ConnectionTags = []string{"team"}
	l := New(o, noon())
	rng := rand.New(rand.NewPCG(1, 2))
	now := noon()
	for round := range 40 {
		now = now.Add(100 * time.Second) // 10 sessions a second
		rows := make([]client.Session, 0, 1000)
		for i := range 1000 {
			rows = append(rows, largeRow(rng, i, round, now))
		}
		l.Apply(now, rows)
		l.Advance(now)
		l.Settle(now)
		l.Served(l.Commit(now, now.Add(time.Duration(rng.IntN(1e9)))).Generation, now)
	}
	return l
}

func largeRow(rng *rand.Rand, conn, round int, now time.Time) client.Session {
	id := fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<12), rng.IntN(1<<12), rng.Uint64()>>16)
	start := now.Add(-time.Duration(rng.IntN(15e6)) * time.Microsecond)
	row := client.Session{
		ID: id, Connection: fmt.Sprintf("team-%d-production-%d", conn%37, conn), Type: "database", ConnectionSubtype: "postgres",
		ConnectionTags: map[string]string{"team": fmt.Sprint("team-", conn%37)},
		Verb:           "exec", Status: "open", UserID: fmt.Sprint("user", rng.IntN(500)), StartDate: client.Time{Time: start},
	}
	if round%4 == 0 { // 10,000 of 40,000 are not finished
		if round%3 == 0 {
			row.Review = largeReview(rng, start, client.ReviewPending)
		}
		return row
	}
	exit := []int{0, 1, 254, 255, 137}[rng.IntN(5)]
	row.Status, row.ExitCode, row.EventSize = "done", &exit, 1<<rng.IntN(33)
	row.EndDate = client.Time{Time: start.Add(time.Duration(1<<rng.IntN(37)) * time.Microsecond)}
	if round%3 == 0 {
		row.Review = largeReview(rng, start, []string{client.ReviewExecuted, client.ReviewRejected}[rng.IntN(2)])
	}
	return row
}

func largeReview(rng *rand.Rand, start time.Time, status string) *client.Review {
	return &client.Review{
		Type: "onetime", Status: status, CreatedAt: client.Time{Time: start},
		Groups: []client.ReviewGroup{{Group: "sre", Status: status, ReviewDate: client.Time{Time: start.Add(time.Duration(1<<rng.IntN(30)) * time.Millisecond)}}},
	}
}

// 10,000 unfinished sessions and 1,000 connections take at most 4 MiB.
func TestImageIsSmall(t *testing.T) {
	l := largeLedger()
	s := l.Image()
	if len(l.tracked) != 10_000 || len(l.connections) != 1000 {
		t.Fatalf("%d sessions and %d connections are no measure", len(l.tracked), len(l.connections))
	}
	size := len(s.Facts) + len(s.Times)
	t.Logf("%d bytes", size)
	if size > 4<<20 {
		t.Errorf("%d bytes", size)
	}
}

func BenchmarkImage(b *testing.B) {
	l := largeLedger()
	b.ReportAllocs()
	for b.Loop() {
		s := l.Image()
		b.ReportMetric(float64(len(s.Facts)+len(s.Times)), "bytes")
	}
}

func BenchmarkRestore(b *testing.B) {
	l := largeLedger()
	s := l.Image()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Restore(l.o, s); err != nil {
			b.Fatal(err)
		}
	}
}
