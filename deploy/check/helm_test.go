package check

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

const chartDir = root + "/deploy/helm/hoop-exporter"

// values reads one of the chart's sets of values.
func values(t *testing.T, name string) chartutil.Values {
	t.Helper()
	v, err := chartutil.ReadValuesFile(filepath.Join(chartDir, "ci", name+"-values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// template does what `helm template` does. The notes are apart, for they are no manifest.
func template(v chartutil.Values) (manifests []byte, notes string, err error) {
	c, err := loader.Load(chartDir)
	if err != nil {
		return nil, "", err
	}
	return templateChart(c, v)
}

func templateChart(c *chart.Chart, v chartutil.Values) (manifests []byte, notes string, err error) {
	release := chartutil.ReleaseOptions{Name: "hoop", Namespace: "observability", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(c, v, release, nil)
	if err != nil {
		return nil, "", err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return nil, "", err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Base(name) == "NOTES.txt" {
			notes = files[name]
			continue
		}
		manifests = fmt.Appendf(manifests, "---\n# Source: %s\n%s\n", name, files[name])
	}
	return manifests, notes, nil
}

// render templates and decodes a set of values.
func render(t *testing.T, v chartutil.Values) *objects {
	t.Helper()
	manifests, _, err := template(v)
	if err != nil {
		t.Fatal(err)
	}
	o, err := decode(manifests)
	if err != nil {
		t.Fatalf("%v in\n%s", err, manifests)
	}
	return o
}

func sets(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartDir, "ci", "*-values.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("got %d sets of values (%v)", len(files), err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), "-values.yaml")
	}
	return files
}

func TestHelmLintsEverySetOfValues(t *testing.T) {
	for _, set := range append(sets(t), "") {
		t.Run(set, func(t *testing.T) {
			v := chartutil.Values{}
			if set != "" {
				v = values(t, set)
			}
			for _, m := range lint.AllWithKubeVersionAndSchemaValidation(chartDir, v, "observability", nil, false).Messages {
				// That there is no gateway by default is on purpose. All else is somebody's problem.
				expected := set == "" && strings.Contains(m.Err.Error(), "hoop.url is missing")
				if m.Severity >= support.InfoSev && !expected {
					t.Error(m)
				}
			}
		})
	}
}

func TestHelmRendersEverySetOfValues(t *testing.T) {
	for _, set := range sets(t) {
		t.Run(set, func(t *testing.T) {
			o := render(t, values(t, set))
			checkTogether(t, o)
			checkFlags(t, o)
			if len(o.pods) != 1 {
				t.Errorf("got %d pods for helm test, want 1", len(o.pods))
			}
			for _, x := range o.all {
				if len(x.GetName()) > 63 {
					t.Errorf("the name %s is longer than 63 characters", x.GetName())
				}
			}
		})
	}
}

// Each value but those below appears in one of the sets, so that nothing is promised that was never rendered.
func TestHelmEveryValueIsTried(t *testing.T) {
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, set := range sets(t) {
		for _, leaf := range leaves("", values(t, set)) {
			tried[leaf] = true
		}
	}
	known := leaves("", c.Values)
	for _, leaf := range known {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(tried)), func(s string) bool { return s == leaf || strings.HasPrefix(s, leaf+".") }) &&
			!strings.HasPrefix(leaf, "podSecurityContext") && !strings.HasPrefix(leaf, "securityContext") &&
			!slices.Contains([]string{"image.tag", "persistence.storageClass", "persistence.accessModes", "persistence.size", "persistence.annotations", "webConfig.key", "dashboards.labels.grafana_dashboard"}, leaf) {
			t.Errorf("no set of values sets %s", leaf)
		}
	}
	manifests, _, err := template(chartutil.Values{
		"hoop":        map[string]any{"url": "https://hoop.example.com", "existingSecret": "s"},
		"image":       map[string]any{"tag": "9.9.9"},
		"persistence": map[string]any{"storageClass": "-", "size": "2Gi", "accessModes": []any{"ReadWriteOncePod"}, "annotations": map[string]any{"a": "b"}},
		"webConfig":   map[string]any{"existingSecret": "w", "key": "other.yml"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hoop_exporter:9.9.9", `storageClassName: ""`, "storage: 2Gi", "- ReadWriteOncePod", "a: b", "/etc/hoop_exporter/web/other.yml"} {
		if !strings.Contains(string(manifests), want) {
			t.Errorf("%q is nowhere", want)
		}
	}
}

// leaves lists the paths of values; an empty map is a leaf.
func leaves(prefix string, v map[string]any) (list []string) {
	for key, value := range v {
		m, ok := value.(map[string]any)
		if !ok || len(m) == 0 {
			list = append(list, strings.TrimPrefix(prefix+"."+key, "."))
			continue
		}
		list = append(list, leaves(prefix+"."+key, m)...)
	}
	return list
}

func TestHelmRefusesValuesThatCannotWork(t *testing.T) {
	gateway := func(more string) string { return "hoop: {url: 'https://h', existingSecret: s}\n" + more }
	for name, c := range map[string]struct{ values, err string }{
		"no gateway":                {"{}", "hoop.url is missing"},
		"no credential":             {"hoop: {url: 'https://h'}", "hoop.existingSecret is missing"},
		"an unknown value":          {gateway("pods: 2"), "pods"},
		"a value in a wrong place":  {gateway("persistence: {claim: x}"), "claim"},
		"a token in the values":     {"hoop: {url: 'https://h', token: hpk_x}", "token"},
		"no URL":                    {"hoop: {url: hoop.example.com, existingSecret: s}", "url"},
		"a wrong type":              {gateway("demo: 'yes'"), "demo"},
		"an unknown credential":     {"hoop: {url: 'https://h', existingSecret: s, credential: jwt}", "credential"},
		"an argument, no flag":      {gateway("extraArgs: [hoop.timeout=1s]"), "extraArgs"},
		"a flag of other values":    {gateway("extraArgs: [--web.telemetry-path=/m]"), "extraArgs"},
		"a flag to exit at once":    {gateway("extraArgs: [--once]"), "extraArgs"},
		"an invalid name":           {gateway("fullnameOverride: hoop.exporter"), "fullnameOverride"},
		"a timeout too long":        {gateway("serviceMonitor: {enabled: true, interval: 15s}"), "serviceMonitor.scrapeTimeout is longer than serviceMonitor.interval"},
		"the same for pods":         {gateway("podMonitor: {enabled: true}\nserviceMonitor: {scrapeTimeout: 1m1s, interval: 1m}"), "serviceMonitor.scrapeTimeout is longer"},
		"the same for gateways":     {"{config: {existingSecret: f}, scrapeConfig: {enabled: true, interval: 10s}}", "scrapeConfig.scrapeTimeout is longer than scrapeConfig.interval"},
		"a port that is none":       {gateway("service: {port: 0}"), "port"},
		"a truncated digest":        {gateway("image: {digest: 'sha256:12'}"), "digest"},
		"two monitors":              {gateway("serviceMonitor: {enabled: true}\npodMonitor: {enabled: true}"), "would scrape each exporter twice"},
		"a node's port of no node":  {gateway("service: {nodePort: 30068}"), "service.nodePort needs service.type"},
		"an ingress to nowhere":     {gateway("ingress: {enabled: true}"), "ingress.hosts is missing"},
		"a path of no type":         {gateway("ingress: {hosts: [{host: h, paths: [{path: /}]}]}"), "pathType"},
		"an unknown IP family":      {gateway("service: {ipFamilies: [IPv5]}"), "ipFamilies"},
		"a limit below nothing":     {gateway("serviceMonitor: {sampleLimit: -1}"), "sampleLimit"},
		"a wrong duration":          {gateway("serviceMonitor: {interval: 30}"), "interval"},
		"an alert that is none":     {gateway("prometheusRule: {enabled: true, disabledAlerts: [HoopFoo]}"), `there is no rule "HoopFoo"`},
		"a file and a gateway":      {gateway("config: {existingSecret: f}"), "config has all gateways"},
		"two files":                 {"config: {existingSecret: f, file: {gateways: {}}}", "set only one of them"},
		"a database without a file": {gateway("state: {postgres: {existingSecret: p}}"), "state.postgres: exporters that share a database need a configuration file"},
		"a database of the demo":    {"{demo: true, state: {postgres: {existingSecret: p}}}", "state.postgres: exporters that share a database need a configuration file"},
		"discovery of nothing":      {gateway("scrapeConfig: {enabled: true}"), "scrapeConfig and config.credentialSecrets"},
		"no exporter":               {"{config: {existingSecret: f}, replicas: 0}", "replicas"},
		"a URL in the values":       {"{config: {existingSecret: f}, state: {postgres: {url: 'postgres://u:p@h/d'}}}", "url"},
		"a schema that is none":     {"{config: {existingSecret: f}, state: {postgres: {existingSecret: p, schema: 'a-b'}}}", "schema"},
		"a rule that is none":       {gateway("prometheusRule: {enabled: true, expressions: {'hoop:x': '1'}}"), `there is no rule "hoop:x"`},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := chartutil.ReadValues([]byte(c.values))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err = template(v); err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("got error %v, want one about %q", err, c.err)
			}
		})
	}
}

