package deploy_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// folder is where the program is built. TestMain makes and removes it.
var folder string

// built is the program, built once for all tests of this package.
var built = sync.OnceValues(func() (string, error) {
	programs, err := collectortest.Build(context.Background(), folder)
	return programs.Exporter, err
})

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "hoop_exporter"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// program is where the program was built.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
