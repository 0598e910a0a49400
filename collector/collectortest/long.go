package collectortest

import (
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Long reports whether this is a long run: HOOP_LONG=1.
func Long() bool { return os.Getenv("HOOP_LONG") == "1" }

// LongOnly skips a test unless this is a long run. Why says what makes it long.
func LongOnly(t testing.TB, why string) {
	t.Helper()
	if !Long() {
		t.Skip(why + ": HOOP_LONG=1")
	}
}

// Pick returns the second value in a long run, and the first one otherwise.
func Pick[T any](short, long T) T {
	if Long() {
		return long
	}
	return short
}

// Number returns the number that an environment variable holds, or def if it is not set. Anything else fails the test.
func Number(t testing.TB, name string, def uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}

// Duration returns the duration that an environment variable holds, or def if it is not set. Less than least, or anything else, fails the
// test.
func Duration(t testing.TB, name string, def, least time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least {
		t.Fatalf("%s=%q: write at least %v, such as 10m", name, text, least)
	}
	return d
}

// Main runs the tests of a package that simulates, and fails if they leave a goroutine behind. Simulated days make garbage by the gigabyte:
// collected less often, they take half of the time. What benchmarks measure is left as it is.
func Main(m *testing.M) {
	if !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.bench") }) {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(1 << 30)
	}
	goleak.VerifyTestMain(m)
}
