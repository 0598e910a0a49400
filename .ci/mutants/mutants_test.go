package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The mutants of a small module are what they should be, and get the verdicts that its tests deserve.
func TestMutants(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example\n\ngo 1.26\n",
		"p.go": `package p

import "time"

const limit = 3

func larger(a, b int) int {
	if a > b {
		return a
	}
	return b
}

func down(n int) int {
	for n > 0 {
		n--
	}
	return n
}

func unused(d time.Duration) bool { return d > limit*time.Second || !true }

func kind(s string) int {
	switch s {
	case "aaa":
		return 1
	}
	return min(2, len(s))
}

func old(t, u time.Time) bool { return t.Before(u) }

func add(a, b int) int { return a + b }
func sub(a, b int) int { return a - b }
func calls() int       { return add(4, 0) }

func stay(m map[int]int) int {
	n := 0
	for k := range m {
		if k == 1 {
			continue
		}
		n += k
	}
	return n
}
`,
		"p_test.go": `package p

import (
	"testing"
	"time"
)

func TestAll(t *testing.T) {
	if larger(1, 2) != 2 || larger(2, 1) != 2 || down(2) != 0 || kind("aaa") != 1 || kind("bbb") != 2 || calls() != 4 {
		t.Error("wrong")
	}
	if now := time.Now(); !old(now, now.Add(1)) || old(now.Add(1), now) {
		t.Error("not old")
	}
}

func TestStay(t *testing.T) {
	if stay(map[int]int{1: 1, 2: 2}) != 2 {
		t.Error("wrong")
	}
}
`,
		"equivalent.txt": "p.go larger\n  if a > b {\n- `a > b` → `a >= b`\nEqual numbers are the same.\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	equivalents, err := readEquivalents("equivalent.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := settings{swap: map[string]string{"add": "sub", "sub": "add"}, workers: 2, megabytes: 4000, budget: time.Minute}
	mutants, err := testTarget(&s, filepath.Join(t.TempDir(), "work"), ".", equivalents)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range mutants {
		got[m.function+" "+m.change] = strings.TrimSpace(string(m.verdict) + " " + m.by)
	}
	for change, want := range map[string]string{
		"larger `if a > b` → `if true`":                             "killed TestAll",
		"larger `if a > b` → `if false`":                            "killed TestAll",
		"larger `a > b` → `a >= b`":                                 "equivalent",
		"down `n > 0` → `n >= 0`":                                   "killed TestAll",
		"down `n--` → `n++`":                                        "timeout TestAll",
		"unused `d > limit*time.Second` → `d >= limit*time.Second`": "not covered",
		"kind `case \"aaa\"` never matches":                         "killed TestAll",
		"kind `min(2, len(s))` → `max(2, len(s))`":                  "killed TestAll",
		"old `t.Before(u)` → `t.After(u)`":                          "killed TestAll",
		"old `t.Before(u)` → `!t.After(u)`":                         "survived",
		"calls `add(4, 0)` → `sub(4, 0)`":                           "survived",
		"add `a + b` → `a - b`":                                     "survived",
		"stay `if k == 1` → `if false`":                             "killed TestStay",
		"stay delete `n += k`":                                      "killed TestStay",
	} {
		if got[change] != want {
			t.Errorf("%s: %q, want %q", change, got[change], want)
		}
	}
	if t.Failed() {
		for change, verdict := range got {
			t.Logf("%s: %s", change, verdict)
		}
	}
	r := report{mutants: mutants, stale: equivalents.unused(mutants)}
	if text := r.markdown(true); len(r.stale) > 0 || !strings.Contains(text, "| p.go:8 | larger | `a > b` → `a >= b` | equivalent |  |") {
		t.Errorf("report:\n%s", text)
	}
}

func TestEquivalentsNeedAReason(t *testing.T) {
	name := filepath.Join(t.TempDir(), "equivalent.txt")
	if err := os.WriteFile(name, []byte("p.go larger\n  if a > b {\n- a\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readEquivalents(name); err == nil {
		t.Error("no error")
	}
}
