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

// A row that is dated hours ahead is counted as malformed and leaves no id behind. Should its time be right, it counts when that has come.
func TestRowsFromTheFutureAreNotKept(t *testing.T) {
	const limit = 6 * time.Hour
	b := readBook(t)
	b.apply(0, row("near", limit), row("far", limit+microsec), row("years", 10_000*day))
	b.malformed(0, malformedRow{ID: "odd", StartDate: moment(10_000 * day)})
	s := b.commit(0)
	b.want("tracked, malformed, seen", []any{s.Tracked, s.Malformed, b.countSeen(0, 20_000*day)}, "[1 3 1]")
	b.apply(time.Minute, row("far", limit+microsec))
	s = b.commit(time.Minute)
	b.want("later", []any{s.Tracked, s.Malformed, counts(b.only(s).Started)}, "[2 3 map[exec:2]]")
	b.apply(0, row("far", limit+microsec, done(limit+time.Second, 0)))
	b.want("a known one counts whatever the time", counts(b.one(time.Minute).Finished), "map[success:1]")
}

func TestTheStateIsBoundedWhateverIsDatedAhead(t *testing.T) {
	b := readBook(t)
	size := func() int {
		image, err := b.ledger.Image()
		if err != nil {
			t.Fatal(err)
		}
		return len(image.Ledger)
	}
	for i := range 20_000 {
		now := time.Duration(i) * time.Minute / 4
		b.apply(now, row(fmt.Sprint(i), now+time.Duration(i%7)*time.Hour+time.Duration(i)*day, done(now+time.Duration(i)*day, 0)))
		if i%100 == 99 {
			b.head(now)
			b.watermark(now)
			b.commit(now)
		}
	}
	t.Logf("%d bytes after 20,000 rows from the future", size())
	b.want("seen", b.countSeen(0, 100_000*day) < 200, true)
}