// What a set of values is for is what comes of it.
func TestHelmValuesDoWhatTheySay(t *testing.T) {
	args := func(set string) string {
		return strings.Join(render(t, values(t, set)).exporter(t).Args, " ")
	}
	for set, want := range map[string]string{
		"demo":        "--web.listen-address=:10068 --demo",
		"gateway":     "--web.listen-address=:10068 --state.dir=/var/lib/hoop_exporter --hoop.url=https://hoop.example.com/api --hoop.token-file=/etc/hoop_exporter/credential/token",
		"old-gateway": "--hoop.api-key-file=/etc/hoop_exporter/credential/api-key",
		"operator":    "--labels.connection-tags=team,environment",
		"file":        "--state.dir=/var/lib/hoop_exporter --config.auto-reload-interval=1m --config.file=/etc/hoop_exporter/config/hoop.yml",
		"fleet": "--web.listen-address=:10068 --config.auto-reload-interval=30s --config.file=/etc/hoop_exporter/config/hoop.yml" +
			" --state.postgres-url-file=/etc/hoop_exporter/postgres/dsn --state.postgres-schema=hoop_production --web.external-url=https://$(POD_IP):10068",
		"existing":   "--config.file=/etc/hoop_exporter/config/gateways.yml",
		"closed":     "--web.config.file=/etc/hoop_exporter/web/web-config.yml",
		"everything": "--hoop.http-config-file=/etc/hoop_exporter/http/http.yml --reviews.overdue=10m,1h",
	} {
		if got := args(set); !strings.Contains(got, want) {
			t.Errorf("%s: the exporter is run with %s, without %s", set, got, want)
		}
	}
	for set, want := range map[string][]int32{"demo": nil, "gateway": {443, 8009}, "old-gateway": {8009}, "everything": {8443, 8888, 80, 3128}, "file": {8443, 8009}, "existing": {443, 8009}, "fleet": {443, 3128, 6432, 8009}} {
		if got := egress(render(t, values(t, set)).policies[0]); !slices.Equal(got, want) {
			t.Errorf("%s: the exporter may reach %v, want %v", set, got, want)
		}
	}
	closed := render(t, values(t, "closed")).exporter(t)
	if closed.LivenessProbe.TCPSocket == nil || closed.ReadinessProbe.TCPSocket == nil {
		t.Error("with basic authentication, a probe by HTTP would be refused")
	}
	for set, want := range map[string]int{"gateway": 1, "file": 1, "existing": 0, "unkept": 0, "demo": 0, "fleet": 0} {
		if n := len(render(t, values(t, set)).workloads()[0].claims); n != want {
			t.Errorf("%s: there are %d claims, want %d", set, n, want)
		}
	}
	volumes := render(t, values(t, "existing")).workloads()[0].pod.Spec.Volumes
	if !slices.ContainsFunc(volumes, func(v corev1.Volume) bool {
		return v.Name == "state" && v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == "hoop-state"
	}) {
		t.Error("the claim that is there is not used")
	}
	if n := *render(t, values(t, "fleet")).workloads()[0].replicas; n != 4 {
		t.Errorf("there are %d exporters, want 4", n)
	}
}

