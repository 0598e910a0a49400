package e2e

import (
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// systemd holds the socket: the exporter starts at the first scrape, and answers it.
func TestSystemdStartsTheExporterAtTheFirstScrape(t *testing.T) {
	activate, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("systemd-socket-activate is not installed here") // .ci/deploy says so loudly
	}
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	p := launch(t, nil, activate, "--listen="+address, built(t).Exporter, "--demo", "--web.systemd-socket", "--log.level=warn")
	var body []byte
	collectortest.Eventually(t, time.Minute, 50*time.Millisecond, func() string {
		if body, err = fetch(t.Context(), http.MethodGet, "http://"+address+"/metrics", plainText); err != nil {
			return err.Error()
		}
		return ""
	})
	if !strings.Contains(string(body), "\nhoop_up ") {
		t.Errorf("there are no metrics in %s", body)
	}
	p.stop(t)
}
