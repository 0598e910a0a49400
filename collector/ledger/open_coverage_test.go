package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func TestWhatIsUnread(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(b *book)
		want string
	}{
		{"at the beginning the lookback, with T0 itself", func(*book) {}, "[-24h0m0s to 1µs]"},
		{"what was read is not", func(b *book) { b.read(-day, -time.Hour) }, "[-1h0m0s to 1µs]"},
		{"nothing is read by an empty stretch", func(b *book) { b.read(-time.Hour, -time.Hour) }, "[-24h0m0s to 1µs]"},
		{"with the newest page, what began since the last one", func(b *book) {
			b.read(-day, microsec)
			b.head(time.Minute)
		}, "[0s to 1m0.000001s]"},
		{"a page of the same moment leaves that moment", func(b *book) { b.read(-day, microsec); b.head(0) }, "[0s to 1µs]"},
		{"with the watermark, what began before it", func(b *book) { b.head(lateness); b.watermark(lateness) }, "[-24h0m0s to -15m0s]"},
		{"but what began after the head of the watermark is", func(b *book) {
			b.read(-day, microsec)
			b.head(time.Minute)
			b.watermark(time.Minute - 2*microsec)
		}, "[59.999999s to 1m0.000001s]"},
		{"a stretch that was passed over is", func(b *book) { b.read(-day, microsec); b.unread(-2*time.Hour, -time.Hour) }, "[-2h0m0s to -1h0m0s]"},
		{"one that touches an earlier one makes one of both", func(b *book) {
			b.read(-day, microsec)
			b.unread(-2*time.Hour, -time.Hour)
			b.unread(-time.Hour, 0)
		}, "[-2h0m0s to 0s]"},
		{"one that touches a later one too", func(b *book) {
			b.read(-day, microsec)
			b.unread(-2*time.Hour, -time.Hour)
			b.unread(-3*time.Hour, -2*time.Hour)
		}, "[-3h0m0s to -1h0m0s]"},
		{"an empty stretch is none", func(b *book) { b.read(-day, microsec); b.unread(-time.Hour, -time.Hour) }, "[]"},
		{"a stop that is not longer than the allowed lateness", func(b *book) {
			b.head(0)
			b.watermark(0)
			b.read(-day, microsec)
			b.head(lateness)
		}, "[0s to 15m0.000001s]"},
		{"a longer one leaves the lateness too", func(b *book) {
			b.head(0)
			b.watermark(0)
			b.read(-day, microsec)
			b.head(lateness + microsec)
		}, "[-15m0s to 15m0.000002s]"},
		{"where walks fail, for four times the lateness the watermark stays", func(b *book) {
			b.read(-day, microsec)
			for at := time.Minute; at <= 3*lateness; at += time.Minute {
				b.head(at)
			}
		}, "[0s to 45m0.000001s]"},
		{"after that it moves, and what is behind it is unread", func(b *book) {
			b.read(-day, microsec)
			for at := time.Minute; at <= 3*lateness+time.Minute; at += time.Minute {
				b.head(at)
			}
		}, "[-15m0s to 46m0.000001s]"},
		{"but for what was read after the watermark", func(b *book) {
			b.read(-day, microsec)
			for at := time.Minute; at <= 3*lateness; at += time.Minute {
				b.head(at)
			}
			b.read(0, 3*lateness)
			b.head(3*lateness + time.Minute)
		}, "[-15m0s to 31m0s 45m0s to 46m0.000001s]"},
		{"no more than the lookback", func(b *book) { b.read(-day, microsec); b.head(3 * day) }, "[48h0m0s to 72h0m0.000001s]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			tt.do(b)
			b.want("unread", b.gaps(), tt.want)
		})
	}
}

// The watermark is a whole second, because gateways cut their windows there, and never goes back.
func TestWatermark(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(b *book)
		want time.Duration
	}{
		{"at the beginning", func(*book) {}, -lateness},
		{"a whole second", func(b *book) { b.watermark(time.Hour + 1999*time.Millisecond) }, time.Hour + time.Second - lateness},
		{"never back", func(b *book) { b.watermark(time.Hour); b.watermark(time.Minute) }, time.Hour - lateness},
		{"never back, after a clock that went back and forth", func(b *book) { b.watermark(3 * time.Hour); b.head(3 * time.Hour); b.head(0); b.head(time.Hour) }, 3*time.Hour - lateness},
		{"stays while the head goes on", func(b *book) { b.head(lateness) }, -lateness},
		{"stays until the head is four times the lateness ahead", func(b *book) { walkFails(b, 3*lateness) }, -lateness},
		{"moves then", func(b *book) { walkFails(b, 3*lateness+time.Second) }, 2*lateness + time.Second},
		{"moves after a stop", func(b *book) { b.head(lateness + time.Second) }, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			tt.do(b)
			b.want("watermark", b.watermarkIs(), tt.want)
		})
	}
}

