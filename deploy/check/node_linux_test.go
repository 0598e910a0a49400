package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// node stands in for a cluster's node: it runs a container of a pod as a process, with the container's arguments, environment and files.
// Other hosts are ports of 127.0.0.1, and mounts are in a folder. If the test runs as root, the process runs as the pod's user.
type node struct {
	dir     string
	address string            // of the pod's port
	gateway string            // URL of the simulated gateways, each under a path of its own
	proxy   string            // URL of a proxy
	secrets map[string]string // what people put into Secrets and ConfigMaps, by key or by name/key
	root    *x509.CertPool    // for the certificate of pages that require a login
}

// The login of pages that require one, and the hash of its password.
const (
	user, password = "prometheus", "secret"
	hash           = "$2a$04$5Qb4z46zdDzWlJGHl842g.PPNbCipFQIPAD8Ohyc7ZuRqzhIoMbZ."
)

func newNode(t *testing.T, database string) *node {
	t.Helper()
	if err := built(); err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}})
	t.Cleanup(proxy.Close)
	// The pods' users may not be the test's, and cannot enter t.TempDir.
	dir, err := os.MkdirTemp("", "node")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	n := &node{dir: dir, gateway: startGateways(t), proxy: proxy.URL}
	n.address = freeAddress(t) // last, or a server above could get it
	certificate, key := n.certify(t)
	n.secrets = map[string]string{
		"token": "hpk_example", "production": "hpk_example\n", "staging": "xapi-example", "api-key": "xapi-example",
		"url": database, "dsn": database,
		"gateways.yml": "gateways: {production: {url: 'https://hoop.example.com/api', token_file: /etc/hoop_exporter/credentials/hoop-keys/production}}",
		"http.yml":     "authorization: {credentials: hpk_example}",
		// If the credential comes from elsewhere, the file has only TLS settings.
		"hoop-exporter-http/http.yml": "tls_config: {min_version: TLS12}",
		"web-config.yml":              "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\nbasic_auth_users: {" + user + ": '" + hash + "'}",
		"tls.crt":                     certificate, "tls.key": key, "ca.crt": certificate,
		"HOOP_URL": "https://hoop.example.com/api",
	}
	return n
}

// certify makes a certificate for hoop-exporter, and its key.
func (n *node) certify(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hoop-exporter"}, DNSNames: []string{"hoop-exporter"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	n.root = x509.NewCertPool()
	n.root.AppendCertsFromPEM([]byte(certificate))
	return certificate, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// startGateways starts two simulated gateways, and returns their URL.
func startGateways(t *testing.T) string {
	t.Helper()
	args := []string{"--listen=127.0.0.1:0", "--gateways=2", "--history=100", "--history-span=1h"}
	cmd := exec.CommandContext(t.Context(), filepath.Join(folder, "gatewayd"), args...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	cmd.Stdout = w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line := make([]byte, 100)
	size, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(line[:size])), "Listening on ")
}

var (
	gatewayURL = regexp.MustCompile(`https?://hoop(-staging)?[a-z.-]*(:\d+)?(/hoop)?`)
	listening  = regexp.MustCompile(`^--web\.listen-address=.*`)
)

// here replaces the URLs, paths and ports of a cluster in a text by those of this node.
func (n *node) here(text string) string {
	text = gatewayURL.ReplaceAllStringFunc(text, func(url string) string {
		if strings.Contains(url, "staging") {
			return n.gateway + "/g1"
		}
		return n.gateway + "/g0"
	})
	_, port, _ := net.SplitHostPort(n.address)
	return strings.NewReplacer(
		"http://proxy.example.com:3128", n.proxy,
		"/etc/hoop_exporter", n.dir+"/etc/hoop_exporter",
		"/var/lib/hoop_exporter", n.dir+"/var/lib/hoop_exporter",
		":10068", ":"+port,
	).Replace(text)
}

// command mounts the volumes of a pod's container, and returns the command that runs it.
func (n *node) command(t *testing.T, o *objects, pod corev1.PodSpec, c corev1.Container) *exec.Cmd {
	t.Helper()
	for _, m := range c.VolumeMounts {
		n.mount(t, o, pod, m)
	}
	env := n.environment(t, o, c)
	args := []string{"--web.listen-address=" + n.address}
	for _, a := range c.Args {
		for _, e := range env {
			name, value, _ := strings.Cut(e, "=")
			a = strings.ReplaceAll(a, "$("+name+")", value)
		}
		if a = n.here(a); !listening.MatchString(a) {
			args = append(args, a)
		}
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(folder, "hoop_exporter"), args...)
	cmd.Env, cmd.Dir = env, "/"
	as(cmd, pod.SecurityContext)
	return cmd
}

