package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/strvals"
)

// TestMain lets the test binary stand in for helm, kubectl and docker when it is called by such a name: there is no cluster and no engine
// here, but what would be sent to them can be made, and decoded.
func TestMain(m *testing.M) {
	standIn := map[string]func([]string) (string, error){"helm": helm, "kubectl": kubectl, "docker": docker}[filepath.Base(os.Args[0])]
	if standIn == nil {
		os.Exit(runTests(m))
	}
	out, err := standIn(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, strings.Join(os.Args, " ")+":", err)
		os.Exit(1)
	}
	fmt.Println(out)
}

func runTests(m *testing.M) int {
	var err error
	if folder, err = os.MkdirTemp("", "check"); err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := os.Chmod(folder, 0o755); err != nil { // the pods' users run the programs in it
		panic(err)
	}
	return m.Run()
}

// arguments sorts a command line into words and flags. A flag without "=" takes the next word, unless it is one of those that stand alone.
func arguments(args []string, alone ...string) (words []string, flags map[string][]string) {
	flags = map[string][]string{}
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			words = append(words, args[i])
			continue
		}
		name, value, ok := strings.Cut(args[i], "=")
		if !ok && !strings.Contains(" "+strings.Join(alone, " ")+" ", " "+name+" ") && i+1 < len(args) {
			i++
			value = args[i]
		}
		flags[name] = append(flags[name], value)
	}
	return words, flags
}

// only refuses flags that are not among those that the real program has and we understand.
func only(flags map[string][]string, known ...string) error {
	for f := range flags {
		if !strings.Contains(" "+strings.Join(known, " ")+" ", " "+f+" ") {
			return fmt.Errorf("unknown flag %s", f)
		}
	}
	return nil
}

// helm renders what `helm upgrade --install` would send, with the chart of this project wherever it is used.
func helm(args []string) (string, error) {
	words, flags := arguments(args, "--install", "--logs")
	if err := only(flags, "--install", "--logs", "--namespace", "--output", "--values", "--set"); err != nil {
		return "", err
	}
	if len(words) == 2 && words[0] == "test" {
		return words[1], nil
	}
	if len(words) == 3 && words[0] == "get" && words[1] == "values" {
		return "hoop: {url: 'https://hoop.example.com/api', existingSecret: hoop-exporter}", nil
	}
	if len(words) != 3 || words[0] != "upgrade" || flags["--install"] == nil {
		return "", fmt.Errorf("what does %q do?", words)
	}
	published := "oci://ghcr.io/hoop-exporter/charts/hoop-exporter"
	if words[2] != published && words[2] != "deploy/helm/hoop-exporter" {
		return "", fmt.Errorf("there is no chart %s", words[2])
	}
	v := chartutil.Values{}
	for _, file := range flags["--values"] {
		more, err := chartutil.ReadValuesFile(file)
		if err != nil {
			return "", err
		}
		v = chartutil.CoalesceTables(more, v)
	}
	for _, set := range flags["--set"] {
		if err := strvals.ParseInto(set, v); err != nil {
			return "", err
		}
	}
	if err := os.Chdir(os.Getenv("CHECK_FOLDER")); err != nil { // the chart is found from there
		return "", err
	}
	manifests, _, err := template(v)
	if err != nil {
		return "", err
	}
	return decodable(manifests)
}

// kubectl builds what `kubectl apply -k` would send.
func kubectl(args []string) (string, error) {
	words, flags := arguments(args)
	if err := only(flags, "--namespace", "--from-file", "-k"); err != nil {
		return "", err
	}
	switch strings.Join(words, " ") {
	case "apply":
		manifests, err := build(flags["-k"][0])
		if err != nil {
			return "", err
		}
		return decodable(manifests)
	case "create secret generic hoop-exporter", "create secret generic hoop-exporter-postgres":
		key, file, ok := strings.Cut(flags["--from-file"][0], "=")
		if want := map[bool]string{false: "token", true: "url"}[strings.HasSuffix(words[3], "-postgres")]; !ok || key != want || file == "" {
			return "", fmt.Errorf("the key of the Secret is %s, not %s", want, key)
		}
		return "secret", nil
	}
	return "", fmt.Errorf("what does %q do?", words)
}

// docker loads what `docker compose up` would start.
func docker(args []string) (string, error) {
	words, flags := arguments(args, "--build", "--detach")
	if err := only(flags, "-f", "--build", "--detach"); err != nil {
		return "", err
	}
	if strings.Join(words, " ") != "compose up" {
		return "", fmt.Errorf("what does %q do?", words)
	}
	options, err := cli.NewProjectOptions(flags["-f"], cli.WithOsEnv)
	if err != nil {
		return "", err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return "", err
	}
	return strings.Join(project.Services["exporter"].Command, " "), nil
}

func decodable(manifests []byte) (string, error) {
	o, err := decode(manifests)
	if err != nil {
		return "", err
	}
	if len(o.workloads()) != 1 {
		return "", errors.New("no exporter comes of this")
	}
	return fmt.Sprintf("%d objects", len(o.all)), nil
}
