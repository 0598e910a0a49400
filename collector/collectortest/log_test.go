package collectortest

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"testing/synctest"
	"time"
)

func TestAwaitEndsWithTheMatchOrTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Log
		go func() {
			for i := range 10 {
				time.Sleep(time.Second)
				_, _ = fmt.Fprintf(&l, "line %d\n", i)
			}
		}()
		began := time.Now()
		match, err := l.Await(t.Context(), regexp.MustCompile(`line (3)`))
		if took := time.Since(began); err != nil || match[1] != "3" || took != 4*time.Second {
			t.Errorf("%v, %v after %v", match, err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if match, err := l.Await(ctx, regexp.MustCompile(`line 10`)); err == nil {
			t.Errorf("found %v", match)
		}
		if tail := l.Tail(7); tail != "line 9\n" {
			t.Errorf("the tail is %q", tail)
		}
	})
}
