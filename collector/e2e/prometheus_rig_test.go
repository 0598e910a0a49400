package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// rig is everything that runs for a variant.
type rig struct {
	variant
	say                               func(format string, args ...any)
	gateway, prometheus, alertmanager string // URLs
	address                           string // of the exporter
	exporter                          *process
	relaunch                          func() *process
	others                            []*process
}

// The gateway's life is 60 times faster than a real one. It begins with few sessions, so that many connections first show up during the run;
// among them are reviews that have waited for hours. What it said once it does not say differently later, so that totals are exact in every label.
var gatewayFlags = []string{
	"--connections=40", "--history=60", "--history-span=10h", "--unfinished=12", "--pending=8", "--ready=2",
	"--rate=2", "--hurry=60", "--no-rewriting", "--seed=1",
}

// lookback and overlap are the exporter's, and what the truth depends on.
const lookback, overlap = "168h", "1m"

// half a second is how often tests with servers look again.
const half = 500 * time.Millisecond

func startRig(t *testing.T, v variant, say func(string, ...any)) *rig {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certificate(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	r := &rig{variant: v, say: say}
	p := built(t)
	also := func(program string, args ...string) (address string) {
		q, address := serveAt(t, program, args...)
		r.others = append(r.others, q)
		return address
	}
	r.gateway = "http://" + also(p.Gateway, gatewayFlags...)

	web := write("web.yml", "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nbasic_auth_users: {prometheus: "+hashed+"}\n")
	r.address = "127.0.0.1:0"
	r.relaunch = func() *process {
		q, address := serveAt(t, p.Exporter, "--hoop.url="+r.gateway, "--sessions.lookback="+lookback, "--sessions.overlap="+overlap,
			"--cache.ttl=2s", "--labels.connection-tags=team,environment", "--metrics.first-value-hold="+v.hold,
			"--state.dir="+filepath.Join(dir, "state"), "--web.config.file="+web, "--web.listen-address="+r.address)
		r.address = address
		return q
	}
	r.exporter = r.relaunch()

	r.alertmanager = "http://" + also(os.Getenv("HOOP_ALERTMANAGER"), "--config.file="+write("alertmanager.yml", "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"),
		"--storage.path="+filepath.Join(dir, "alertmanager"), "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")

	write("rules.yml", rules(t))
	write("password", password)
	features := []string{"exemplar-storage"}
	if v.created {
		features = append(features, "created-timestamp-zero-ingestion")
	}
	native := ""
	if v.native {
		native = "\n  scrape_native_histograms: true"
	}
	r.prometheus = "http://" + also(os.Getenv("HOOP_PROMETHEUS"), "--enable-feature="+strings.Join(features, ","),
		"--config.file="+write("prometheus.yml", fmt.Sprintf(configuration, strings.TrimPrefix(r.alertmanager, "http://"), native, r.address)),
		"--storage.tsdb.path="+filepath.Join(dir, "prometheus"), "--web.listen-address=127.0.0.1:0")
	collectortest.Eventually(t, time.Minute, half, func() string {
		if _, err := fetch(t.Context(), http.MethodGet, r.prometheus+"/-/ready", ""); err != nil {
			return err.Error()
		}
		return ""
	})
	say("gateway, exporter, Alertmanager and Prometheus run; features %v, native histograms %v, first values held for %s", features, v.native, v.hold)
	return r
}

// configuration is Prometheus' own; it lacks where Alertmanager is, what to scrape and where.
const configuration = `
global: {scrape_interval: 5s, scrape_timeout: 5s, evaluation_interval: 5s}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['%s']}]}]}
scrape_configs:
- job_name: hoop%s
  scheme: https
  tls_config: {ca_file: cert.pem}
  basic_auth: {username: prometheus, password_file: password}
  static_configs: [{targets: ['%s']}]
`

// The password is let in by its bcrypt hash.
const password, hashed = "not a secret", "$2a$04$sBgPX8WiZpA5YtFnl1hHbeXuMMBFiUPTfu4vs4WhmZsZ7QV56BmQS"

// rules are the real ones, but for how often they are looked at: thresholds, and how long something has to last, stay as they are.
func rules(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("\n    interval: 1m\n", "\n    interval: 5s\n", "\n    interval: 3m\n", "\n    interval: 5s\n").Replace(string(text))
}

// certificate makes one that is its own authority.
func certificate(t *testing.T, certPath, keyPath string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certPath: {Type: "CERTIFICATE", Bytes: cert}, keyPath: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// serveAt is serve with the address instead of the URL.
func serveAt(t *testing.T, program string, args ...string) (p *process, address string) {
	t.Helper()
	p, url := serve(t, program, args...)
	return p, strings.TrimPrefix(url, "http://")
}
