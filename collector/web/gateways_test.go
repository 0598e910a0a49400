package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// two are gateways of which one is somebody else's.
type two struct {
	production *fake
	woken      int
	away       error // why it is not known where gateways are
}

func (g *two) Names() []string { return []string{"production"} }
func (g *two) Wake()           { g.woken++ }

func (g *two) Locate(name string) (Collector, string, error) {
	switch name {
	case "production":
		return g.production, "", nil
	case "elsewhere":
		return nil, "https://other.example:1/", nil
	case "nowhere":
		return nil, "", errors.New("no process watches it")
	}
	return nil, "", fleet.ErrUnknown
}

func (g *two) Targets(path, own string) ([]fleet.Target, error) {
	if g.away != nil {
		return nil, g.away
	}
	return []fleet.Target{{Targets: []string{own}, Labels: map[string]string{"__metrics_path__": path, "__param_gateway": "production"}}}, nil
}

func TestEachGatewayHasItsProbe(t *testing.T) {
	g := &two{production: &fake{}}
	h, _ := handler(t, nil, func(c *Config) { c.Collector, c.Gateways = nil, g })
	for _, test := range []struct {
		name, path string
		code       int
		has        []string
		hasNot     []string
	}{
		{"one of them", "/probe?gateway=production", 200, []string{"\nhoop_up 1\n", "\nhoop_exporter_build_info{"}, []string{"\ngo_", "\nprocess_", "promhttp_"}},
		{"unknown", "/probe?gateway=staging", 404, []string{"Those of the configuration are: production"}, []string{"hoop_up"}},
		{"an address", "/probe?gateway=http://evil.example/", 404, []string{"Those of the configuration are: production"}, []string{"evil"}},
		{"a target, as other exporters have it", "/probe?target=http://evil.example/", 400, []string{"?gateway="}, []string{"evil"}},
		{"none", "/probe", 400, []string{"?gateway=", "Those of the configuration are: production"}, nil},
		{"the exporter", "/metrics", 200, []string{"promhttp_metric_handler_requests_total"}, []string{"hoop_up"}},
		{"discovery", "/sd", 200, []string{`[{"targets":["example.com"],"labels":{"__metrics_path__":"/probe","__param_gateway":"production"}}]`}, nil},
		{"ready, whatever the gateways do", "/-/ready", 200, nil, nil},
		{"status page", "/", 200, []string{`href="./sd"`, `href="./probe?gateway=production"`}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := get(h, "GET", test.path)
			body := "\n" + w.Body.String()
			if w.Code != test.code {
				t.Errorf("%d, want %d", w.Code, test.code)
			}
			for _, has := range test.has {
				if !strings.Contains(body, has) {
					t.Errorf("no %q in %s", has, body)
				}
			}
			for _, hasNot := range test.hasNot {
				if strings.Contains(body, hasNot) {
					t.Errorf("%q in %s", hasNot, body)
				}
			}
		})
	}
	if g.woken != 1 {
		t.Errorf("woken %d times by one look at the exporter", g.woken)
	}
	var targets []fleet.Target
	w := get(h, "GET", "/sd")
	if err := json.Unmarshal(w.Body.Bytes(), &targets); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%v, %s", err, w.Header().Get("Content-Type"))
	}
}

// A plain service in front of processes that share a database is enough: the one that watches the gateway answers, whichever gets the
// request.
func TestAnotherProcessRedirectsToTheOneThatWatchesTheGateway(t *testing.T) {
	g := &two{production: &fake{}}
	h, _ := handler(t, nil, func(c *Config) { c.Collector, c.Gateways = nil, g })
	for _, tc := range []struct {
		name, path     string
		code           int
		location, says string
	}{
		{"one of many", "/probe?gateway=elsewhere&x=a%20b", 307, "https://other.example:1/probe?gateway=elsewhere&redirected=1&x=a+b", "another process watches the gateway"},
		{"it has moved since", "/probe?gateway=elsewhere&redirected=1", 503, "", "another process watches the gateway by now: scrape again."},
		{"nobody has it", "/probe?gateway=nowhere", 503, "", "no process watches it."},
		{"its own", "/probe?gateway=production&redirected=1", 200, "", "hoop_up 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := get(h, "GET", tc.path)
			if w.Code != tc.code || w.Header().Get("Location") != tc.location || !strings.Contains(w.Body.String(), tc.says) {
				t.Errorf("%d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
			}
		})
	}
}

