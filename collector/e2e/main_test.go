package e2e

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
)

// database is for tests that change nothing of the server itself.
var database pgtest.Cluster

// folder is where the programs are built. TestMain makes and removes it.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "hoop_exporter"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := errors.Join(database.Close(), os.RemoveAll(folder)); err != nil {
			panic(err)
		}
		os.Exit(code)
	}))
}

var buildOnce = sync.OnceValues(func() (collectortest.Programs, error) { return collectortest.Build(context.Background(), folder) })

// built returns the programs, which are built once for all tests of this package.
func built(t *testing.T) collectortest.Programs {
	t.Helper()
	p, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return p
}
