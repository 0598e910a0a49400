package logging

import (
	"log/slog"
	"regexp"
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

// One pattern finds a line of either log.
func TestBothLogsHaveOneOrderAndOneCase(t *testing.T) {
	for format, pattern := range map[string]string{
		"logfmt": `^level=error time=\d{4}-\d\d-\d\dT[\d:.]+Z caller=logging_test\.go:\d+ msg="(.*)" err=x a=1$`,
		"json":   `^{"a":1,"caller":"logging_test\.go:\d+","err":"x","level":"error","msg":"(.*)","time":"\d{4}-\d\d-\d\dT[\d:.]+Z"}$`,
	} {
		var out strings.Builder
		logger, slogger, err := New(&out, "info", format)
		if err != nil {
			t.Fatal(err)
		}
		_ = level.Error(logger).Log("msg", "reading failed", "err", "x", "a", 1)
		slogger.Error("Reading failed", "err", "x", "a", 1)
		slogger.With("err", "x").Error("TLS is off", slog.Int("a", 1))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		for i, want := range []string{"reading failed", "reading failed", "TLS is off"} {
			if m := regexp.MustCompile(pattern).FindStringSubmatch(lines[i]); m == nil || m[1] != want {
				t.Errorf("%s: %s, want one with %q like %s", format, lines[i], want, pattern)
			}
		}
	}
}
