package ledger_test

import (
	"testing"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// BenchmarkImage fails if 10,000 unfinished sessions and 1,000 connections take more than 4 MiB.
func BenchmarkImage(b *testing.B) {
	l, now := collectortest.LargeLedger()
	if s := l.Finish(now, now).Gauges; s.Tracked != collectortest.Sessions || len(s.Connections) != collectortest.Connections {
		b.Fatalf("%d sessions and %d connections: that measures something else", s.Tracked, len(s.Connections))
	}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		image, err := l.Image()
		if err != nil {
			b.Fatal(err)
		}
		size = len(image.Ledger) + len(image.Progress)
	}
	b.ReportMetric(float64(size), "bytes")
	if size > 4<<20 {
		b.Errorf("%d bytes, want at most 4 MiB", size)
	}
}

func BenchmarkRestore(b *testing.B) {
	l, _ := collectortest.LargeLedger()
	s, err := l.Image()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ledger.Restore(collectortest.LedgerOptions(), s); err != nil {
			b.Fatal(err)
		}
	}
}
