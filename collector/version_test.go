package collector

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// The version is that of the last page. Once a proxy removes the header, the exporter could not notice an upgrade, so the version is
// unknown.
func TestAVersionThatIsNoLongerReportedIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stripped := false
		var g *gatewaytest.Gateway
		g = gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(*http.Request) http.Handler {
			if !stripped {
				return nil
			}
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				recorded := httptest.NewRecorder()
				g.Normal().ServeHTTP(recorded, r)
				maps.Copy(rw.Header(), recorded.Header())
				rw.Header().Del("Server")
				_, _ = rw.Write(recorded.Body.Bytes())
			})
		}})
		w := newWorld(t, g, truthConfig())
		defer w.stop()
		for _, version := range []string{"1.148.0", "unknown", "1.148.0"} {
			w.scrapeFor(2*time.Minute, refreshEvery)
			if got := w.scrape(); got[`hoop_gateway_info{version="`+version+`"}`] != 1 {
				t.Errorf("the version is not %s", version)
			}
			stripped = !stripped
		}
	})
}
