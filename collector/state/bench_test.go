package state

import (
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// What a save takes of 10,000 unfinished sessions and 1,000 connections: the ledger's image and its comparison with the last one, then
// sealing it, then the file system. If nothing happened in between, nothing is written. The best of each is what it takes if nobody else
// wants the machine.
func BenchmarkSave(b *testing.B) {
	l, now := collectortest.LargeLedger()
	dir, err := NewDirectory(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), dir, someone())
	if err != nil {
		b.Fatal(err)
	}
	defer func(d Record) { _ = d.Close() }(s.record)
	b.Run("changed", func(b *testing.B) {
		b.ReportAllocs()
		best := [4]time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}
		for b.Loop() {
			b.StopTimer()
			now = now.Add(time.Second)
			l.ApplyMalformed(now, []client.MalformedSession{{ID: now.String(), Near: now}})
			b.StartTimer()
			began := time.Now()
			image := image(b, l)
			encoded := time.Now()
			content, err := encode(s.id, image)
			if err != nil {
				b.Fatal(err)
			}
			sealed := time.Now()
			if err := s.record.Save(b.Context(), content); err != nil {
				b.Fatal(err)
			}
			written := time.Now()
			for i, d := range []time.Duration{encoded.Sub(began), sealed.Sub(encoded), written.Sub(sealed), written.Sub(began)} {
				best[i] = min(best[i], d)
			}
		}
		for i, unit := range []string{"best-encode-ms", "best-seal-ms", "best-write-ms", "best-ms"} {
			b.ReportMetric(float64(best[i].Microseconds())/1000, unit)
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		b.ReportAllocs()
		if err := s.Save(b.Context(), image(b, l), now); err != nil {
			b.Fatal(err)
		}
		s.record = nil // it must not be written
		for b.Loop() {
			if err := s.Save(b.Context(), image(b, l), now); err != nil {
				b.Fatal(err)
			}
		}
	})
}
