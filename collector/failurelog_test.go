package collector

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
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

func TestWhatStaysWrongIsRepeatedOnceAnHour(t *testing.T) {
	for name, reasons := range map[string][]string{
		"for one reason": {"reset"}, "for one of two reasons": {"reset", "refused"}, "for two reasons in turn": {"reset", "refused", "reset", "reset", "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logged logs
				l := newFailureLog(log.NewLogfmtLogger(&logged))
				began := time.Now()
				for i := 0; time.Since(began) < 3*time.Hour; i++ {
					l.failed("head", "asking failed", errors.New(reasons[i%len(reasons)]))
					time.Sleep(time.Minute)
				}
				last := strings.LastIndex(logged.String(), "level=warn")
				if n, different := strings.Count(logged.String(), "level=warn"), min(len(reasons), 2); n != 3*different {
					t.Errorf("%d warnings in three hours, want %d", n, 3*different)
				}
				if line, _, _ := strings.Cut(logged.String()[last:], "\n"); !strings.Contains(line, `err=re`) || !strings.Contains(line, "since="+moment(began)) {
					t.Errorf("the last one does not say why and since when: %s", line)
				}
			})
		})
	}
}

func TestASubjectThatFailsForEverNewReasonsHasFewWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged logs
		l := newFailureLog(log.NewLogfmtLogger(&logged))
		for i := range 2 * 60 {
			l.failed("head", "asking failed", errors.New(strings.Repeat("x", i+1)))
			time.Sleep(time.Minute)
		}
		if n := strings.Count(logged.String(), "level=warn"); n != 2*maxReasons {
			t.Errorf("%d warnings in two hours, want %d", n, 2*maxReasons)
		}
	})
}

// A gateway that refuses everything is reported in one line an hour, which starts with the reason.
func TestARefusedCredentialIsOneLineAnHour(t *testing.T) {
	for _, test := range []struct {
		name, line string
		saved      bool
		answer     http.Handler
	}{
		{"a wrong token, saved", `level=warn msg="the gateway is not queried" err="get user info: HTTP 401 from /api/userinfo`, true, gatewaytest.Fail(401, "no")},
		{"a wrong token", `level=warn msg="a request to the gateway failed" err="list sessions: HTTP 401 from /api/sessions`, false, gatewaytest.Fail(401, "no")},
		{"no JSON, saved", `level=warn msg="the gateway is not queried" err="get user info: the answer is not JSON`, true, gatewaytest.Spoil(200, "text/html", []byte("<p>"))},
		{"no JSON", `level=warn msg="a request to the gateway failed" err="list sessions: the answer is not JSON`, false, gatewaytest.Spoil(200, "text/html", []byte("<p>"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(*http.Request) http.Handler { return test.answer }})
				var logged logs
				cfg := truthConfig()
				cfg.Logger = level.NewFilter(log.NewLogfmtLogger(&logged), level.AllowInfo())
				if test.saved {
					cfg.State = newDisk()
				}
				w := newWorld(t, g, cfg)
				defer w.stop()
				w.scrapeFor(3*time.Hour+30*time.Minute, refreshEvery)
				lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
				if len(lines) != 4 {
					t.Fatalf("%d lines in three and a half hours, want 4:\n%s", len(lines), logged.String())
				}
				for i, line := range lines {
					if !strings.HasPrefix(line, test.line) || strings.Contains(line, "since=") != (i > 0) {
						t.Errorf("line %d is not %s…: %s", i, test.line, line)
					}
				}
			})
		})
	}
}
