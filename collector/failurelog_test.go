package collector

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/client"
)

func TestAFailureIsLoggedOnceUntilItRecovers(t *testing.T) {
	status := func(code int, message string) error { return &client.StatusError{Code: code, Message: message} }
	for _, tc := range []struct {
		name   string
		errs   []error
		warned int
	}{
		{"the same", []error{errors.New("no"), errors.New("no"), errors.New("no")}, 1},
		{"another port each time", []error{errors.New("read tcp 10.0.0.1:51234->10.0.0.2:443: reset"), errors.New("read tcp 10.0.0.1:51240->10.0.0.2:443: reset")}, 1},
		{"another number of the request each time", []error{status(500, "request 7f3a-b21 failed"), status(500, "request c9d0-e15 failed")}, 1},
		{"another status", []error{status(500, "no"), status(503, "no")}, 2},
		{"another cause", []error{errors.New("reset"), errors.New("refused")}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var logged logs
			l := newFailureLog(log.NewLogfmtLogger(&logged))
			for _, err := range tc.errs {
				l.failed("head", "asking failed", err)
			}
			if n := strings.Count(logged.String(), "level=warn"); n != tc.warned {
				t.Errorf("%d warnings, want %d:\n%s", n, tc.warned, logged.String())
			}
			l.recovered("head")
			l.recovered("head")
			l.failed("head", "asking failed", tc.errs[0])
			if n := strings.Count(logged.String(), "level=warn"); n != tc.warned+1 || strings.Count(logged.String(), "recovered") != 1 {
				t.Errorf("after it recovered and failed again:\n%s", logged.String())
			}
		})
	}
}

func TestFailedOnceRemembersABoundedNumberOfSubjects(t *testing.T) {
	var logged logs
	l := newFailureLog(log.NewLogfmtLogger(&logged))
	for range 2 {
		for i := range maxWarned + 10 {
			l.failedOnce(strings.Repeat("x", i), "odd", errors.New("odd"))
		}
	}
	if n := strings.Count(logged.String(), "level=warn"); n != maxWarned || len(l.warned) != maxWarned {
		t.Errorf("%d warnings, %d remembered, want %d", n, len(l.warned), maxWarned)
	}
}
