package fleet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

// configured is a world that goes on with a file.
type configured struct {
	*world
	path     string
	reloader *Reloader
	signals  chan os.Signal
}

func newConfigured(t *testing.T, interval time.Duration) *configured {
	t.Helper()
	c := &configured{world: newWorld(t, Options{}), path: filepath.Join(t.TempDir(), "hoop.yml"), signals: make(chan os.Signal, 1)}
	c.lively("one")
	c.lively("two")
	c.write(one)
	first, err := config.Load(c.path)
	if err == nil {
		err = c.Apply(first)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.reloader = NewReloader(c.Fleet, c.path)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.reloader.Run(ctx, c.signals, interval); err != nil {
			t.Error(err)
		}
	}()
	stop := c.stop
	c.stop = func() {
		cancel()
		<-done
		stop()
	}
	return c
}

func (c *configured) write(yaml string) {
	c.t.Helper()
	if err := os.WriteFile(c.path, []byte(yaml), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// metrics are the reloader's.
func (c *configured) metrics() (successful, at, hash float64) {
	return testutil.ToFloat64(c.reloader.successful), testutil.ToFloat64(c.reloader.successAt), testutil.ToFloat64(c.reloader.hash)
}

func TestAChangedFileIsAppliedAndABrokenOneIsNot(t *testing.T) {
	const (
		both   = one + "  two: {url: https://two, token_file: t}\n"
		broken = "gateways: {one: {url: https://one}}\n"
	)
	for _, tc := range []struct {
		name     string
		interval time.Duration
		how      func(c *configured)
	}{
		{"by request", 0, func(c *configured) { _ = c.reloader.Reload() }},
		{"by a signal", 0, func(c *configured) { c.signals <- syscall.SIGHUP }},
		{"by itself", time.Second, func(*configured) { time.Sleep(time.Second) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newConfigured(t, tc.interval)
				defer c.stop()
				ok, began, hash := c.metrics()
				if ok != 1 || began != float64(time.Now().UnixMilli())/1e3 || hash == 0 {
					t.Fatalf("at the start: %v, %v, %v", ok, began, hash)
				}
				time.Sleep(time.Hour)
				c.write(both)
				tc.how(c)
				synctest.Wait()
				ok, at, other := c.metrics()
				if ok != 1 || at < began+3600 || other == hash || len(c.Names()) != 2 {
					t.Errorf("after a change: %v, %v, %v, %v", ok, at-began, other, c.Names())
				}
				time.Sleep(time.Hour)
				c.write(broken)
				tc.how(c)
				time.Sleep(time.Minute)
				if ok, then, same := c.metrics(); ok != 0 || then != at || same != other || len(c.Names()) != 2 {
					t.Errorf("after a mistake: %v, %v, %v, %v", ok, then-at, same, c.Names())
				}
				if said := strings.Count(c.log.String(), "hoop.yml:1: gateways.one"); said != 1 {
					t.Errorf("the mistake was reported %d times: %s", said, c.log)
				}
				c.write(both)
				tc.how(c)
				synctest.Wait()
				if ok, _, same := c.metrics(); ok != 1 || same != other {
					t.Errorf("when it was mended: %v, %v", ok, same)
				}
			})
		})
	}
}

// Without a request to reload, the reloader does not read the file.
func TestTheFileIsNotReadWithoutARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConfigured(t, 0)
		defer c.stop()
		c.write("garbage")
		time.Sleep(24 * time.Hour)
		if ok, _, _ := c.metrics(); ok != 1 {
			t.Error("it was read again")
		}
	})
}

