package ledger_test

import (
	"testing"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/ledgertest"
)

// 10,000 unfinished sessions and 1,000 connections take at most 4 MiB.
func TestImageIsSmall(t *testing.T) {
	l, now := ledgertest.Large()
	image, err := l.Image()
	if err != nil {
		t.Fatal(err)
	}
	if s := l.Commit(now, now); s.Tracked != ledgertest.Sessions || len(s.Connections) != ledgertest.Connections {
		t.Fatalf("%d sessions and %d connections are no measure", s.Tracked, len(s.Connections))
	}
	size := len(image.Ledger) + len(image.Progress)
	t.Logf("%d bytes", size)
	if size > 4<<20 {
		t.Errorf("%d bytes", size)
	}
}

func BenchmarkImage(b *testing.B) {
	l, _ := ledgertest.Large()
	b.ReportAllocs()
	for b.Loop() {
		s, err := l.Image()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(s.Ledger)+len(s.Progress)), "bytes")
	}
}

func BenchmarkRestore(b *testing.B) {
	l, _ := ledgertest.Large()
	s, err := l.Image()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ledger.Restore(ledgertest.Options(), s); err != nil {
			b.Fatal(err)
		}
	}
}
