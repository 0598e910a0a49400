package collector

import (
	flags "flag"
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// Days and weeks are simulated here, which makes garbage by the gigabyte: collected less often, they take half of the time. What benchmarks measure
// is left as it is.
func TestMain(m *testing.M) {
	flags.Parse()
	if f := flags.Lookup("test.bench"); f == nil || f.Value.String() == "" {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(1 << 30)
	}
	goleak.VerifyTestMain(m)
}
