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

// takes has the program read a configuration file, and returns what holds then.
func takes(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hoop.yml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "-C", root, ".", "--config.file="+file, "--config.print")
	cmd.Env = append(os.Environ(), "HOOP_URL=", "HOOP_TOKEN=", "HOOP_API_KEY=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s in\n%s", err, out, content)
	}
	return string(out)
}

// The files that are rendered are files that the program takes, and name credentials where they are mounted.
func TestConfigurationFilesAreTaken(t *testing.T) {
	for name, o := range map[string]*objects{"shards": render(t, values(t, "shards")), "replicas": render(t, values(t, "replicas")), "kustomize": kustomize(t, "fleet")} {
		t.Run(name, func(t *testing.T) {
			content := ""
			for _, s := range o.secrets {
				content += s.StringData["hoop.yml"]
			}
			for _, m := range o.configMaps {
				content += m.Data["hoop.yml"]
			}
			printed := takes(t, content)
			if got, want := strings.Contains(printed, "duty: 0.05"), name == "replicas"; got != want {
				t.Errorf("half of the duty: %v, want %v, in\n%s", got, want, printed)
			}
			container := o.statefulSets[0].Spec.Template.Spec.Containers[0]
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

// Replicas are the same but for their folders, their addresses and one label: otherwise queries that take the higher of both see two gateways.
func TestReplicasDifferOnlyByNameAndLabel(t *testing.T) {
	o := render(t, values(t, "replicas"))
	if len(o.statefulSets) != 2 || len(o.scrapes) != 2 || len(o.claims) != 1 {
		t.Fatalf("%d StatefulSets, %d ScrapeConfigs, %d claims", len(o.statefulSets), len(o.scrapes), len(o.claims))
	}
	var differ []string
	a, b := o.statefulSets[0].Spec.Template.Spec.Containers[0].Args, o.statefulSets[1].Spec.Template.Spec.Containers[0].Args
	for i := range a {
		if a[i] != b[i] {
			flag, _, _ := strings.Cut(a[i], "=")
			differ = append(differ, flag)
		}
	}
	if !slices.Equal(differ, []string{"--state.dir", "--shard.address"}) {
		t.Errorf("replicas differ in %v", differ)
	}
	if o.claims[0].Spec.AccessModes[0] != corev1.ReadWriteMany {
		t.Errorf("a volume for all of them is %v", o.claims[0].Spec.AccessModes)
	}
	for i, s := range o.scrapes {
		letter := []string{"a", "b"}[i]
		set := o.statefulSets[i]
		if *s.Spec.JobName != "hoop" || len(s.Spec.RelabelConfigs) != 1 {
			t.Errorf("job %v, relabelings %v", *s.Spec.JobName, s.Spec.RelabelConfigs)
		}
		if r := s.Spec.RelabelConfigs[0]; r.TargetLabel != "replica" || *r.Replacement != letter {
			t.Errorf("replica %s is told by %v", letter, r)
		}
		sd := s.Spec.HTTPSDConfigs[0]
		if sd.BasicAuth == nil || sd.TLSConfig == nil || s.Spec.BasicAuth == nil || s.Spec.TLSConfig == nil || *s.Spec.Scheme != monitoringv1.SchemeHTTPS {
			t.Error("pages with a login are asked without")
		}
		if want := "https://" + set.Name + ".observability.svc:10068/sd"; string(sd.URL) != want {
			t.Errorf("replica %s is asked at %s, not %s", letter, sd.URL, want)
		}
		selector := o.services[slices.IndexFunc(o.services, func(x *corev1.Service) bool { return x.Name == set.Name })].Spec.Selector
		if selector["app.kubernetes.io/component"] != letter {
			t.Errorf("the Service of replica %s selects %v", letter, selector)
		}
	}
}

// Where each pod has a volume, and where all have one.
func TestShardsKeepTheirState(t *testing.T) {
	for set, want := range map[string]struct {
		templates int
		claim     string
	}{"shards": {1, ""}, "existing": {0, "hoop-state"}, "replicas": {0, "the-exporters-of-all-the-gateways-of-the-payments-pl-state"}} {
		spec := render(t, values(t, set)).statefulSets[0].Spec
		claim := ""
		for _, v := range spec.Template.Spec.Volumes {
			if v.PersistentVolumeClaim != nil {
				claim = v.PersistentVolumeClaim.ClaimName
			}
		}
		if len(spec.VolumeClaimTemplates) != want.templates || claim != want.claim {
			t.Errorf("%s: %d claims made for each pod, and %q for all", set, len(spec.VolumeClaimTemplates), claim)
		}
	}
}
