package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
)

// takes has the program read a configuration file.
func takes(t *testing.T, content string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hoop.yml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	exporter, err := exporterProgram()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exporter, "--config.file="+file, "--config.print")
	cmd.Env = append(os.Environ(), "HOOP_URL=", "HOOP_TOKEN=", "HOOP_API_KEY=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s in\n%s", err, out, content)
	}
}

// The files that are rendered are files that the program takes, and name credentials where they are mounted.
func TestConfigurationFilesAreTaken(t *testing.T) {
	for name, o := range map[string]*objects{"file": render(t, values(t, "file")), "fleet": render(t, values(t, "fleet")), "kustomize": kustomize(t, "fleet")} {
		t.Run(name, func(t *testing.T) {
			content := ""
			for _, s := range o.secrets {
				content += s.StringData["hoop.yml"]
			}
			for _, m := range o.configMaps {
				content += m.Data["hoop.yml"]
			}
			takes(t, content)
			container := o.exporter(t)
			found := 0
			for line := range strings.Lines(content) {
				_, file, ok := strings.Cut(line, "_file: ")
				if !ok {
					continue
				}
				found++
				in := func(m corev1.VolumeMount) bool {
					return filepath.Dir(strings.TrimSpace(file)) == m.MountPath && strings.HasPrefix(m.Name, "credentials")
				}
				if !slices.ContainsFunc(container.VolumeMounts, in) {
					t.Errorf("%s is mounted nowhere", file)
				}
			}
			if found == 0 || len(o.secrets)+len(o.configMaps) == 0 {
				t.Error("no credential is named")
			}
			if !slices.ContainsFunc(container.Args, func(a string) bool { return strings.HasPrefix(a, "--config.auto-reload-interval=") }) {
				t.Error("nobody sees that the file has changed")
			}
		})
	}
}

// Prometheus reads the list of gateways from the one Service, with the login that the exporters' pages require.
func TestGatewaysAreDiscoveredAtTheService(t *testing.T) {
	for name, o := range map[string]*objects{"file": render(t, values(t, "file")), "fleet": render(t, values(t, "fleet")), "kustomize": kustomize(t, "fleet")} {
		t.Run(name, func(t *testing.T) {
			if len(o.scrapes) != 1 {
				t.Fatalf("there are %d ScrapeConfigs", len(o.scrapes))
			}
			spec := o.scrapes[0].Spec
			sd := spec.HTTPSDConfigs[0]
			scheme := "http"
			if name == "fleet" {
				scheme = "https"
				if sd.BasicAuth == nil || sd.TLSConfig == nil || spec.BasicAuth == nil || spec.TLSConfig == nil || *spec.Scheme != monitoringv1.SchemeHTTPS {
					t.Error("pages with a login are requested without one")
				}
			}
			service := o.services[0]
			if want := scheme + "://" + service.Name + "." + service.Namespace + ".svc:10068/sd"; string(sd.URL) != want {
				t.Errorf("the list of gateways is read from %s, not %s", sd.URL, want)
			}
		})
	}
}
