package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// verdict is what became of a mutant.
type verdict string

const (
	notCovered verdict = "not covered" // no test executes it
	survived   verdict = "survived"
	killed     verdict = "killed"
	timeout    verdict = "timeout" // a test noticed, by not ending
	equivalent verdict = "equivalent"
)

const (
	// quick is the processor time up to which tests run together in one process.
	quick = 300 * time.Millisecond
	// patience is by how much more processor time than without a mutant a test may take.
	patience = 4
)

// binary is a test binary into which mutants are compiled.
type binary struct {
	path, dir string
	args      []string
	megabytes int
}

// test is one test of a binary.
type test struct {
	binary *binary
	name   string // pattern for -test.run
	took   time.Duration
	covers map[int]bool // the points that it executes
}

// outcome is how a test process ended.
type outcome struct {
	passed, timeout bool
	took            time.Duration // of processor time
	output          []byte
}

// buildBinary compiles the tests of a package, with the mutants of the overlay.
func buildBinary(s *settings, p *pkg, dir, file, name string) (*binary, error) {
	tests, err := goList(name)
	if err != nil {
		return nil, err
	}
	b := &binary{path: filepath.Join(dir, file), dir: tests[0].Dir, megabytes: s.megabytes}
	command := exec.Command("go", "test", "-c", "-overlay", filepath.Join(dir, "overlay.json"), "-o", b.path, name)
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go test -c %s: %w: %s", name, err, out)
	}
	deps, err := goList("-deps", "-test", name)
	if slices.ContainsFunc(deps, func(l listed) bool { return l.ImportPath == "pgregory.net/rapid" }) {
		b.args = []string{"-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=1ms"}
	}
	return b, err
}

// run runs tests with a mutant; 0 is none. A limit of 0 is none.
func (b *binary) run(pattern string, mutant int, trace string, limit time.Duration) (outcome, error) {
	seconds := "unlimited"
	wall := 30 * time.Minute
	if limit > 0 {
		// What is slow because the machine is busy takes no processor time. What waits forever takes none either.
		seconds, wall = strconv.Itoa(int(limit.Seconds())+1), 10*limit+20*time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), wall)
	defer cancel()
	limits := fmt.Sprintf(`ulimit -t %s && ulimit -v %d && exec "$0" "$@"`, seconds, b.megabytes*1024)
	args := []string{"-c", limits, b.path, "-test.failfast", "-test.timeout=0", "-test.run=" + pattern}
	command := exec.CommandContext(ctx, "sh", append(args, b.args...)...)
	command.Dir = b.dir
	command.Env = append(os.Environ(), "MUTANT="+strconv.Itoa(mutant), "MUTANT_TRACE="+trace)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = time.Second
	output := &head{left: 1 << 20}
	command.Stdout, command.Stderr = output, output
	err := command.Run()
	o := outcome{passed: err == nil, output: output.Bytes()}
	if command.ProcessState == nil {
		return o, err
	}
	o.took = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		o.timeout = true
	}
	return o, nil
}

// head is the first part of an output.
type head struct {
	bytes.Buffer
	left int
}

func (h *head) Write(b []byte) (int, error) {
	n := min(len(b), h.left)
	h.left -= n
	h.Buffer.Write(b[:n])
	return len(b), nil
}

// measure runs a test without a mutant, for its time and for what it covers.
func (b *binary) measure(pattern, trace string) (*test, error) {
	o, err := b.run(pattern, 0, trace, 0)
	if err != nil {
		return nil, err
	}
	if !o.passed || bytes.Contains(o.output, []byte("no tests to run")) {
		return nil, fmt.Errorf("%s does not pass without a mutant: %s", pattern, o.output)
	}
	t := &test{binary: b, name: pattern, took: o.took, covers: map[int]bool{}}
	text, err := os.ReadFile(trace)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for id := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(id)
		if err != nil {
			return nil, err
		}
		t.covers[n] = true
	}
	return t, nil
}