// environment returns a container's variables.
func (n *node) environment(t *testing.T, o *objects, c corev1.Container) (list []string) {
	t.Helper()
	values := map[string]string{}
	for _, from := range c.EnvFrom {
		for _, m := range o.configMaps {
			if from.ConfigMapRef != nil && m.Name == from.ConfigMapRef.Name {
				for k, v := range m.Data {
					values[k] = v
				}
			}
		}
		if from.ConfigMapRef != nil && from.ConfigMapRef.Name == "hoop-exporter" { // overlays of kubernetes/base create it
			values["HOOP_URL"] = n.secrets["HOOP_URL"]
		}
	}
	for _, e := range c.Env {
		value := e.Value
		for k, v := range values {
			value = strings.ReplaceAll(value, "$("+k+")", v)
		}
		switch from := e.ValueFrom; {
		case from == nil:
		case from.FieldRef != nil && from.FieldRef.FieldPath == "status.podIP":
			value = "127.0.0.1"
		case from.ResourceFieldRef != nil && from.ResourceFieldRef.Resource == "limits.memory":
			value = strconv.FormatInt(c.Resources.Limits.Memory().Value()/from.ResourceFieldRef.Divisor.Value(), 10)
		default:
			t.Errorf("this node does not know where %s comes from", e.Name)
		}
		values[e.Name] = value
	}
	for k, v := range values {
		list = append(list, k+"="+n.here(v))
	}
	return list
}

// mount creates the files of a mount, as the kubelet does.
func (n *node) mount(t *testing.T, o *objects, pod corev1.PodSpec, m corev1.VolumeMount) {
	t.Helper()
	dir := n.dir + m.MountPath
	if _, err := os.Stat(dir); err == nil { // another container has mounted it
		return
	}
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(dir, 0o755))
	var volume corev1.Volume // stays without a source if it is a claim of the StatefulSet
	for _, v := range pod.Volumes {
		if v.Name == m.Name {
			volume = v
		}
	}
	name, mode, items := "", int32(0o644), []corev1.KeyToPath(nil)
	switch {
	case volume.Secret != nil:
		name, items = volume.Secret.SecretName, volume.Secret.Items
		if volume.Secret.DefaultMode != nil {
			mode = *volume.Secret.DefaultMode
		}
	case volume.ConfigMap != nil:
		name, items = volume.ConfigMap.Name, volume.ConfigMap.Items
	default:
		check(os.Mkdir(dir+"/lost+found", 0o700))
		owned(t, dir, 0o2775|os.ModeSetgid, pod.SecurityContext)
		return
	}
	data := n.data(o, name)
	if items != nil {
		all := data
		data = map[string]string{}
		for _, i := range items {
			content, ok := all[i.Key]
			if !ok {
				t.Errorf("%s has no key %s", name, i.Key)
			}
			data[i.Path] = content
		}
	}
	check(os.Mkdir(dir+"/..2026", 0o755))
	check(os.Symlink("..2026", dir+"/..data"))
	for key, content := range data {
		file := dir + "/..2026/" + key
		check(os.WriteFile(file, []byte(n.here(content)), 0o600))
		owned(t, file, os.FileMode(mode), pod.SecurityContext)
		check(os.Symlink("..data/"+key, dir+"/"+key))
	}
}

// data is the content of a Secret or ConfigMap. People create those that are not rendered: those have everything in n.secrets.
func (n *node) data(o *objects, name string) map[string]string {
	for _, s := range o.secrets {
		if s.Name == name {
			return s.StringData
		}
	}
	for _, m := range o.configMaps {
		if m.Name == name {
			return m.Data
		}
	}
	all := map[string]string{}
	for key, content := range n.secrets {
		if of, key, ok := strings.Cut(key, "/"); !ok {
			if _, own := all[of]; !own {
				all[of] = content
			}
		} else if of == name {
			all[key] = content
		}
	}
	return all
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// as lets a command run as a pod's user, if the test runs as root.
func as(cmd *exec.Cmd, s *corev1.PodSecurityContext) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(*s.RunAsUser), Gid: uint32(*s.RunAsGroup)}
	}
}

// owned sets the mode of a file or folder of a volume and, if the test runs as root, gives it to root and the pod's group.
func owned(t *testing.T, path string, mode os.FileMode, s *corev1.PodSecurityContext) {
	t.Helper()
	if os.Getuid() == 0 {
		if err := os.Chown(path, 0, int(*s.FSGroup)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
