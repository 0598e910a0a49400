package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

type malformedRow = client.MalformedSession

func TestEachMalformedRowCountsOnce(t *testing.T) {
	for _, tt := range []struct {
		name string
		rows []malformedRow
		want int
	}{
		{"by its id", []malformedRow{{ID: "a", Digest: "1"}, {ID: "a", Digest: "2"}, {ID: "b", Digest: "2"}}, 2},
		{"by its bytes, where it has no id", []malformedRow{{Digest: "1"}, {Digest: "2"}, {Digest: "1"}}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			b.malformed(time.Minute, tt.rows...)
			b.malformed(2*time.Minute, tt.rows...)
			b.want("malformed", b.commit(2*time.Minute).Malformed, tt.want)
		})
	}
}

func TestMalformedRowsAreBounded(t *testing.T) {
	b := newBook(t)
	for i := range 10_001 {
		b.malformed(time.Minute, malformedRow{ID: fmt.Sprint(i)})
	}
	b.want("malformed", b.commit(time.Minute).Malformed, 10_000)
}

// A row that is malformed for longer than forget-after counts again: it was forgotten.
func TestMalformedRowsAreForgotten(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   time.Duration
		want int
	}{{"on the instant", forget, 1}, {"then", forget + microsec, 2}} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			a := malformedRow{ID: "a", StartDate: moment(0)}
			b.malformed(time.Minute, a)
			b.commit(tt.at)
			b.malformed(tt.at, a)
			b.want("malformed", b.commit(tt.at).Malformed, tt.want)
		})
	}
}

// A malformed row with an id is known at its start, or near it, so that the gateway's total fits. Once it can be read it counts.
func TestMalformedRowsAreKnown(t *testing.T) {
	for _, tt := range []struct {
		name  string
		row   malformedRow
		known bool
		at    time.Duration
	}{
		{"at its start", malformedRow{ID: "a", StartDate: moment(time.Minute), Near: noon(time.Hour)}, true, time.Minute},
		{"near another one's", malformedRow{ID: "a", Near: noon(time.Minute)}, true, time.Minute},
		{"when it was seen", malformedRow{ID: "a"}, true, 2 * time.Minute},
		{"not without an id", malformedRow{Digest: "a", StartDate: moment(time.Minute)}, false, time.Minute},
		{"not in closed coverage", malformedRow{ID: "a", StartDate: moment(-time.Hour)}, false, -time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := readBook(t)
			b.malformed(2*time.Minute, tt.row)
			if !tt.known {
				b.want("known", b.countSeen(-day, day), 0)
				return
			}
			b.want("known", []int{b.countSeen(tt.at, tt.at), b.countSeen(-day, day)}, "[1 1]")
			b.apply(2*time.Minute, row("a", tt.at))
			b.apply(2*time.Minute, row("a", tt.at))
			b.want("started", counts(b.one(2*time.Minute).Started), "map[exec:1]")
		})
	}
}

func TestACountedRowThatBecomesMalformedDoesNotCountAgain(t *testing.T) {
	for name, change := range map[string]func(*client.Session){"running": status("open"), "finished": done(time.Minute, 0)} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t)
			b.apply(time.Minute, row("a", 0, change))
			b.malformed(time.Minute, malformedRow{ID: "a", StartDate: moment(0)})
			b.apply(2*time.Minute, row("a", 0, done(time.Minute, 0)))
			n := b.one(2 * time.Minute)
			b.want("counted", []any{counts(n.Started), counts(n.Finished)}, "[map[exec:1] map[success:1]]")
		})
	}
}
