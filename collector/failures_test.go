package collector

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// A gateway that refuses everything is reported in one line an hour, which starts with the reason.
func TestARefusedCredentialIsOneLineAnHour(t *testing.T) {
	for _, test := range []struct {
		name, line string
		saved      bool
		answer     http.Handler
	}{
		{"a wrong token, saved", `level=warn msg="the gateway is not queried" err="get user info: HTTP 401 from /api/userinfo`, true, gatewaytest.Fail(401, "no")},
		{"a wrong token", `level=warn msg="a request to the gateway failed" err="list sessions: HTTP 401 from /api/sessions`, false, gatewaytest.Fail(401, "no")},
		{"no JSON, saved", `level=warn msg="the gateway is not queried" err="get user info: the answer is not JSON`, true, gatewaytest.Spoil(200, "text/html", []byte("<p>"))},
		{"no JSON", `level=warn msg="a request to the gateway failed" err="list sessions: the answer is not JSON`, false, gatewaytest.Spoil(200, "text/html", []byte("<p>"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(*http.Request) http.Handler { return test.answer }})
				var logged logs
				cfg := truthConfig()
				cfg.Logger = level.NewFilter(log.NewLogfmtLogger(&logged), level.AllowInfo())
				if test.saved {
					cfg.State = newDisk()
				}
				w := newWorld(t, g, cfg)
				defer w.stop()
				w.scrapeFor(3*time.Hour+30*time.Minute, refreshEvery)
				lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
				if len(lines) != 4 {
					t.Fatalf("%d lines in three and a half hours, want 4:\n%s", len(lines), logged.String())
				}
				for i, line := range lines {
					if !strings.HasPrefix(line, test.line) || strings.Contains(line, "since=") != (i > 0) {
						t.Errorf("line %d is not %s…: %s", i, test.line, line)
					}
				}
			})
		})
	}
}