// walkFails requests the newest page every five minutes, and never reads down to the watermark.
func walkFails(b *book, until time.Duration) {
	for at := time.Duration(0); at < until; at += 5 * time.Minute {
		b.head(at)
	}
	b.head(until)
}

func TestHead(t *testing.T) {
	b := newBook(t)
	b.head(time.Minute)
	b.want("head", b.headIs(), time.Minute)
	b.head(time.Second)
	b.want("a clock that was set back", b.headIs(), time.Second)
}

func TestBaselineIsCompleteOnceAllWasRead(t *testing.T) {
	b := newBook(t)
	b.want("at the beginning", b.commit(0).BaselineComplete, false)
	b.read(-day, 0)
	b.want("but for a microsecond", b.commit(0).BaselineComplete, false)
	b.read(-day, microsec)
	b.want("read", b.commit(0).BaselineComplete, true)
	b.head(time.Minute)
	s := b.commit(time.Minute)
	b.want("for ever", []any{s.BaselineComplete, s.Unread}, []any{true, time.Minute + microsec})
}

func TestPendingReviewsAreCompleteOnceAllWereRead(t *testing.T) {
	b := newBook(t)
	b.want("at the beginning", b.commit(0).PendingComplete, false)
	b.allPendingRead(0)
	b.want("read", b.commit(0).PendingComplete, true)
}

// Both ends of the window belong to it, as in the gateway's own count.
func TestCountingSeenRows(t *testing.T) {
	b := newBook(t)
	b.apply(time.Hour, row("a", time.Minute), row("b", 2*time.Minute, done(3*time.Minute, 0)))
	for _, tt := range []struct {
		from, to time.Duration
		want     int
	}{
		{time.Minute, 2 * time.Minute, 2}, {time.Minute + microsec, 2 * time.Minute, 1}, {time.Minute, 2*time.Minute - microsec, 1}, {time.Minute + microsec, 2*time.Minute - microsec, 0},
	} {
		b.want(fmt.Sprint(tt.from, " to ", tt.to), b.countSeen(tt.from, tt.to), tt.want)
	}
}

// Rows that are not from open coverage have no place in the count of the rows that are known there.
func TestClosedRowsAreNotSeen(t *testing.T) {
	for _, start := range []time.Duration{time.Hour, -lookback} {
		t.Run(start.String(), func(t *testing.T) {
			b := readBook(t)
			b.watermark(2 * time.Hour)
			b.apply(3*time.Hour, row("a", start))
			b.apply(3*time.Hour, row("a", start, done(time.Hour, 0)))
			b.want("one that finished", b.countSeen(-day, day), 0)
			n := b.one(3 * time.Hour)
			b.want("counted", []any{counts(n.Started), counts(n.Finished)}, "[map[] map[]]")
		})
	}
}

// A session that is counted is known from then on, even if its time becomes unread again afterwards.
func TestAGapDoesNotCountWhatIsKnown(t *testing.T) {
	b := readBook(t)
	b.apply(time.Minute, row("a", 0))
	b.watermark(2 * time.Hour)
	b.apply(2*time.Hour, many(1500, "b", 2*time.Hour)...) // the ledger forgets what is closed
	b.watermark(3 * time.Hour)
	b.want("known of closed coverage", b.countSeen(-day, day), 0)
	b.unread(-time.Hour, time.Hour)
	finished := row("a", 0, done(time.Hour, 0))
	b.apply(3*time.Hour, finished)
	b.apply(3*time.Hour, finished)
	b.want("started", counts(b.one(3 * time.Hour).Started)["exec"], 1501)
}

// many are rows of finished sessions that began at the same time.
func many(n int, prefix string, start time.Duration) []client.Session {
	rows := make([]client.Session, n)
	for i := range rows {
		rows[i] = row(fmt.Sprint(prefix, i), start, done(start+time.Second, 0))
	}
	return rows
}

