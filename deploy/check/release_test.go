package check

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// .ci/deploy runs actionlint; here is what it does not know.
func TestWorkflowsArePinnedAndMayLittle(t *testing.T) {
	files, err := filepath.Glob(abs(t, ".github/workflows/*.yml"))
	if err != nil || len(files) != 2 {
		t.Fatalf("got %d workflows (%v)", len(files), err)
	}
	// An action is code that gets our rights: it is named by what it is, not by a name that can be moved.
	pinned := regexp.MustCompile(`uses: [-\w/]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if strings.Contains(line, "uses:") && !pinned.MatchString(strings.TrimSuffix(line, "\n")) {
				t.Errorf("%s: not pinned: %s", filepath.Base(f), line)
			}
		}
		if !strings.Contains(string(content), "\npermissions:\n  contents: read\n") {
			t.Errorf("%s has more rights than it needs", filepath.Base(f))
		}
		if !strings.Contains(string(content), "run: bash .ci/run") {
			t.Errorf("%s does not run what developers run", filepath.Base(f))
		}
	}
}

// release is what .goreleaser.yaml says.
type release struct {
	Builds []struct {
		Targets, Flags, Ldflags, Env []string
	} `json:"builds"`
	Archives []struct {
		Files []struct{ Src string } `json:"files"`
	} `json:"archives"`
	Nfpms []struct {
		Contents []struct {
			Src, Dst string
			Info     struct{ Mode int } `json:"file_info"`
		} `json:"contents"`
		Scripts map[string]string `json:"scripts"`
	} `json:"nfpms"`
	Dockers []struct {
		Dockerfile        string
		Images, Platforms []string
	} `json:"dockers_v2"`
}

func readRelease(t *testing.T) (r release, content string) {
	t.Helper()
	content = file(t, ".goreleaser.yaml")
	if err := yaml.Unmarshal([]byte(content), &r); err != nil {
		t.Fatal(err)
	}
	return r, content
}

// What is released is what .ci/cross builds, with the same variables as the image from source and the Makefile.
func TestReleasesBuildWhatIsCrossCompiled(t *testing.T) {
	r, content := readRelease(t)
	b := r.Builds[0]
	cross := file(t, ".ci/cross")
	targets := platforms(b.Targets)
	if got := strings.Fields(regexp.MustCompile(`targets=\(([^)]*)\)`).FindStringSubmatch(cross)[1]); !slices.Equal(got, targets) {
		t.Errorf(".ci/cross builds %v, a release %v", got, targets)
	}
	linux := slices.DeleteFunc(targets, func(target string) bool { return !strings.HasPrefix(target, "linux/") })
	if got := r.Dockers[0].Platforms; !slices.Equal(got, linux) || len(linux) == 0 {
		t.Errorf("there are images for %v, binaries for %v", got, linux)
	}
	if !slices.Contains(b.Flags, "-trimpath") || !slices.Contains(b.Flags, "-buildvcs=false") || !slices.Contains(b.Env, "CGO_ENABLED=0") {
		t.Errorf("a release is built with %v, %v", b.Env, b.Flags)
	}
	for _, variable := range []string{"Version", "Revision", "Branch", "BuildDate"} {
		for path, text := range map[string]string{".goreleaser.yaml": content, ".ci/cross": cross, "Dockerfile": file(t, "Dockerfile"), "Makefile": file(t, "Makefile")} {
			if !regexp.MustCompile(`(common/version|variables|PKG\))\.` + variable + `=`).MatchString(text) {
				t.Errorf("%s does not set %s", path, variable)
			}
		}
	}
}

func TestReleasesFindTheFilesThatTheyPackage(t *testing.T) {
	r, _ := readRelease(t)
	for _, f := range r.Archives[0].Files {
		exists(t, f.Src)
	}
	for _, c := range r.Nfpms[0].Contents {
		if c.Src != "" {
			exists(t, c.Src)
		}
		// The service has a user of its own, and reads /etc/hoop_exporter/hoop.yml.
		if c.Dst == "/etc/hoop_exporter" && c.Info.Mode != 0o755 {
			t.Errorf("%s has mode %o", c.Dst, c.Info.Mode)
		}
	}
	for _, s := range r.Nfpms[0].Scripts {
		exists(t, s)
	}
	exists(t, r.Dockers[0].Dockerfile)
}

func TestOneImageWhoeverBuildsIt(t *testing.T) {
	r, _ := readRelease(t)
	image := r.Dockers[0].Images[0]
	if got := render(t, values(t, "gateway")).exporter(t).Image; !strings.HasPrefix(got, image+":") {
		t.Errorf("the chart uses %s, a release makes %s", got, image)
	}
	if got := kustomize(t, "gateway").statefulSets[0].Spec.Template.Spec.Containers[0].Image; !strings.HasPrefix(got, image+":") {
		t.Errorf("the manifests use %s, a release makes %s", got, image)
	}
	source, released := lastStage(t, "Dockerfile"), lastStage(t, r.Dockers[0].Dockerfile)
	if !slices.Equal(source, released) {
		t.Errorf("the image from source is made by\n%s\nthe released one by\n%s", strings.Join(source, "\n"), strings.Join(released, "\n"))
	}
}

// Packages and archives have the man page and the completions, each package at the path where its system looks.
func TestReleasesBringManPageAndCompletions(t *testing.T) {
	type content struct{ Src, Dst, Packager string }
	var release struct {
		Archives []struct{ Files []content }
		Nfpms    []struct {
			Formats  []string
			Contents []content
		}
	}
	if err := yaml.Unmarshal([]byte(file(t, ".goreleaser.yaml")), &release); err != nil {
		t.Fatal(err)
	}
	made, err := filepath.Glob(abs(t, "deploy/package/*/*"))
	if err != nil || len(made) != 4 {
		t.Fatalf("%d files (%v), want a man page and three completions", len(made), err)
	}
	for _, path := range made {
		if !slices.ContainsFunc(release.Archives[0].Files, func(c content) bool {
			match, err := filepath.Match(abs(t, c.Src), path)
			return err == nil && match && c.Dst == filepath.Base(filepath.Dir(path))
		}) {
			t.Errorf("the archives lack %s", path)
		}
	}
	for _, format := range release.Nfpms[0].Formats {
		zsh := map[string]string{"deb": "/usr/share/zsh/vendor-completions", "rpm": "/usr/share/zsh/site-functions"}[format]
		for src, dst := range map[string]string{
			"man/hoop_exporter.1": "/usr/share/man/man1/hoop_exporter.1", "completions/_hoop_exporter": zsh + "/_hoop_exporter",
			"completions/hoop_exporter.bash": "/usr/share/bash-completion/completions/hoop_exporter",
			"completions/hoop_exporter.fish": "/usr/share/fish/vendor_completions.d/hoop_exporter.fish",
		} {
			if !slices.ContainsFunc(release.Nfpms[0].Contents, func(c content) bool {
				return c.Src == "deploy/package/"+src && c.Dst == dst && (c.Packager == "" || c.Packager == format)
			}) {
				t.Errorf("the %s lacks %s at %s", format, src, dst)
			}
		}
	}
}

// platforms are goreleaser's targets as docker calls them.
func platforms(targets []string) (list []string) {
	for _, target := range targets {
		target = strings.Replace(target, "_arm_", "_arm_v", 1)
		list = append(list, strings.ReplaceAll(target, "_", "/"))
	}
	return list
}

// Those who read the list of platforms find an archive for each.
func TestDocumentsNameEveryPlatform(t *testing.T) {
	var release struct {
		Builds []struct{ Targets []string } `json:"builds"`
	}
	if err := yaml.Unmarshal([]byte(file(t, ".goreleaser.yaml")), &release); err != nil {
		t.Fatal(err)
	}
	systems := map[string]string{"linux": "Linux", "darwin": "macOS", "freebsd": "FreeBSD", "windows": "Windows"}
	rows := map[string][]string{}
	for _, target := range release.Builds[0].Targets {
		system, arch, _ := strings.Cut(target, "_")
		rows[system] = append(rows[system], strings.Replace(arch, "arm_", "armv", 1))
	}
	install := file(t, "docs/install.md")
	for system, archs := range rows {
		if want := "| " + systems[system] + " | " + strings.Join(archs, ", ") + " |"; !strings.Contains(install, want) {
			t.Errorf("docs/install.md lacks %q", want)
		}
	}
}

// lastStage lists what the last stage of a Dockerfile does, without where its files come from.
func lastStage(t *testing.T, path string) (list []string) {
	t.Helper()
	text := file(t, path)
	text = text[strings.LastIndex(text, "\nFROM ")+1:]
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
		line = strings.Join(strings.Fields(line), " ")
		line = regexp.MustCompile(`^COPY (--from=\w+ )?(.*?)\S*(/\S+ /\S+)$`).ReplaceAllString(line, "COPY $2$3")
		if line != "" && !strings.HasPrefix(line, "ARG ") && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}

// The version that manifests and chart name without being told is the same.
func TestManifestsAndChartNameOneVersion(t *testing.T) {
	version := regexp.MustCompile(`(?m)^appVersion: (.*)$`).FindStringSubmatch(file(t, "deploy/helm/hoop-exporter/Chart.yaml"))[1]
	got := kustomize(t, "base").statefulSets[0].Spec.Template.Spec.Containers[0].Image
	if !strings.HasSuffix(got, ":"+version) {
		t.Errorf("the manifests use %s, the chart is for %s", got, version)
	}
}

func file(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(abs(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func exists(t *testing.T, pattern string) {
	t.Helper()
	if found, err := filepath.Glob(abs(t, pattern)); err != nil || len(found) == 0 {
		t.Errorf("%s is not there (%v)", pattern, err)
	}
}
