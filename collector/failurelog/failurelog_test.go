package failurelog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
)

// status is an error whose text says with a number what it is.
type status int

func (s status) Error() string { return fmt.Sprintf("HTTP %d", int(s)) }

func TestAFailureIsLoggedOnceUntilItRecovers(t *testing.T) {
	code := func(err error) (code string) {
		if s, ok := errors.AsType[status](err); ok {
			code = strconv.Itoa(int(s))
		}
		return code
	}
	for _, tc := range []struct {
		name   string
		errs   []error
		warned int
	}{
		{"the same", []error{errors.New("no"), errors.New("no"), errors.New("no")}, 1},
		{"another port each time", []error{errors.New("read tcp 10.0.0.1:51234->10.0.0.2:443: reset"), errors.New("read tcp 10.0.0.1:51240->10.0.0.2:443: reset")}, 1},
		{"another number of the request each time", []error{fmt.Errorf("request 7f3a-b21: %w", status(500)), fmt.Errorf("request c9d0-e15: %w", status(500))}, 1},
		{"another status", []error{status(500), status(503)}, 2},
		{"another cause", []error{errors.New("reset"), errors.New("refused")}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var logged strings.Builder
			l := New(log.NewLogfmtLogger(&logged), code)
			for _, err := range tc.errs {
				l.Failed("head", "a request failed", err)
			}
			if n := strings.Count(logged.String(), "level=warn"); n != tc.warned {
				t.Errorf("%d warnings, want %d:\n%s", n, tc.warned, logged.String())
			}
			l.Recovered("head")
			l.Recovered("head")
			l.Failed("head", "a request failed", tc.errs[0])
			if n := strings.Count(logged.String(), "level=warn"); n != tc.warned+1 || strings.Count(logged.String(), "recovered") != 1 {
				t.Errorf("after it recovered and failed again:\n%s", logged.String())
			}
		})
	}
}

func TestFailedOnceRemembersABoundedNumberOfSubjects(t *testing.T) {
	var logged strings.Builder
	l := New(log.NewLogfmtLogger(&logged), nil)
	for range 2 {
		for i := range maxWarned + 10 {
			l.FailedOnce(strings.Repeat("x", i), "odd", errors.New("odd"))
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
				var logged strings.Builder
				l := New(log.NewLogfmtLogger(&logged), nil)
				began := time.Now()
				for i := 0; time.Since(began) < 3*time.Hour; i++ {
					l.Failed("head", "a request failed", errors.New(reasons[i%len(reasons)]))
					time.Sleep(time.Minute)
				}
				last := strings.LastIndex(logged.String(), "level=warn")
				if n, different := strings.Count(logged.String(), "level=warn"), min(len(reasons), 2); n != 3*different {
					t.Errorf("%d warnings in three hours, want %d", n, 3*different)
				}
				if line, _, _ := strings.Cut(logged.String()[last:], "\n"); !strings.Contains(line, `err=re`) || !strings.Contains(line, "since="+Moment(began)) {
					t.Errorf("the last one does not say why and since when: %s", line)
				}
			})
		})
	}
}

func TestASubjectThatFailsForEverNewReasonsHasFewWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged strings.Builder
		l := New(log.NewLogfmtLogger(&logged), nil)
		for i := range 2 * 60 {
			l.Failed("head", "a request failed", errors.New(strings.Repeat("x", i+1)))
			time.Sleep(time.Minute)
		}
		if n := strings.Count(logged.String(), "level=warn"); n != 2*maxReasons {
			t.Errorf("%d warnings in two hours, want %d", n, 2*maxReasons)
		}
	})
}