// egress lists the ports that are let out after those of name servers, which the first rule is for.
func egress(p *networkingv1.NetworkPolicy) (ports []int32) {
	for _, rule := range p.Spec.Egress[1:] {
		for _, port := range rule.Ports {
			ports = append(ports, port.Port.IntVal)
		}
	}
	return ports
}

// The notes name what people need next, and only what is there.
func TestHelmNotesNameTheNextStep(t *testing.T) {
	for set, want := range map[string]string{"demo": "simulated gateway", "gateway": "There are no alerts yet", "operator": "helm test hoop --namespace observability --logs", "fleet": "with 4 exporters that share a database"} {
		_, notes, err := template(values(t, set))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(notes, want) {
			t.Errorf("%s: the notes do not contain %q:\n%s", set, want, notes)
		}
	}
}

// Without the operator, the notes show what Prometheus needs, including the scheme, which the /sd of a single process does not set.
func TestHelmNotesScrapeByTheRightScheme(t *testing.T) {
	for scheme, want := range map[string]string{"http": "\n      http_sd_configs:\n        - url: http://", "https": "\n      scheme: https\n      http_sd_configs:\n        - url: https://"} {
		_, notes, err := template(chartutil.Values{"config": map[string]any{"existingSecret": "f"}, "serviceMonitor": map[string]any{"scheme": scheme}})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(notes, "scrape_native_histograms: true"+want) {
			t.Errorf("%s: the notes do not contain %q:\n%s", scheme, want, notes)
		}
	}
}

