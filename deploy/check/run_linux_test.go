package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chartutil"
	corev1 "k8s.io/api/core/v1"
)

// What is rendered runs: the program starts with the arguments, environment and files of its pod, and the pod's probes succeed. It can be
// scraped as the objects for the Prometheus operator say, and ends in time. The pod of "helm test" succeeds.
func TestPodsRun(t *testing.T) {
	all := map[string]*objects{}
	for _, set := range sets(t) {
		all["chart "+set] = render(t, values(t, set))
	}
	for _, folder := range []string{"gateway", "demo", "fleet"} {
		all["kustomize "+folder] = kustomize(t, folder)
	}
	for name, v := range documented(t) {
		all[name] = render(t, v)
	}
	database := startDatabase(t)
	for name, o := range all {
		t.Run(name, func(t *testing.T) {
			n, pod := newNode(t, database(t)), o.workloads()[0].pod.Spec
			for _, p := range o.pods { // of "helm test"
				if out, err := n.command(t, o, p.Spec, p.Spec.Containers[0]).CombinedOutput(); err != nil {
					t.Errorf("helm test: %v: %s", err, out)
				}
			}
			n.run(t, o, pod, func() error { return n.scraped(t.Context(), o) })
		})
	}
}

// What compose starts runs, too, even if the shell still has the credential of a single gateway.
func TestComposeServicesRun(t *testing.T) {
	database, one := startDatabase(t), []string{"HOOP_URL=https://hoop.example.com/api", "HOOP_TOKEN=hpk_example"}
	for name, project := range map[string]*types.Project{
		"demo":      compose(t),
		"a gateway": compose(t, one...),
		"fleet":     composeFiles(t, append([]string{"HOOP_POSTGRES_PASSWORD=secret"}, one...), "compose.yaml", "fleet.yaml"),
	} {
		t.Run(name, func(t *testing.T) {
			database := database(t)
			n, service := newNode(t, database), project.Services["exporter"]
			file, err := os.ReadFile(abs(t, "deploy/compose/fleet/hoop.yml"))
			if err != nil {
				t.Fatal(err)
			}
			n.secrets["hoop.yml"] = string(file)
			id, grace := int64(65532), int64(30) // the image's user
			container := corev1.Container{Args: service.Command, ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/-/ready"}}}}
			container.LivenessProbe = container.ReadinessProbe
			pod := corev1.PodSpec{TerminationGracePeriodSeconds: &grace, SecurityContext: &corev1.PodSecurityContext{RunAsUser: &id, RunAsGroup: &id, FSGroup: &id}}
			for key, value := range service.Environment {
				if value != nil {
					container.Env = append(container.Env, corev1.EnvVar{Name: key, Value: strings.Replace(*value, composeDatabase, database, 1)})
				}
			}
			secret := corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{}}
			for _, v := range service.Volumes {
				container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: v.Target, MountPath: v.Target})
				if v.Type == types.VolumeTypeBind {
					container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: "keys", MountPath: v.Target + "/keys"})
					pod.Volumes = append(pod.Volumes, corev1.Volume{Name: v.Target, VolumeSource: secret}, corev1.Volume{Name: "keys", VolumeSource: secret})
				}
			}
			pod.Containers = []corev1.Container{container}
			n.run(t, &objects{}, pod, func() error {
				body, err := n.get(t.Context(), "http", "/metrics", false)
				if err == nil && !isUp.Match(body) {
					err = fmt.Errorf("no gateway is up: %s", body)
				}
				return err
			})
		})
	}
}

// composeDatabase is where compose's exporters find the database.
const composeDatabase = "postgres://hoop_exporter@postgres:5432/hoop_exporter?sslmode=disable"

var (
	isUp    = regexp.MustCompile(`(?m)^(hoop_up|hoop_exporter_gateway_up\{.*\}) 1$`)
	trouble = regexp.MustCompile(`level=(warn|error)`)
)

// run runs a pod until it is ready, live and scraped, and then ends it.
func (n *node) run(t *testing.T, o *objects, pod corev1.PodSpec, scraped func() error) {
	t.Helper()
	cmd := n.command(t, o, pod, pod.Containers[0])
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	n.await(t, "ready", func() error { return n.probe(t.Context(), pod.Containers[0].ReadinessProbe) })
	n.await(t, "live", func() error { return n.probe(t.Context(), pod.Containers[0].LivenessProbe) })
	n.await(t, "scraped", scraped)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second):
		t.Error("the exporter did not end within the grace period of its pod")
		_ = cmd.Process.Kill()
		<-ended
	}
	if t.Failed() || trouble.Match(log.Bytes()) {
		t.Errorf("%s\n%s", strings.Join(cmd.Args, " "), log.String())
	}
}

