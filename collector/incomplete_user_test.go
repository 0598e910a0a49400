package collector

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// The state is named after what the gateway says of the credential's user. An answer that lacks a part of that must not start another
// state.
func TestAnIncompleteUserStartsNoOtherState(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"without an organization": `{"id":"u","role":"admin"}`,
		"without a role":          `{"id":"u","org_id":"` + gatewaytest.OrgID + `"}`,
		"without an id":           `{"role":"standard","org_id":"` + gatewaytest.OrgID + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			incomplete := false
			d := newDisk()
			saving(t, d, func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs) {
				w := newWorld(t, g, cfg)
				w.scrapeFor(10*time.Minute, 30*time.Second)
				before := w.notBelow(nil)
				incomplete = true
				w.scrapeFor(2*identifyEvery, collectortest.Pick(5*time.Minute, time.Minute))
				if got := w.scrape(); got["hoop_up"] != 1 || !strings.Contains(l.String(), "lacks the organization, the role or the id") {
					t.Errorf("a running exporter: up %v\n%s", got["hoop_up"], l)
				}
				before = w.notBelow(before)
				w.stop()
				w = newWorld(t, g, cfg)
				defer w.stop()
				w.scrapeFor(10*time.Minute, 30*time.Second)
				if got := w.scrape(); got["hoop_up"] != 0 || len(d.names()) != 1 {
					t.Errorf("a new one: up %v with %v\n%s", got["hoop_up"], d.names(), l)
				}
				incomplete = false
				w.scrapeFor(2*time.Minute, 15*time.Second)
				if got := w.scrape(); got["hoop_up"] != 1 || len(d.names()) != 1 {
					t.Errorf("up %v with %v", got["hoop_up"], d.names())
				}
				w.notBelow(before)
			}, func(r *http.Request) http.Handler {
				if !incomplete || !strings.HasSuffix(r.URL.Path, "/userinfo") {
					return nil
				}
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })
			})
		})
	}
}
