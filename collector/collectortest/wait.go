package collectortest

import (
	"testing"
	"time"
)

// Eventually calls complaint at intervals until it returns nothing. It fails the test with the last complaint if that takes longer than
// within.
func Eventually(t testing.TB, within, interval time.Duration, complaint func() string) {
	t.Helper()
	tooLong := time.After(within)
	again := time.NewTicker(interval)
	defer again.Stop()
	for {
		c := complaint()
		if c == "" {
			return
		}
		select {
		case <-again.C:
		case <-tooLong:
			t.Fatalf("still not so after %v: %s", within, c)
		}
	}
}
