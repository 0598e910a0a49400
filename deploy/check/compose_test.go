package check

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	alertmanager "github.com/prometheus/alertmanager/config"
)

// compose does what `docker compose config` does with the file and an environment.
func compose(t *testing.T, env ...string) *types.Project {
	t.Helper()
	return composeFiles(t, env, "compose.yaml")
}

// composeFiles does it with several files, the later of which change the earlier.
func composeFiles(t *testing.T, env []string, files ...string) *types.Project {
	t.Helper()
	paths := make([]string, 0, len(files))
	for _, f := range files {
		paths = append(paths, abs(t, "deploy/compose/"+f))
	}
	options, err := cli.NewProjectOptions(paths, cli.WithEnv(env), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// One variable decides what is watched.
func TestOneVariableSwitchesComposeToAGateway(t *testing.T) {
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"without a gateway": {nil, "--web.listen-address=:10068 --labels.connection-tags=team,environment --demo"},
		"an empty URL":      {[]string{"HOOP_URL="}, "--web.listen-address=:10068 --labels.connection-tags=team,environment --demo"},
		"a gateway": {
			[]string{"HOOP_URL=https://hoop.example.com/api", "HOOP_TOKEN=hpk_x"},
			"--web.listen-address=:10068 --labels.connection-tags=team,environment --state.dir=/var/lib/hoop_exporter --hoop.url=https://hoop.example.com/api",
		},
	} {
		t.Run(name, func(t *testing.T) {
			exporter := compose(t, c.env...).Services["exporter"]
			if got := strings.Join(exporter.Command, " "); got != c.want {
				t.Errorf("the exporter is run with\n%s, want\n%s", got, c.want)
			}
			// A secret is passed on where it is set, and not set to nothing where it is not.
			token := exporter.Environment["HOOP_TOKEN"]
			if got := token != nil && *token == "hpk_x"; got != slices.Contains(c.env, "HOOP_TOKEN=hpk_x") {
				t.Errorf("HOOP_TOKEN is passed on: %v", got)
			}
			wantKnownFlags(t, exporter.Command)
		})
	}
}

// wantKnownFlags checks that the exporter has all flags of a command.
func wantKnownFlags(t *testing.T, command []string) {
	t.Helper()
	known, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for _, arg := range command {
		if flag, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "="); !known[flag] {
			t.Errorf("the exporter has no flag %s", arg)
		}
	}
}

func TestComposePublishesNothingToOthers(t *testing.T) {
	checkClosed(t, compose(t), "alertmanager", "exporter", "grafana", "prometheus")
}

// checkClosed wants these services and no others, hardened, and seen from this machine only.
func checkClosed(t *testing.T, project *types.Project, names ...string) {
	t.Helper()
	for _, name := range names {
		s, ok := project.Services[name]
		if !ok {
			t.Errorf("there is no service %s", name)
			continue
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.MemLimit == 0 {
			t.Errorf("%s is not hardened as the others are", name)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s listens for everybody on port %s", name, p.Published)
			}
		}
		if s.Build == nil && (!strings.Contains(s.Image, ":") || strings.HasSuffix(s.Image, ":latest")) {
			t.Errorf("%s takes whatever version of %s there is", name, s.Image)
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				if _, ok := project.Volumes[v.Source]; !ok {
					t.Errorf("%s mounts volume %s, which is not declared", name, v.Source)
				}
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s may write to %s", name, v.Source)
			}
		}
	}
	if n := len(project.Services); n != len(names) {
		t.Errorf("got %d services", n)
	}
}

// target finds where a service sees a file of the project.
func target(t *testing.T, s types.ServiceConfig, file string) string {
	t.Helper()
	file = abs(t, file)
	for _, v := range s.Volumes {
		if v.Source == file {
			return v.Target
		}
	}
	t.Errorf("%s does not see %s", s.Name, file)
	return ""
}

