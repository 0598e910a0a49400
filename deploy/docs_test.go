//go:build unix

package deploy_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// block is a fenced block of a document.
type block struct {
	line     int
	language string // the first word after the fence
	mark     string // the rest of that line
	text     string
}

// blocks lists the fenced blocks of a document.
func blocks(document string) (list []block) {
	var b *block
	indent := ""
	for i, line := range strings.Split(document, "\n") {
		trimmed := strings.TrimLeft(line, " ")
		fence, isFence := strings.CutPrefix(trimmed, "```")
		switch {
		case isFence && b == nil:
			language, mark, _ := strings.Cut(fence, " ")
			b, indent = &block{line: i + 1, language: language, mark: mark}, line[:len(line)-len(trimmed)]
		case isFence:
			list, b = append(list, *b), nil
		case b != nil:
			b.text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	return list
}

// documents are all that people read, by their path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../docs/*/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: nothing found (%v)", pattern, err)
		}
		for _, p := range paths {
			all[p] = string(read(t, p))
		}
	}
	return all
}

// What a command needs that is not here. Everything else is run by a test: "test" and "serve" here, "render" by deploy/check.
var missing = []string{"needs=database", "needs=docker", "needs=gateway", "needs=network", "needs=root"}

// A command that no test runs is wrong sooner or later, so each block of them says what runs it, or why nothing can.
func TestEveryCommandInADocumentSaysWhoRunsIt(t *testing.T) {
	for path, text := range documents(t) {
		for _, b := range blocks(text) {
			known := append([]string{"test", "serve", "render"}, missing...)
			if b.language == "sh" && filepath.Dir(path) == "../docs" && !slices.Contains(known, b.mark) {
				t.Errorf("%s:%d: what runs this? Mark it sh test, sh serve, sh render or sh needs=...", path, b.line)
			}
		}
	}
}

// A reader runs the commands of a document from top to bottom, in one shell, from a clone, with the program installed. So does this test,
// with a simulated gateway in place of https://hoop.example.com, and another port.
func TestCommandsInDocumentsWork(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		need(t, tool)
	}
	bin := filepath.Dir(program(t))
	for path, text := range documents(t) {
		list := slices.DeleteFunc(blocks(text), func(b block) bool {
			return b.mark != "test" && b.mark != "serve" && !strings.HasPrefix(b.mark, "file=")
		})
		if len(list) == 0 {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			r := newReader(t, bin)
			for _, b := range list {
				r.run(t, path, b)
			}
		})
	}
}

// reader does what a document says.
type reader struct {
	dir     string // where it is
	shell   string // what it has exported
	path    string
	gateway string
	address string // of the exporter that it starts
}

func newReader(t *testing.T, bin string) *reader {
	t.Helper()
	g := gatewaytest.New(gatewaytest.Config{
		Dialect: gatewaytest.New2026,
		Tokens:  map[string]gatewaytest.Credential{"hpk_example": {Role: gatewaytest.RoleAuditor}},
		APIKeys: map[string]gatewaytest.Credential{"xapi-example": {Role: gatewaytest.RoleAdmin}},
	})
	now := time.Now()
	g.AddHistory(1000, now.Add(-7*24*time.Hour), now, gatewaytest.HistoryOptions{Unfinished: 20, Pending: 5})
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	r := &reader{dir: t.TempDir(), shell: filepath.Join(t.TempDir(), "exported"), gateway: server.URL, address: collectortest.FreeAddress(t)}
	write(t, r.shell, nil)
	for _, name := range []string{"deploy", "dashboards"} {
		from, err := filepath.Abs("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, filepath.Join(r.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	// The program listens where nothing else does.
	wrapper := filepath.Join(t.TempDir(), "hoop_exporter")
	script := fmt.Sprintf("#!/bin/sh\nexec %q --web.listen-address=%s \"$@\"\n", filepath.Join(bin, "hoop_exporter"), r.address)
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r.path = filepath.Dir(wrapper) + string(filepath.ListSeparator) + os.Getenv("PATH")
	return r
}

func (r *reader) run(t *testing.T, path string, b block) {
	t.Helper()
	if name, ok := strings.CutPrefix(b.mark, "file="); ok {
		write(t, filepath.Join(r.dir, name), []byte(b.text))
		return
	}
	text := strings.NewReplacer("https://hoop.example.com", r.gateway, "localhost:10068", r.address).Replace(b.text)
	if b.mark == "serve" {
		cmd := r.command(t, text)
		// The whole group is ended at the end, for the shell does not pass the signal on.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
			_ = cmd.Wait()
			if t.Failed() {
				t.Logf("%s:%d: %s\n%s", path, b.line, text, out.String())
			}
		})
		get(t, "http://"+r.address+"/-/ready")
		return
	}
	if out, err := r.command(t, text+"\nexport -p >"+r.shell).CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %v\n%s\n%s", path, b.line, err, text, out)
	}
}

func (r *reader) command(t *testing.T, text string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", "source "+r.shell+"\ncd "+r.dir+"\n"+text)
	cmd.Env = []string{"PATH=" + r.path, "HOME=" + r.dir, "no_proxy=*", "TMPDIR=" + t.TempDir()}
	return cmd
}

