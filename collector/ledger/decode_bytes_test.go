package ledger

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

// A field that no version has, one that is there twice, and a number in more bytes than it needs are refused.
func TestBytesWithoutMeaningAreRefused(t *testing.T) {
	good := image(t, someLedger())
	for name, behind := range map[string][]byte{
		"an unknown field":      {0xa0, 0x06, 1},
		"a field of 0":          {0x30, 0},
		"a field twice":         {0x20, 1, 0x20, 1},
		"a number that is long": {0x30, 0x81, 0x80, 0},
	} {
		i := Image{append(slices.Clone(good.Ledger), behind...), good.Progress}
		if _, err := Restore(imageOptions(), i); !errors.Is(err, errState) || !strings.Contains(err.Error(), "no meaning") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Bytes that decode to as much as they can take memory in proportion to their length.
func TestHostileBytesTakeLittleMemory(t *testing.T) {
	const size = 1 << 18
	fields := (&statepb.Ledger{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !f.IsList() {
			continue
		}
		tag := []byte{byte(f.Number()<<3) | 2, 0}
		if f.Number() >= 16 {
			tag = []byte{byte(f.Number()<<3) | 2 | 0x80, byte(f.Number() >> 4), 0}
		}
		hostile := Image{Ledger: bytes.Repeat(tag, size/len(tag))}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Restore(imageOptions(), hostile); !errors.Is(err, errState) {
			t.Errorf("%s: %v", f.Name(), err)
		}
		runtime.ReadMemStats(&after)
		took := (after.TotalAlloc - before.TotalAlloc) / size
		t.Logf("%s: %d bytes for each", f.Name(), took)
		if took > 300 {
			t.Errorf("%s: %d bytes for each", f.Name(), took)
		}
	}
}

func TestTimesAreStoredToTheNanosecond(t *testing.T) {
	for _, tc := range []struct{ name, t, want string }{
		{"none", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"one", "2026-08-03T12:00:00.123456789Z", "2026-08-03T12:00:00.123456789Z"},
		{"the first that fits", "1677-09-21T00:12:43.145224192Z", "1677-09-21T00:12:43.145224192Z"},
		{"before it", "1600-01-01T00:00:00Z", "1677-09-21T00:12:43.145224192Z"},
		{"the last that fits", "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775807Z"},
		{"after it", "9999-12-31T23:59:59Z", "2262-04-11T23:47:16.854775807Z"},
		{"zero that is not none", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000001Z"},
	} {
		in, err := time.Parse(time.RFC3339Nano, tc.t)
		if err != nil {
			t.Fatal(err)
		}
		if got := timeOf(nanoseconds(in)).Format(time.RFC3339Nano); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestAnInvalidTextIsAnError(t *testing.T) {
	l := New(imageOptions(), noon())
	l.Apply(noon(), []client.Session{sessionRow("\xff", time.Second)})
	if i, err := l.Image(); err == nil || i.Ledger != nil || i.Progress != nil {
		t.Errorf("%v, want an error and no image", err)
	}
}