// What one service is configured to find, another has: addresses, files, folders.
func TestComposeFitsTogether(t *testing.T) {
	project := compose(t)
	prometheus := project.Services["prometheus"]
	var config struct {
		Global        map[string]string `json:"global"`
		RuleFiles     []string          `json:"rule_files"`
		ScrapeConfigs []struct {
			JobName string    `json:"job_name"`
			Native  bool      `json:"scrape_native_histograms"`
			Static  []targets `json:"static_configs"`
		} `json:"scrape_configs"`
		Alerting struct {
			Alertmanagers []struct {
				Static []targets `json:"static_configs"`
			} `json:"alertmanagers"`
		} `json:"alerting"`
	}
	readStrict(t, "deploy/compose/prometheus.yml", &config)
	if path := target(t, prometheus, "deploy/compose/prometheus.yml"); !slices.Contains(prometheus.Command, "--config.file="+path) {
		t.Errorf("Prometheus is not told to read %s", path)
	}
	rules := target(t, prometheus, "deploy/prometheus/rules.yml")
	if ok, err := filepath.Match(config.RuleFiles[0], rules); !ok || err != nil {
		t.Errorf("rules are at %s, Prometheus looks for %s (%v)", rules, config.RuleFiles[0], err)
	}
	var addresses []string
	for _, s := range config.ScrapeConfigs {
		addresses = append(addresses, s.Static[0].Targets...)
		if s.JobName == "hoop" && !s.Native {
			t.Error("Prometheus does not request native histograms")
		}
	}
	addresses = append(addresses, config.Alerting.Alertmanagers[0].Static[0].Targets...)
	for _, address := range addresses {
		host, port, _ := strings.Cut(address, ":")
		if host == "localhost" {
			host = "prometheus"
		}
		s, ok := project.Services[host]
		if !ok || !slices.ContainsFunc(s.Ports, func(p types.ServicePortConfig) bool { return p.Published == port }) {
			t.Errorf("nobody listens at %s", address)
		}
	}
	target(t, project.Services["alertmanager"], "deploy/compose/alertmanager.yml")
	if _, err := alertmanager.LoadFile(abs(t, "deploy/compose/alertmanager.yml")); err != nil {
		t.Error(err)
	}
}

type targets struct {
	Targets []string `json:"targets"`
}

// Grafana cannot be run everywhere; its two provisioning files are read by the fields that its documentation names.
func TestComposeGivesGrafanaTheDatasource(t *testing.T) {
	grafana := compose(t).Services["grafana"]
	var sources struct {
		APIVersion  int `json:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault, Editable          bool
			JSONData                     struct {
				HTTPMethod, PrometheusType, TimeInterval string
				ManageAlerts                             bool
				ExemplarTraceIDDestinations              []struct {
					Name, URL, URLDisplayLabel string
				} `json:"exemplarTraceIdDestinations"`
			} `json:"jsonData"`
		} `json:"datasources"`
	}
	readLoose(t, "deploy/compose/grafana/datasources.yaml", &sources)
	d := sources.Datasources[0]
	if sources.APIVersion != 1 || d.Type != "prometheus" || d.URL != "http://prometheus:9090" || !d.IsDefault {
		t.Errorf("the datasource is %+v", d)
	}
	if e := d.JSONData.ExemplarTraceIDDestinations[0]; e.Name != "session_id" || e.URL != "${HOOP_WEB_URL}/sessions/$${__value.raw}" {
		t.Errorf("exemplars lead to %+v", e)
	}
	if grafana.Environment["HOOP_WEB_URL"] == nil {
		t.Error("Grafana does not know where hoop's web app is")
	}
	if path := target(t, grafana, "deploy/compose/grafana/datasources.yaml"); filepath.Dir(path) != "/etc/grafana/provisioning/datasources" {
		t.Errorf("Grafana does not look for datasources at %s", path)
	}
}

func TestComposeGivesGrafanaTheDashboards(t *testing.T) {
	grafana := compose(t).Services["grafana"]
	var dashboards struct {
		APIVersion int `json:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type              string
			DisableDeletion, AllowUIUpdates bool
			UpdateIntervalSeconds           int
			Options                         struct{ Path string }
		} `json:"providers"`
	}
	readLoose(t, "deploy/compose/grafana/dashboards.yaml", &dashboards)
	files, err := filepath.Glob(abs(t, "dashboards/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no dashboards (%v)", err)
	}
	p := dashboards.Providers[0]
	if dashboards.APIVersion != 1 || p.Type != "file" {
		t.Errorf("dashboards come by %+v", p)
	}
	for _, f := range files {
		if path := target(t, grafana, "dashboards/"+filepath.Base(f)); filepath.Dir(path) != p.Options.Path {
			t.Errorf("Grafana looks for dashboards at %s, one is at %s", p.Options.Path, path)
		}
	}
	if path := target(t, grafana, "deploy/compose/grafana/dashboards.yaml"); filepath.Dir(path) != "/etc/grafana/provisioning/dashboards" {
		t.Errorf("Grafana does not look for providers at %s", path)
	}
	home := *grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if !slices.ContainsFunc(grafana.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == home }) {
		t.Errorf("there is no dashboard %s to begin with", home)
	}
}

