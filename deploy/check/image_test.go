package check

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// The image is built from the files that .dockerignore does not exclude. They suffice to build the program, and have all that the
// Dockerfile copies.
func TestImageBuildsFromWhatDockerSends(t *testing.T) {
	dir := sent(t)
	dockerfile, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(string(dockerfile), -1) {
		for name := range strings.FieldsSeq(m[1]) {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("the Dockerfile copies a file that .dockerignore excludes: %v", err)
			}
		}
	}
	if !bytes.Contains(dockerfile, []byte("CGO_ENABLED=0")) || !bytes.Contains(dockerfile, []byte(`" . && mkdir /state`)) {
		t.Error("the Dockerfile no longer builds the program as this test does: change the test")
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-C", dir, "-buildvcs=false", "-o", filepath.Join(t.TempDir(), "hoop_exporter"), ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// sent returns a folder with copies of the project's files that `docker build` would send.
func sent(t *testing.T) string {
	t.Helper()
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() && (name == ".git" || name == ".cache") {
			return filepath.SkipDir
		}
		out, err := ignored.MatchesOrParentMatches(name)
		if err != nil || out || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o750); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
