package planner

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the outputs of the transcripts in testdata, instead of comparing them")

// Each file in testdata is a story that shows what a refresh requests and why: lines with commands, a line of four dashes, and what the
// planner did then. Comments begin with #. testdata/README.md explains the commands and the output. To write the outputs:
// go test ./collector/planner -run Transcripts -update
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			was, err := os.ReadFile(file) // #nosec G304 -- a file of the repository
			if err != nil {
				t.Fatal(err)
			}
			is := replay(t, string(was))
			if *update {
				if err := os.WriteFile(file, []byte(is), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if is != string(was) {
				t.Errorf("%s: the planner does something else than is written there; run the test with -update and read the difference.\n%s",
					file, firstDifference(string(was), is))
			}
		})
	}
}

// replay runs a transcript's commands and returns the transcript with the outputs that came.
func replay(t *testing.T, text string) string {
	var out strings.Builder
	s := newStory(t)
	inOutput := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case inOutput && line != "":
			continue // an old output
		case line == "----":
			inOutput = true
			fmt.Fprintf(&out, "----\n%s", s.output())
			continue
		case line == "":
			inOutput = false
		case !strings.HasPrefix(line, "#"):
			s.run(line)
		}
		out.WriteString(line + "\n")
	}
	if rest := s.output(); rest != "" {
		t.Errorf("the last commands have an output, but no line of four dashes follows them:\n%s", rest)
	}
	return out.String()
}

func firstDifference(was, is string) string {
	a, b := strings.Split(was, "\n"), strings.Split(is, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d is\n\t%s\nand came as\n\t%s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("it has %d lines, and came with %d", len(a), len(b))
}
