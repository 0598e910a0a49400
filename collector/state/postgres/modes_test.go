package postgres

import (
	"errors"
	"testing"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
)

// A proxy that gives each transaction another connection knows no prepared statements: the URL can do without.
func TestWithoutPreparedStatements(t *testing.T) {
	for _, mode := range []string{"exec", "simple_protocol", "cache_describe"} {
		t.Run(mode, func(t *testing.T) {
			d := opened(t, cluster.Database(t)+"&default_query_exec_mode="+mode)
			l := leased(t, d, "a", "x")
			r, _ := recordOf(t, d, l)
			saves(t, r, "content", nil)
			if c, err := r.Load(t.Context()); err != nil || string(c) != "content" {
				t.Errorf("%q, %v", c, err)
			}
			if _, err := r.MoveAside(t.Context(), noon()); err != nil {
				t.Error(err)
			}
			if err := errors.Join(r.Close(), d.Release(t.Context(), []lease.Lease{l}), d.Leave(t.Context(), "a")); err != nil {
				t.Error(err)
			}
		})
	}
}