// ownTests measures every test of the package.
func ownTests(s *settings, p *pkg, dir string) ([]*test, error) {
	b, err := buildBinary(s, p, dir, "own.test", p.name)
	if err != nil {
		return nil, err
	}
	list := exec.Command(b.path, "-test.list=^(Test|Fuzz|Example)")
	list.Dir = b.dir
	out, err := list.Output()
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool { return s.skip != nil && s.skip.MatchString(name) })
	tests := make([]*test, len(names))
	err = each(s.workers, names, func(i int, name string) (err error) {
		tests[i], err = b.measure("^"+name+"$", filepath.Join(dir, name+".trace"))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(tests, func(a, b *test) int { return cmp.Compare(a.took, b.took) })
	return tests, nil
}

// runMutants decides about the mutants of a package.
func runMutants(s *settings, dir string, p *pkg, mutants []*mutant) error {
	points := map[*mutant]int{}
	for _, pt := range p.points {
		for _, m := range pt.mutants {
			points[m] = pt.id
		}
	}
	began := time.Now()
	tests, err := ownTests(s, p, dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "  %d tests measured in %s\n", len(tests), time.Since(began).Round(time.Second))
	todo := slices.DeleteFunc(slices.Clone(mutants), func(m *mutant) bool { return m.verdict == equivalent && !s.verify })
	if err := runStage(s, todo, points, tests, time.Time{}); err != nil {
		return err
	}
	end := time.Now().Add(s.budget)
	for i, then := range s.then {
		name, pattern, _ := strings.Cut(then, " ")
		todo = slices.DeleteFunc(todo, func(m *mutant) bool { return m.verdict == killed || m.verdict == timeout })
		if len(todo) == 0 {
			break
		}
		b, err := buildBinary(s, p, dir, fmt.Sprint("then", i, ".test"), name)
		if err != nil {
			return err
		}
		t, err := b.measure(pattern, filepath.Join(dir, fmt.Sprint("then", i, ".trace")))
		if err != nil {
			return err
		}
		if err := runStage(s, todo, points, []*test{t}, end); err != nil {
			return err
		}
	}
	return nil
}

// runStage runs tests for mutants, until end where it is set.
func runStage(s *settings, mutants []*mutant, points map[*mutant]int, tests []*test, end time.Time) error {
	began := time.Now()
	var done, late atomic.Int64
	err := each(s.workers, mutants, func(_ int, m *mutant) error {
		if !end.IsZero() && time.Now().After(end) {
			late.Add(1)
			return nil
		}
		if n := done.Add(1); n%100 == 0 {
			fmt.Fprintf(os.Stderr, "  %d of %d mutants in %s\n", n, len(mutants), time.Since(began).Round(time.Second))
		}
		covering := slices.DeleteFunc(slices.Clone(tests), func(t *test) bool { return !t.covers[points[m]] })
		return judge(m, covering)
	})
	if n := late.Load(); n > 0 {
		fmt.Fprintf(os.Stderr, "  no time was left for %d mutants\n", n)
	}
	return err
}

// judge runs the tests that execute a mutant until one fails: the quick ones in one process, then the others, each by itself.
func judge(m *mutant, tests []*test) error {
	if m.verdict == "" {
		m.verdict = notCovered
	}
	for len(tests) > 0 {
		n, limit := 1, tests[0].took
		for n < len(tests) && tests[n].took <= quick {
			limit += tests[n].took
			n++
		}
		var names []string
		for _, t := range tests[:n] {
			names = append(names, t.name)
		}
		o, err := tests[0].binary.run(strings.Join(names, "|"), m.id, "", patience*limit+2*time.Second)
		switch {
		case err != nil:
			return err
		case o.timeout:
			m.verdict, m.by = timeout, strings.Trim(names[0], "^$")
			if n > 1 {
				m.by = fmt.Sprintf("one of %d tests", n)
			}
			return nil
		case !o.passed:
			m.verdict, m.by = killed, o.killer(names)
			return nil
		}
		if m.verdict == notCovered {
			m.verdict = survived
		}
		tests = tests[n:]
	}
	return nil
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)(?:.*\n    --- FAIL: (\S+))?`)

// killer is the test that failed.
func (o outcome) killer(names []string) string {
	if found := failed.FindSubmatch(o.output); found != nil {
		return cmp.Or(string(found[2]), string(found[1]))
	}
	if len(names) == 1 {
		return strings.Trim(names[0], "^$")
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(o.output)), "\n")
	return first
}

// each calls do for every value, n at a time, until one fails.
func each[T any](n int, values []T, do func(int, T) error) error {
	var wait sync.WaitGroup
	var next atomic.Int64
	failures := make(chan error, n)
	for range n {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(values) {
					return
				}
				if err := do(i, values[i]); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	wait.Wait()
	close(failures)
	return <-failures
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
