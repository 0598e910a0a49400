//go:build unix

package deploy_test

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Each module, image and npm package of the repository is updated by dependabot, and each folder that its configuration names has one.
func TestDependabotUpdatesEveryFolderWithDependencies(t *testing.T) {
	var file struct {
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directory   string
			Directories []string
		}
	}
	if err := yaml.Unmarshal(read(t, "../.github/dependabot.yml"), &file); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, u := range file.Updates {
		if u.Directory != "" {
			u.Directories = append(u.Directories, u.Directory)
		}
		got[u.Ecosystem] = append(got[u.Ecosystem], u.Directories...)
	}
	want := map[string][]string{}
	ecosystems := map[string]string{"go.mod": "gomod", "Dockerfile": "docker", "compose.yaml": "docker-compose", "package.json": "npm"}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".cache" || d.Name() == ".git"):
			return fs.SkipDir
		}
		if ecosystem := ecosystems[d.Name()]; ecosystem != "" {
			folder := path.Clean("/" + strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), ".."))
			want[ecosystem] = append(want[ecosystem], folder)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, ecosystem := range ecosystems {
		slices.Sort(got[ecosystem])
		slices.Sort(want[ecosystem])
		if len(want[ecosystem]) == 0 || !slices.Equal(got[ecosystem], want[ecosystem]) {
			t.Errorf("%s: the configuration has %q, the repository %q", ecosystem, got[ecosystem], want[ecosystem])
		}
	}
}