// What is packaged is what is needed: no test values, all dashboards, and it renders as the folder does.
func TestHelmPackagesWhatIsNeeded(t *testing.T) {
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := chartutil.Save(c, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	packaged, err := loader.Load(archive)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range packaged.Raw {
		if strings.HasPrefix(f.Name, "ci/") {
			t.Errorf("%s is in the package", f.Name)
		}
	}
	got, _, err := templateChart(packaged, values(t, "operator"))
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := template(values(t, "operator"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("the package renders otherwise than the folder")
	}
	if info, err := os.Stat(archive); err != nil || info.Size() > 500_000 {
		t.Errorf("the package is too large for a release's Secret: %v, %v", info.Size(), err)
	}
}

// The schema allows exactly what values.yaml documents.
func TestHelmSchemaKnowsEveryValue(t *testing.T) {
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := yaml.Unmarshal(c.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	if err := sameKeys("", schema, c.Values); err != nil {
		t.Error(err)
	}
}

// sameKeys compares a schema's properties with values, as deep as the schema names properties.
func sameKeys(at string, schema map[string]any, v map[string]any) error {
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return nil
	}
	if !reflect.DeepEqual(schema["additionalProperties"], false) && at != ".global" {
		return fmt.Errorf("%s: the schema allows anything", at)
	}
	var errs []error
	for key := range properties {
		if _, ok := v[key]; !ok {
			errs = append(errs, fmt.Errorf("%s.%s is in the schema, not in values.yaml", at, key))
		}
	}
	for key, value := range v {
		p, ok := properties[key].(map[string]any)
		if !ok {
			errs = append(errs, fmt.Errorf("%s.%s is in values.yaml, not in the schema", at, key))
			continue
		}
		if m, ok := value.(map[string]any); ok {
			errs = append(errs, sameKeys(at+"."+key, p, m))
		}
	}
	return errors.Join(errs...)
}
