package logging

import (
	"strings"
	"testing"

	"github.com/go-kit/log/level"
)

// Both logs have the same form, and leave out what is less severe than the lowest level.
func TestBothLogsAgree(t *testing.T) {
	for format, want := range map[string]string{"logfmt": "level=warn", "json": `"level":"warn"`} {
		var out strings.Builder
		logger, slogger, err := New(&out, "warn", format)
		if err != nil {
			t.Fatal(err)
		}
		_ = level.Info(logger).Log("msg", "left out")
		_ = level.Warn(logger).Log("msg", "one")
		slogger.Info("left out")
		slogger.Warn("two")
		if got := strings.ToLower(out.String()); strings.Count(got, "\n") != 2 || strings.Count(got, want) != 2 || strings.Contains(got, "left out") || !strings.Contains(got, "logging_test.go:") {
			t.Errorf("%s: %s", format, out.String())
		}
	}
	if _, _, err := New(&strings.Builder{}, "loud", "logfmt"); err == nil || !strings.Contains(err.Error(), "--log.level") {
		t.Errorf("an unknown level: %v", err)
	}
}
