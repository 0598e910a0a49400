package check

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// root is where the project is, seen from here.
const root = "../.."

// build does what `kubectl kustomize` does with a folder.
func build(folder string) ([]byte, error) {
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	return all.AsYaml()
}

// kustomize builds a folder of deploy/kubernetes and decodes what comes.
func kustomize(t *testing.T, folder string) *objects {
	t.Helper()
	manifests, err := build(filepath.Join(root, "deploy/kubernetes", folder))
	if err != nil {
		t.Fatal(err)
	}
	o, err := decode(manifests)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestKustomizationsRender(t *testing.T) {
	for folder, operator := range map[string]bool{"base": false, "gateway": true, "demo": true, "fleet": true} {
		t.Run(folder, func(t *testing.T) {
			o := kustomize(t, folder)
			checkTogether(t, o)
			checkFlags(t, o)
			if want := map[bool]int{true: 1}[operator]; len(o.monitors) != want || len(o.rules) != want {
				t.Errorf("got %d ServiceMonitors and %d PrometheusRules, want %d of each", len(o.monitors), len(o.rules), want)
			}
			if len(o.policies) != 1 {
				t.Errorf("got %d NetworkPolicies, want 1", len(o.policies))
			}
		})
	}
}

// Each folder says which version it runs: all say the same.
func TestKustomizationsRunOneVersion(t *testing.T) {
	image := kustomize(t, "base").exporter(t).Image
	for _, folder := range []string{"gateway", "demo", "fleet"} {
		if got := kustomize(t, folder).exporter(t).Image; got != image {
			t.Errorf("%s runs %s, not %s", folder, got, image)
		}
	}
}

// The overlay for a gateway has all that ../kubernetes/base requires, except for the Secret, which people create themselves.
func TestKustomizeGatewayIsComplete(t *testing.T) {
	o := kustomize(t, "gateway")
	pod := o.statefulSets[0].Spec.Template.Spec
	url := ""
	for _, from := range pod.Containers[0].EnvFrom {
		for _, m := range o.configMaps {
			if m.Name == from.ConfigMapRef.Name {
				url = m.Data["HOOP_URL"]
			}
		}
	}
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("HOOP_URL is %q", url)
	}
	dashboards := 0
	for _, m := range o.configMaps {
		if m.Labels["grafana_dashboard"] == "1" && len(m.Data) == 1 {
			dashboards++
		}
	}
	if files, err := filepath.Glob(root + "/dashboards/*.json"); err != nil || dashboards != len(files) {
		t.Errorf("got %d of %d dashboards (%v)", dashboards, len(files), err)
	}
	state := slices.ContainsFunc(o.statefulSets[0].Spec.VolumeClaimTemplates, func(c corev1.PersistentVolumeClaim) bool { return c.Name == "state" })
	if !state {
		t.Error("the state is not kept")
	}
	for _, x := range o.all {
		if x.GetNamespace() != "monitoring" {
			t.Errorf("%s is in namespace %q", x.GetName(), x.GetNamespace())
		}
	}
}

// The ports of name servers do not depend on how the exporter is installed.
func TestKustomizeLetsNamesBeResolvedAsTheChartDoes(t *testing.T) {
	want := render(t, values(t, "gateway")).policies[0].Spec.Egress[0]
	if got := kustomize(t, "gateway").policies[0].Spec.Egress[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
