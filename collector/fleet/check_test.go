package fleet

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

// Many gateways are queried at once, those of one address one after the other, and the answers are in the order of the names.
func TestACheckQueriesManyGatewaysAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, sharing = 60, 4 // the first ones have one address
		var underWay, most atomic.Int64
		shared := gatewaytest.New(gatewaytest.Config{Cost: func(gatewaytest.Request) time.Duration { return time.Second }})
		yaml := &strings.Builder{}
		fmt.Fprintln(yaml, "gateways:")
		for i := range n {
			host := "shared"
			if i >= sharing {
				host = fmt.Sprint("host-", n-i)
			}
			fmt.Fprintf(yaml, "  g%02d: {url: https://%s, api_key_file: key-%d}\n", i, host, i)
		}
		c, err := config.Parse("hoop.yml", []byte(yaml.String()))
		if err != nil {
			t.Fatal(err)
		}
		connect := func(g *config.Gateway) (*client.Client, error) {
			gateway := shared
			if !strings.Contains(g.Address(), "shared") {
				gateway = gatewaytest.New(gatewaytest.Config{Fault: func(*http.Request) http.Handler {
					if g.Name() == "g33" {
						return gatewaytest.Fail(401, "no")
					}
					most.Store(max(most.Load(), underWay.Add(1)))
					time.Sleep(time.Second + time.Duration(len(g.Address()))*time.Millisecond)
					underWay.Add(-1)
					return nil
				}})
			}
			key := client.WithAPIKey(func() (string, error) { return "org|secret", nil })
			return client.New(g.Address(), &http.Client{Transport: gateway.Transport()}, key)
		}
		began := time.Now()
		var out bytes.Buffer
		err = Check(t.Context(), c, CheckOptions{Client: connect, State: &StateFlags{}}, &out)
		if err == nil || err.Error() != "1 of 60 gateways cannot be used" {
			t.Errorf("says %v", err)
		}
		names := regexp.MustCompile(`(?m)^g\d\d:$`).FindAllString(out.String(), -1)
		if len(names) != n || !slices.IsSorted(names) || !strings.Contains(out.String(), "g33:\nfailed: get user info: HTTP 401") || strings.Count(out.String(), "\nsessions: ") != n-1 {
			t.Errorf("%d gateways: %s", len(names), out.String())
		}
		if s := shared.Stats(); s.MaxInFlight != 1 {
			t.Errorf("%d requests at once to one address", s.MaxInFlight)
		}
		if d := time.Since(began); most.Load() > checksAtOnce || d > 10*time.Second {
			t.Errorf("took %v, %d at once", d, most.Load())
		}
		t.Logf("took %v, at most %d at once", time.Since(began), most.Load())
	})
}
