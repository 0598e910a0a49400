package check

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// program builds the exporter and lists its flags, once.
var program = sync.OnceValues(func() (map[string]bool, error) {
	out, err := exec.Command("go", "run", "-C", root, ".", "--help").Output()
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
		checkAccepted(t, args)
	}
}

// checkAccepted wants the program to accept the arguments of an exporter together: here, it only misses the files that they name.
func checkAccepted(t *testing.T, args []string) {
	t.Helper()
	run := []string{"run", "-C", root, "."}
	for _, arg := range args {
		run = append(run, strings.ReplaceAll(arg, "$(POD_IP)", "10.0.0.7"))
	}
	if !slices.Contains(args, "--config.check") {
		run = append(run, "--config.print")
	}
	if out, err := exec.Command("go", run...).CombinedOutput(); err != nil && !strings.Contains(string(out), "no such file or directory") {
		t.Errorf("the exporter does not accept %s: %v: %s", args, err, out)
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