// Who reads the log after a reload sees which gateways the change was about.
func TestAReloadNamesTheGatewaysThatDiffer(t *testing.T) {
	gateways := func(yaml ...string) string { return "gateways:\n  " + strings.Join(yaml, "\n  ") + "\n" }
	const two = "two: {url: https://two, token_file: t}"
	first := strings.TrimPrefix(strings.TrimSpace(one), "gateways:\n  ")
	for _, tc := range []struct{ name, file, want string }{
		{"nothing", gateways(first), "gateways=1 watched=1\n"},
		{"a new one", gateways(first, two), "gateways=2 watched=2 new=two\n"},
		{"a changed one", gateways("one: {url: https://one, token_file: t, cache: {ttl: 11s}}"), "gateways=1 watched=1 changed=one\n"},
		{"one at another address", gateways("one: {url: https://two, token_file: t}"), "gateways=1 watched=1 changed=one\n"},
		{"one instead of another", gateways(two), "gateways=1 watched=1 new=two gone=one\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newConfigured(t, 0)
				defer c.stop()
				if strings.Contains(c.log.String(), "new=") {
					t.Errorf("at the start all are new: %s", c.log)
				}
				c.write(tc.file)
				if err := c.reloader.Reload(); err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(c.log.String(), tc.want) {
					t.Errorf("want %q in %s", tc.want, c.log)
				}
			})
		})
	}
}

func TestALogLineNamesAFewGateways(t *testing.T) {
	w := &world{t: t}
	many := "gateways:\n"
	for i := range maxNamed + 5 {
		many += fmt.Sprintf("  g%02d: {url: https://two/%d, token_file: t}\n", i, i)
	}
	got := fmt.Sprint(differences(w.parse(one), w.parse(many)))
	if !strings.HasPrefix(got, "[new g00,g01,") || !strings.HasSuffix(got, ",g19,and 5 more gone one]") {
		t.Errorf("got %s", got)
	}
}

func TestHealthShowsEachGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConfigured(t, 0)
		defer c.stop()
		c.write("gateways:\n  one: {url: https://one, token_file: t}\n  two: {url: https://two, token_file: t}\n")
		if err := c.reloader.Reload(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		c.scrape("one")
		c.scrape("two")
		want := `
# HELP hoop_exporter_gateway_up 1 if hoop_up of the gateway is 1, else 0.
# TYPE hoop_exporter_gateway_up gauge
hoop_exporter_gateway_up{gateway="one"} 1
hoop_exporter_gateway_up{gateway="two"} 1
# HELP hoop_exporter_gateways Number of gateways of the configuration that this process watches; if processes share a database, other processes watch the others.
# TYPE hoop_exporter_gateways gauge
hoop_exporter_gateways 2
`
		if err := testutil.CollectAndCompare(c.Health(), strings.NewReader(want), "hoop_exporter_gateway_up", "hoop_exporter_gateways"); err != nil {
			t.Error(err)
		}
		for _, collector := range []prometheus.Collector{c.Health(), c.reloader} {
			if problems, err := testutil.CollectAndLint(collector); err != nil || len(problems) > 0 {
				t.Errorf("%v, %v", err, problems)
			}
		}
	})
}

// Wake refreshes the gateways that were not scraped for a while, and no others.
func TestWakeRefreshesOnlyGatewaysThatAreNotScraped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.stop()
		scraped, left := w.lively("one"), w.lively("two")
		w.apply(one + "  two: {url: https://two, token_file: t}\n")
		for range 20 { // until the backfill is complete
			w.scrape("one")
			w.scrape("two")
			time.Sleep(30 * time.Second)
		}
		for range 10 {
			w.scrape("one")
			w.Wake()
			before := requests(scraped)
			time.Sleep(29 * time.Second)
			if n := requests(scraped) - before; n > 0 {
				t.Errorf("%d requests to the one that is scraped", n)
			}
			time.Sleep(time.Second)
		}
		before := requests(left)
		time.Sleep(time.Hour)
		if requests(left) != before {
			t.Error("it is queried although nothing scrapes it")
		}
		w.Wake()
		time.Sleep(10 * time.Second)
		if c, _ := w.Collector("two"); requests(left) == before || !c.Health().Up {
			t.Error("it is not refreshed")
		}
	})
}

// A file that changes between the moment in which it was first read and the first look at it has changed.
func TestAChangeBeforeTheFirstLookIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConfigured(t, 0)
		defer c.stop()
		c.write(one + "  two: {url: https://two, token_file: t}\n")
		NewReloader(c.Fleet, c.path).reloadIfChanged()
		if len(c.Names()) != 2 {
			t.Errorf("%v", c.Names())
		}
	})
}
