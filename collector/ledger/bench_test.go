package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// page makes a page of 100 sessions on 20 connections, of which every tenth had a review.
func page(n int, d time.Duration) []client.Session {
	rows := make([]client.Session, 100)
	for i := range rows {
		row := sessionRow(fmt.Sprintf("00000000-0000-4000-8000-%012d", n*100+i), d+time.Duration(i)*time.Millisecond)
		row.Connection = fmt.Sprint("connection-", i%20)
		row.Status, row.EndDate, row.ExitCode, row.EventSize = "done", at(d+time.Minute), code(0), int64(i*1000)
		if i%10 == 0 {
			row.Review = &client.Review{Type: "onetime", Status: "EXECUTED", CreatedAt: row.StartDate, RevokeAt: at(d + time.Minute)}
		}
		rows[i] = row
	}
	return rows
}

func BenchmarkApply(b *testing.B) {
	b.Run("new rows", func(b *testing.B) {
		b.ReportAllocs()
		l := New(options(), noon())
		var rows []client.Session
		for i := range b.N {
			b.StopTimer()
			d := time.Duration(i) * time.Second
			rows = page(i, d)
			if i%100 == 0 {
				l.AdvanceWatermark(noon().Add(d))
			}
			b.StartTimer()
			l.Apply(noon().Add(d+2*time.Minute), rows)
		}
	})
	b.Run("rows that are known", func(b *testing.B) {
		b.ReportAllocs()
		l := New(options(), noon())
		rows := page(0, time.Second)
		for range b.N {
			l.Apply(noon().Add(2*time.Minute), rows)
		}
	})
	b.Run("rows of history", func(b *testing.B) {
		b.ReportAllocs()
		l := New(options(), noon())
		rows := page(0, -time.Hour)
		for range b.N {
			l.Apply(noon().Add(time.Minute), rows)
			l.MarkRead(Span{noon().Add(-2 * time.Hour), noon()})
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	for _, connections := range []int{200, 2000} {
		b.Run(fmt.Sprint(connections, " connections, 2000 unfinished"), func(b *testing.B) {
			l := New(options(), noon())
			for i := range 2000 {
				row := sessionRow(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), time.Second)
				row.Connection = fmt.Sprint("connection-", i%connections)
				l.Apply(noon().Add(time.Minute), []client.Session{row})
			}
			b.ReportAllocs()
			for i := range b.N {
				now := noon().Add(time.Minute + time.Duration(i)*time.Second)
				l.Finish(now, now)
			}
		})
	}
}