// What a scrape gathered may be older than what another process shows by the time that it is done.
func TestNothingIsShownOnceTheLeaseHasEnded(t *testing.T) {
	f := &fake{}
	h, _ := handler(t, f, nil)
	f.lost = errors.New("the lease has ended")
	if w := get(h, "GET", "/metrics"); w.Code != 503 || w.Body.String() != "the lease has ended.\n" || f.deadline == 0 {
		t.Errorf("%d: %s; scraped: %v", w.Code, w.Body, f.deadline != 0)
	}
}

func TestDiscoveryFailsWhereTheHoldersAreUnknown(t *testing.T) {
	h, _ := handler(t, nil, func(c *Config) { c.Collector, c.Gateways = nil, &two{away: errors.New("the database is away")} })
	if w := get(h, "GET", "/sd"); w.Code != 503 || w.Body.String() != "the database is away.\n" {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

// With one gateway there is nothing to choose from.
func TestOneGatewayHasNoProbe(t *testing.T) {
	h, _ := handler(t, &fake{}, nil)
	for _, path := range []string{"/probe?gateway=production", "/sd", "/-/reload"} {
		if w := get(h, "GET", path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestAReloadSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name, method string
		reload       func() error
		code         int
		says         string
	}{
		{"well", "POST", func() error { return nil }, 200, "was reloaded"},
		{"put", "PUT", func() error { return nil }, 200, "was reloaded"},
		{"badly", "POST", func() error { return errors.New("hoop.yml:3: gateways.production.duty: must be above 0") }, 500, "hoop.yml:3: gateways.production.duty"},
		{"by a link", "GET", func() error { t.Error("reloaded"); return nil }, 405, "POST"},
		{"not enabled", "POST", nil, 403, "--web.enable-lifecycle"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, _ := handler(t, nil, func(c *Config) { c.Collector, c.Gateways, c.Reload = nil, &two{}, test.reload })
			w := get(h, test.method, "/-/reload")
			if w.Code != test.code || !strings.Contains(w.Body.String(), test.says) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if test.code == http.StatusMethodNotAllowed && !slices.Contains(w.Header().Values("Allow"), "POST, PUT") {
				t.Error("it does not say how")
			}
		})
	}
}

// crowd has a gateway that hangs among others.
type crowd struct {
	two
	hanging *waiting
}

func (c *crowd) Locate(name string) (Collector, string, error) {
	if name == "hanging" {
		return c.hanging, "", nil
	}
	return c.two.Locate(name)
}

// Whoever scrapes a gateway that hangs takes no place of those who scrape another one.
func TestPlacesAreThoseOfOneGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{two{production: &fake{}}, &waiting{release: make(chan struct{})}}
		h, _ := handler(t, nil, func(cfg *Config) { cfg.Collector, cfg.Gateways, cfg.MaxRequests = nil, c, 3 })
		codes := make(chan int, 10)
		for range 10 {
			go func() { codes <- get(h, "GET", "/probe?gateway=hanging").Code }()
		}
		synctest.Wait()
		for path, want := range map[string]int{"/probe?gateway=production": 200, "/metrics": 200, "/probe?gateway=hanging": 503, "/probe?gateway=unknown": 404} {
			if code := get(h, "GET", path).Code; code != want {
				t.Errorf("%s: %d, want %d", path, code, want)
			}
		}
		close(c.hanging.release)
		got := map[int]int{}
		for range 10 {
			got[<-codes]++
		}
		if got[200] != 3 || got[503] != 7 {
			t.Errorf("answers %v", got)
		}
	})
}