// fleet returns the compose project with a fleet.
func fleet(t *testing.T) *types.Project {
	t.Helper()
	return composeFiles(t, []string{"HOOP_POSTGRES_PASSWORD=secret"}, "compose.yaml", "fleet.yaml")
}

// The fleet is the same with a database, and with three exporters that are found by their addresses.
func TestComposeRunsAFleet(t *testing.T) {
	project := fleet(t)
	checkClosed(t, project, "alertmanager", "exporter", "grafana", "postgres", "prometheus")
	if options, err := cli.NewProjectOptions([]string{abs(t, "deploy/compose/compose.yaml"), abs(t, "deploy/compose/fleet.yaml")}); err != nil {
		t.Fatal(err)
	} else if _, err := options.LoadProject(context.Background()); err == nil {
		t.Error("a database without a password is made")
	}
	exporter, postgres := project.Services["exporter"], project.Services["postgres"]
	if exporter.Deploy == nil || exporter.Deploy.Replicas == nil || *exporter.Deploy.Replicas != 3 || len(exporter.Ports) > 0 {
		t.Errorf("three exporters cannot have one port of the machine: %+v, %v", exporter.Deploy, exporter.Ports)
	}
	wantKnownFlags(t, exporter.Command)
	env := func(name string) string { return *postgres.Environment[name] }
	want := "postgres://" + env("POSTGRES_USER") + "@postgres:5432/" + env("POSTGRES_DB") + "?sslmode=disable"
	if got := exporter.Environment["HOOP_STATE_POSTGRES_URL"]; got == nil || *got != want {
		t.Errorf("the exporters look for the database at %v, it is at %s", got, want)
	}
	if got := exporter.Environment["PGPASSWORD"]; got == nil || *got != env("POSTGRES_PASSWORD") {
		t.Error("the exporters' password differs from the database's") // not in the URL, where special characters would have to be escaped
	}
	folder := target(t, exporter, "deploy/compose/fleet")
	if !slices.Contains(exporter.Command, "--config.file="+folder+"/hoop.yml") {
		t.Errorf("the exporters do not read %s/hoop.yml", folder)
	}
	content, err := os.ReadFile(abs(t, "deploy/compose/fleet/hoop.yml"))
	if err != nil {
		t.Fatal(err)
	}
	takes(t, string(content))
}

func TestComposeScrapesTheFleet(t *testing.T) {
	var config struct {
		Global        map[string]string `json:"global"`
		RuleFiles     []string          `json:"rule_files"`
		Alerting      map[string]any    `json:"alerting"`
		ScrapeConfigs []struct {
			JobName string           `json:"job_name"`
			Native  bool             `json:"scrape_native_histograms"`
			Static  []targets        `json:"static_configs"`
			HTTP    []map[string]any `json:"http_sd_configs"`
			DNS     []map[string]any `json:"dns_sd_configs"`
		} `json:"scrape_configs"`
	}
	readStrict(t, "deploy/compose/fleet/prometheus.yml", &config)
	target(t, fleet(t).Services["prometheus"], "deploy/compose/fleet/prometheus.yml")
	for _, s := range config.ScrapeConfigs {
		switch s.JobName {
		case "hoop":
			if !s.Native || s.HTTP[0]["url"] != "http://exporter:10068/sd" {
				t.Errorf("the gateways are scraped by %+v", s)
			}
		case "hoop-exporter":
			if s.DNS[0]["type"] != "A" || !slices.Equal(s.DNS[0]["names"].([]any), []any{"exporter"}) {
				t.Errorf("the exporters are scraped by %+v", s)
			}
		}
	}
}
