package check

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// folder has the built programs. TestMain creates and removes it.
var folder string

// built builds the exporter and the simulated gateway, once.
var built = sync.OnceValue(func() error {
	_, err := output("go", "build", "-C", root, "-o", folder+string(filepath.Separator), ".", "./client/gatewaytest/gatewayd")
	return err
})

// exporterProgram is the path of the built exporter.
func exporterProgram() (string, error) { return filepath.Join(folder, "hoop_exporter"), built() }

// output runs a program, and returns its standard output. Its standard error is in the error.
func output(name string, args ...string) ([]byte, error) {
	return exec.Command(name, args...).Output()
}

// program lists the exporter's flags, once.
var program = sync.OnceValues(func() (map[string]bool, error) {
	path, err := exporterProgram()
	if err != nil {
		return nil, err
	}
	out, err := output(path, "--help")
	if err != nil {
		return nil, err
	}
	flags := map[string]bool{}
	for _, m := range regexp.MustCompile(`--(?:\[no-\])?([a-z][-a-z.]*)`).FindAllSubmatch(out, -1) {
		flags[string(m[1])], flags["no-"+string(m[1])] = true, true
	}
	return flags, nil
})

// checkFlags wants each argument of an exporter to be a flag that the program has.
func checkFlags(t *testing.T, o *objects) {
	t.Helper()
	known, err := program()
	if err != nil {
		t.Fatal(err)
	}
	var specs [][]string
	for _, w := range o.workloads() {
		specs = append(specs, w.pod.Spec.Containers[0].Args)
	}
	for _, p := range o.pods {
		specs = append(specs, p.Spec.Containers[0].Args)
	}
	for _, args := range specs {
		if len(args) == 0 {
			t.Error("an exporter without arguments")
		}
		for _, arg := range args {
			name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			if !known[name] || !strings.HasPrefix(arg, "--") {
				t.Errorf("the exporter has no flag %s", arg)
			}
		}
	}
}

// abs is where a file of the project is.
func abs(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