// documented returns the values in the documentation, by file.
func documented(t *testing.T) map[string]chartutil.Values {
	t.Helper()
	all := map[string]chartutil.Values{}
	for _, path := range []string{"docs/install.md", "docs/fleet.md", "deploy/helm/hoop-exporter/README.md"} {
		content, err := os.ReadFile(abs(t, path))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile("(?s)```yaml file=[a-z-]*values.yaml\n(.*?)```").FindSubmatch(content)
		if m == nil {
			t.Fatalf("%s shows no values", path)
		}
		if all[path], err = chartutil.ReadValues(m[1]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// await tries something until it works, as the kubelet and Prometheus do.
func (n *node) await(t *testing.T, what string, try func() error) {
	t.Helper()
	if t.Failed() { // each step needs the last one
		return
	}
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Errorf("the exporter is not %s: %v", what, err)
}

// probe does what the kubelet does with a probe. The kubelet does not know the certificate, and has no login.
func (n *node) probe(ctx context.Context, p *corev1.Probe) error {
	if p.HTTPGet == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", n.address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	_, err := n.get(ctx, strings.ToLower(string(p.HTTPGet.Scheme)), p.HTTPGet.Path, false)
	return err
}

// get requests a page of the exporter, which must answer 200.
func (n *node) get(ctx context.Context, scheme, path string, login bool) ([]byte, error) {
	if scheme == "" {
		scheme = "http"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+n.address+path, nil)
	if err != nil {
		return nil, err
	}
	if login {
		request.SetBasicAuth(user, password)
	}
	security := &tls.Config{RootCAs: n.root, ServerName: "hoop-exporter", MinVersion: tls.VersionTLS12}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: security}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	return body, err
}

// scraped scrapes as Prometheus does with the objects of its operator.
func (n *node) scraped(ctx context.Context, o *objects) error {
	var endpoints []endpoint
	for _, m := range o.monitors {
		e := m.Spec.Endpoints[0]
		endpoints = append(endpoints, endpoint{e.Scheme, e.Path, e.BasicAuth != nil})
	}
	for _, m := range o.podMonitors {
		e := m.Spec.PodMetricsEndpoints[0]
		endpoints = append(endpoints, endpoint{e.Scheme, e.Path, e.BasicAuth != nil})
	}
	for _, s := range o.scrapes {
		sd := s.Spec.HTTPSDConfigs[0]
		scheme, _, _ := strings.Cut(string(sd.URL), "://")
		body, err := n.get(ctx, scheme, "/sd", sd.BasicAuth != nil)
		if err != nil {
			return err
		}
		var list []struct {
			Targets []string
			Labels  map[string]string
		}
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("/sd lists no gateway")
		}
		for _, g := range list {
			scheme := g.Labels["__scheme__"]
			if scheme == "" && s.Spec.Scheme != nil {
				scheme = strings.ToLower(string(*s.Spec.Scheme))
			}
			path := g.Labels["__metrics_path__"] + "?gateway=" + g.Labels["__param_gateway"]
			body, err := n.get(ctx, scheme, path, s.Spec.BasicAuth != nil)
			if err != nil {
				return err
			}
			if g.Targets[0] != n.address || !strings.Contains(string(body), "\nhoop_up 1\n") {
				return fmt.Errorf("/sd lists %v, want a gateway at %s that is up: %s", g, n.address, body)
			}
		}
	}
	for _, e := range endpoints {
		if e.path == "" {
			e.path = "/metrics"
		}
		scheme := "http"
		if e.scheme != nil {
			scheme = e.scheme.String()
		}
		body, err := n.get(ctx, scheme, e.path, e.login)
		if err != nil {
			return err
		}
		if !isUp.Match(body) {
			return fmt.Errorf("no gateway is up: %s", body)
		}
	}
	return nil
}

// endpoint is how a ServiceMonitor or PodMonitor scrapes exporters.
type endpoint struct {
	scheme *monitoringv1.Scheme
	path   string
	login  bool
}

// startDatabase starts PostgreSQL, and returns a function that creates a database and returns its URL.
func startDatabase(t *testing.T) func(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("PostgreSQL is not installed (Debian: apt-get install postgresql)")
		}
		t.Skip("PostgreSQL is not installed here")
	}
	bin := found[len(found)-1]
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	nobody := int64(65534)
	s := &corev1.PodSecurityContext{RunAsUser: &nobody, RunAsGroup: &nobody}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, int(nobody), int(nobody)); err != nil {
			t.Fatal(err)
		}
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir = dir
		as(cmd, s)
		return cmd
	}
	if out, err := command("initdb", "--pgdata="+dir+"/data", "--username=postgres", "--auth=trust", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	server := command("postgres", "-D", dir+"/data", "-k", dir, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Signal(syscall.SIGQUIT); _ = server.Wait() })
	var ready []byte
	databases := 0
	for range 300 {
		if ready, err = command("pg_isready", "--host=127.0.0.1", "--port="+port).CombinedOutput(); err == nil {
			return func(t *testing.T) string {
				t.Helper()
				databases++
				name := fmt.Sprintf("test%d", databases)
				if out, err := command("createdb", "--host=127.0.0.1", "--port="+port, "--username=postgres", name).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				return "postgres://postgres@" + address + "/" + name + "?sslmode=disable"
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("PostgreSQL does not start: %s", ready)
	return nil
}