// The ledger remembers what is open, and forgets the rest once that is many rows.
func TestTheLedgerForgetsWhatIsClosed(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(b *book)
	}{
		{"when the watermark moves", func(b *book) {
			b.apply(time.Hour, many(1500, "a", time.Minute)...)
			b.watermark(2 * time.Hour)
		}},
		{"when a gap was read", func(b *book) {
			b.watermark(2 * time.Hour)
			b.unread(0, time.Hour)
			b.apply(2*time.Hour, many(1500, "a", time.Minute)...)
			b.read(0, time.Hour)
		}},
		{"when a gap was read down to the beginning of the lookback", func(b *book) {
			b.unread(-lookback, 0)
			b.apply(2*time.Hour, many(1500, "a", -lookback)...)
			b.read(-lookback, 0)
		}},
		{"after a stop", func(b *book) {
			b.apply(time.Hour, many(1500, "a", time.Minute)...)
			b.head(5 * day)
			b.want("retained, because the gateway's clock may be wrong", b.countSeen(-day, time.Hour), 1500)
			for at := 5 * day; at < 6*day+lateness; at += 5 * time.Minute {
				b.head(at)
			}
			b.apply(6*day, many(3000, "b", 6*day)...)
			b.read(0, 7*day)
		}},
		{"at the end of a refresh", func(b *book) {
			b.apply(time.Hour, many(600, "a", time.Minute)...)
			b.watermark(2 * time.Hour)
			b.apply(2*time.Hour, many(600, "b", 2*time.Hour)...)
			b.commit(2 * time.Hour)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := readBook(t)
			tt.do(b)
			b.want("known of closed coverage", b.countSeen(-day, time.Hour), 0)
		})
	}
}

func TestForgettingKeepsWhatIsOpen(t *testing.T) {
	b := readBook(t)
	var rows []client.Session
	for i := range 1500 {
		rows = append(rows, row(fmt.Sprint(i), time.Duration(i)*time.Second, done(time.Hour, 0)))
	}
	b.apply(time.Hour, rows...)
	b.watermark(25 * time.Minute) // open from the tenth minute on
	b.want("known", b.countSeen(-day, day), 900)
	b.apply(time.Hour, rows...)
	b.want("started", counts(b.one(time.Hour).Started), "map[exec:1500]")
}

// A session from before the lookback is never read there. It counts when it ends, once, if it was seen unfinished, however often it is seen
// again.
func TestSessionsFromBeforeTheLookback(t *testing.T) {
	pending := reviewed(onetime, "PENDING", time.Minute)
	rejected := reviewed(onetime, "REJECTED", time.Minute, group("g", "REJECTED", time.Hour))
	for _, tt := range []struct {
		name  string
		start time.Duration
		want  string // requested, finished, resolved, waits
	}{
		{"just before it", -day - microsec, "[1 1 1 1]"},
		{"at its beginning, which was read: only the review of later counts", -day, "[1 0 1 1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := readBook(t)
			for i := range 2 {
				b.apply(time.Hour, row("a", tt.start, pending))
				b.apply(2*time.Hour, row("a", tt.start, rejected))
				b.apply(2*time.Hour, many(1500, fmt.Sprint(i), time.Minute)...) // much that can be forgotten
				b.watermark(3 * time.Hour)
				b.commit(3 * time.Hour)
			}
			n := b.one(3 * time.Hour)
			b.want("counted", []any{total(n.Requested), counts(n.Finished)["rejected"], counts(n.Resolved)["REJECTED"], n.Histograms[ledger.ReviewWait].Count}, tt.want)
		})
	}
	t.Run("one that had finished is history", func(t *testing.T) {
		b := readBook(t)
		b.apply(2*time.Hour, row("a", -2*day, reviewed(onetime, "REJECTED", -2*day, group("g", "REJECTED", time.Hour))))
		n := b.one(2 * time.Hour)
		b.want("counted", []any{counts(n.Finished), counts(n.Resolved), n.Histograms[ledger.ReviewWait] == nil}, "[map[] map[] true]")
		b.want("known", b.countSeen(-3*day, 0), 0)
	})
	t.Run("once it has ended, it is remembered until forget-after", func(t *testing.T) {
		b := readBook(t)
		b.apply(time.Hour, row("a", -2*day, pending))
		b.apply(2*time.Hour, row("a", -2*day, rejected))
		known := func(at time.Duration) int {
			b.commit(at)
			return b.countSeen(-3*day, -day)
		}
		b.want("at once", known(2*time.Hour), 1)
		b.want("on the instant", known(forget-2*day), 1)
		b.want("then", known(forget-2*day+microsec), 0)
	})
}

// What is unread is remembered for as long as it is, be forget-after sooner.
func TestForgetAfterDoesNotOpenAGap(t *testing.T) {
	b := newBook(t, after(12*time.Hour))
	for _, start := range []time.Duration{-day, -day + microsec, -13 * time.Hour} {
		a := row(start.String(), start, done(time.Minute, 0))
		b.apply(time.Hour, a)
		b.commit(time.Hour)
		b.apply(2*time.Hour, a)
	}
	b.want("finished", counts(b.one(2*time.Hour).Finished), "map[success:3]")
}