// A link leads somewhere, down to the heading.
func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for path, text := range documents(t) {
		prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, heading, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			content, err := os.ReadFile(target)
			if info, statErr := os.Stat(target); statErr != nil || (err != nil && !info.IsDir()) {
				t.Errorf("%s: %s is not there", path, m[1])
				continue
			}
			if heading != "" && !slices.Contains(headings(string(content)), heading) {
				t.Errorf("%s: %s has no heading %s", path, target, heading)
			}
		}
	}
}

// A picture is there because a document shows it, is small, and can be taken again: of the queries that the document says.
func TestEveryPictureIsShownAndCanBeTakenAgain(t *testing.T) {
	const shown, most = "../docs/pictures.md", 150 << 10
	text, script := string(read(t, shown)), string(read(t, "../.ci/screenshots"))
	pictures, err := filepath.Glob("../docs/images/*")
	if err != nil || len(pictures) == 0 {
		t.Fatalf("there are none (%v)", err)
	}
	for _, path := range pictures {
		content, name := read(t, path), filepath.Base(path)
		if !bytes.HasPrefix(content, []byte("\x89PNG")) || len(content) > most {
			t.Errorf("%s is not a PNG, or has %d bytes, more than %d", path, len(content), most)
		}
		taken := strings.Contains(script, "\ntake "+name+" ") || strings.Contains(script, "\nkeep "+name+"\n") || isDashboard(name)
		if !strings.Contains(text, "](images/"+name+")") || !taken {
			t.Errorf("%s is not both shown and taken", name)
		}
	}
	for _, b := range blocks(text) {
		for query := range strings.SplitSeq(strings.TrimSpace(b.text), "\n\n") {
			if b.language == "promql" && !strings.Contains(script, "'"+query+"'") {
				t.Errorf("no picture is taken of %s", query)
			}
		}
	}
}

// isDashboard says whether dashboards/preview/run makes this picture: it makes two of each dashboard.
func isDashboard(picture string) bool {
	name, light := strings.CutSuffix(picture, "-light.png")
	name, dark := strings.CutSuffix(name, "-dark.png")
	_, err := os.Stat("../dashboards/" + name + ".json")
	return light != dark && err == nil
}

// headings lists a document's headings as links name them.
func headings(document string) (list []string) {
	for line := range strings.Lines(regexp.MustCompile("(?s)```.*?```").ReplaceAllString(document, "")) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		text := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		text = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`).ReplaceAllString(text, "")
		list = append(list, strings.ReplaceAll(text, " ", "-"))
	}
	return list
}

// Each flag that documents and deployments name is one that the program has.
func TestEveryFlagThatIsNamedExists(t *testing.T) {
	help, err := exec.Command(program(t), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`--(\[no-\])?([a-z][-a-z.]*[a-z])`).FindAllSubmatch(help, -1) {
		known["--"+string(m[2])], known["--no-"+string(m[2])] = true, true
	}
	// Only flags of the exporter have a dot, besides these of Prometheus and Alertmanager.
	others := regexp.MustCompile(`^--(config\.file|storage\.|cluster\.)`)
	named := regexp.MustCompile(`--[a-z][-a-z]*\.[-a-z.]*[a-z]`)
	texts := documents(t)
	for _, pattern := range []string{"compose/*", "systemd/*", "kubernetes/*/*.yaml", "helm/hoop-exporter/*.yaml", "helm/hoop-exporter/ci/*.yaml", "helm/hoop-exporter/templates/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			if info, err := os.Stat(p); err == nil && !info.IsDir() {
				texts[p] = string(read(t, p))
			}
		}
	}
	for path, text := range texts {
		for _, flag := range named.FindAllString(text, -1) {
			if !known[flag] && !others.MatchString(flag) {
				t.Errorf("%s: there is no flag %s", path, flag)
			}
		}
	}
}

// What troubleshooting quotes is what the program says: the first column of its tables is looked up in the program's own text.
func TestTroubleshootingQuotesWhatTheProgramSays(t *testing.T) {
	var source bytes.Buffer
	for _, dir := range []string{"..", "../client", "../collector"} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && dir == ".." && path != "..":
				return filepath.SkipDir
			case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
				source.Write(read(t, path))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// These are said by the system, by Go or by PostgreSQL.
	foreign := []string{
		"no such file or directory", "permission denied", "address already in use", "password authentication failed", "does not exist",
		"no pg_hba.conf entry", "certificate signed by unknown authority",
	}
	text := string(read(t, "../docs/troubleshooting.md"))
	text, _, _ = strings.Cut(text, "## Prometheus shows the target as down")
	quotes := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(text, -1)
	if len(quotes) < 10 {
		t.Fatalf("only %d quotes were found", len(quotes))
	}
	for _, q := range quotes {
		if !slices.Contains(foreign, q[1]) && !strings.Contains(source.String(), q[1]) {
			t.Errorf("nothing says %q", q[1])
		}
	}
	for _, q := range []string{"a request to the gateway failed", "the gateway is not queried", "only part of the sessions is visible"} {
		if !strings.Contains(text, q) || !strings.Contains(source.String(), q) {
			t.Errorf("%q is not both said and explained", q)
		}
	}
}

func TestBlocksAreFoundInDocuments(t *testing.T) {
	text := "a\n\n```sh test\nls\n```\n1. b\n\n   ```yaml file=x.yml\n   a:\n     b\n   ```\n```\nplain\n```\n"
	want := []block{{3, "sh", "test", "ls\n"}, {8, "yaml", "file=x.yml", "a:\n  b\n"}, {12, "", "", "plain\n"}}
	if got := blocks(text); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}
