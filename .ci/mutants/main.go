// Mutants tests the tests. It changes the code of a package in one small way at a time (a mutant), runs the package's tests, and reports
// the mutants that no test notices.
//
//	go run ./.ci/mutants [flags] package[:file,file] ...
//
// A file with a minus before it is left out: ./collector/ledger:-image.go. All mutants of a package are compiled into one test binary,
// where an environment variable selects the mutant. The files in the tree are not changed.
//
// Stage 1 runs the tests of the package itself, and of these only the ones that execute the mutated code. Stage 2 runs the tests named by
// -then, for mutants that survived stage 1. A mutant is "not covered" when no test of either stage executes it.
//
// Mutants that change nothing that can be observed are listed, with a reason, in equivalent.txt beside this file.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// settings are the flags.
type settings struct {
	swap       map[string]string // function to function of the same signature
	then       []string          // "package regexp": the tests of stage 2
	only       *regexp.Regexp    // nil: all mutants
	skip       *regexp.Regexp    // tests of stage 1; nil: none
	budget     time.Duration     // of stage 2
	workers    int
	megabytes  int
	equivalent string
	verify     bool
	list       bool
	out        string
	minimum    float64
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run() error {
	s := settings{swap: map[string]string{}}
	flag.Func("swap", "comma-separated `pairs` f/g of functions with the same signature; a call of f becomes a call of g, and the other way round", func(v string) error {
		for pair := range strings.SplitSeq(v, ",") {
			f, g, ok := strings.Cut(pair, "/")
			if !ok {
				return fmt.Errorf("%q is not of the form f/g", pair)
			}
			s.swap[f], s.swap[g] = g, f
		}
		return nil
	})
	flag.Func("then", "`tests` of stage 2, as \"package regexp\"; can be repeated", func(v string) error {
		s.then = append(s.then, v)
		return nil
	})
	flag.Func("only", "run only mutants whose \"file:line function mutation\" matches this `regexp`", func(v string) (err error) {
		s.only, err = regexp.Compile(v)
		return err
	})
	flag.Func("skip", "do not run tests of stage 1 whose name matches this `regexp`", func(v string) (err error) {
		s.skip, err = regexp.Compile(v)
		return err
	})
	flag.DurationVar(&s.budget, "budget", 30*time.Minute, "time for stage 2; mutants that it does not reach count as survivors")
	flag.IntVar(&s.workers, "j", runtime.NumCPU(), "test processes at a time")
	flag.IntVar(&s.megabytes, "memory", 4000, "address space of a test process, in MB")
	flag.StringVar(&s.equivalent, "equivalent", ".ci/mutants/equivalent.txt", "`file` with the known equivalent mutants")
	flag.BoolVar(&s.verify, "verify", false, "run the equivalent mutants as well, and report those that a test notices")
	flag.BoolVar(&s.list, "list", false, "print the mutants and run nothing")
	flag.StringVar(&s.out, "o", "", "`file` for the whole table, in Markdown; the standard output shows survivors only")
	flag.Float64Var(&s.minimum, "minimum", 0, "fail when fewer `percent` of the mutants are killed")
	flag.Parse()
	if flag.NArg() == 0 {
		return fmt.Errorf("no package is named; see go doc ./.ci/mutants")
	}
	equivalents, err := readEquivalents(s.equivalent)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	began := time.Now()
	var all []*mutant
	for i, target := range flag.Args() {
		mutants, err := testTarget(&s, filepath.Join(dir, fmt.Sprint(i)), target, equivalents)
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		all = append(all, mutants...)
	}
	if s.list {
		return nil
	}
	r := report{mutants: all, stale: equivalents.unused(all), took: time.Since(began)}
	if s.out != "" {
		if err := os.WriteFile(s.out, []byte(r.markdown(true)), 0o644); err != nil {
			return err
		}
	}
	fmt.Print(r.markdown(false))
	if percent := r.percent(); percent < s.minimum {
		return fmt.Errorf("%.1f %% of the mutants are killed, at least %.1f %% must be", percent, s.minimum)
	}
	return nil
}

// testTarget makes and runs the mutants of one package.
func testTarget(s *settings, dir, target string, equivalents *equivalents) ([]*mutant, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	name, files, _ := strings.Cut(target, ":")
	p, err := load(name, files)
	if err != nil {
		return nil, err
	}
	p.findPoints(s.swap)
	p.distinguish()
	left, err := p.instrument(dir)
	if err != nil {
		return nil, err
	}
	var mutants []*mutant
	for _, pt := range p.points {
		for _, m := range pt.mutants {
			if equivalents.has(m) {
				m.verdict = equivalent
			}
			if s.only != nil && !s.only.MatchString(m.String()) {
				continue
			}
			mutants = append(mutants, m)
		}
	}
	slices.SortStableFunc(mutants, func(a, b *mutant) int { return cmp.Or(cmp.Compare(a.path, b.path), a.line-b.line) })
	fmt.Fprintf(os.Stderr, "%s: %d mutants, %d more do not compile\n", target, len(mutants), left)
	if s.list {
		for _, m := range mutants {
			fmt.Println(m)
		}
		return nil, nil
	}
	return mutants, runMutants(s, dir, p, mutants)
}
