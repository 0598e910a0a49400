package fleet

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

// Whatever becomes of the file while everything is scraped: counters of gateways that stay never fall, those that are gone show nothing, no
// address is queried twice at once, and in the end nothing is left.
func TestNoSequenceOfConfigurationsMakesCountersFall(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, collectortest.Pick(3, 12)).Draw(rt, "steps")
		wrong := ""
		synctest.Test(t, func(t *testing.T) {
			wrong = live(t, steps)
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// step is a file, and for how long it holds.
type step struct {
	Gateways map[string]entry // by name
	Broken   string           // what is added to it, so that it is not taken
	Duty     string           // of all
	Pause    time.Duration
}

// entry is a gateway of a file.
type entry struct{ Host, Type, Token, More string }

func drawStep(t *rapid.T) step {
	s := step{
		Gateways: rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.Custom(func(t *rapid.T) entry {
			return entry{
				Host:  rapid.SampledFrom([]string{"one", "two", "slow"}).Draw(t, "host"),
				Type:  rapid.SampledFrom([]string{"", "database", "application"}).Draw(t, "type"),
				Token: rapid.SampledFrom([]string{"t", "u"}).Draw(t, "token"),
				More:  rapid.SampledFrom([]string{"", ", timeout: 3s", ", labels: {connection_tags: [team]}", ", metrics: {max_connections: 3}", ", target_labels: {x: y}"}).Draw(t, "more"),
			}
		}), 1, 4).Draw(t, "gateways"),
		Duty:  rapid.SampledFrom([]string{"0.1", "0.2"}).Draw(t, "duty"),
		Pause: time.Duration(rapid.IntRange(0, 200).Draw(t, "pause")) * time.Second / 2,
	}
	if rapid.IntRange(0, 4).Draw(t, "broken") == 0 {
		s.Broken = rapid.SampledFrom([]string{"  x: {url: https://nowhere, token_file: t}\n", "  x: {url: https://one}\n", "  x: [\n", "y: z\n"}).Draw(t, "how")
	}
	return s
}

func (s step) yaml() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "defaults: {duty: %s}\ngateways:\n", s.Duty)
	for name, e := range s.Gateways {
		fmt.Fprintf(b, "  %s: {url: https://%s, token_file: %s-%s, sessions: {type: %q}%s}\n", name, e.Host, name, e.Token, e.Type, e.More)
	}
	return b.String() + s.Broken
}

// live goes through all steps, and returns what is wrong.
func live(t *testing.T, steps []step) (wrong string) {
	w := newWorld(t, Options{Concurrency: 2})
	for _, host := range []string{"one", "two", "slow"} {
		w.lively(host)
	}
	var now map[string]entry
	last := map[string]map[string]float64{}
	for i, s := range steps {
		c, err := config.Parse("hoop.yml", []byte(s.yaml()))
		if err == nil {
			err = w.Apply(c)
		}
		if (err != nil) != (s.Broken != "") {
			wrong = fmt.Sprintf("step %d: %v", i, err)
		}
		if err == nil {
			for name := range last {
				if before, after := now[name], s.Gateways[name]; before.Host != after.Host || before.Type != after.Type {
					delete(last, name)
				}
			}
			now = s.Gateways
		}
		if len(w.Names()) != len(now) {
			wrong = fmt.Sprintf("step %d: %v is there, want %v", i, w.Names(), now)
		}
		for end := time.Now().Add(s.Pause); ; time.Sleep(20 * time.Second) {
			for _, name := range []string{"a", "b", "c", "d", "x"} {
				series := w.scrape(name)
				if _, there := now[name]; there != (series != nil) {
					wrong = fmt.Sprintf("step %d: %s has %d series", i, name, len(series))
				}
				for k, v := range last[name] {
					if is, ok := series[k]; ok && is < v {
						wrong = fmt.Sprintf("step %d: %s: %s fell from %v to %v", i, name, k, v, is)
					}
				}
				if series != nil {
					last[name] = counted(series)
				}
			}
			if !time.Now().Before(end) {
				break
			}
		}
	}
	w.apply("gateways: {z: {url: https://one, token_file: t}}")
	time.Sleep(5 * time.Minute) // the last requests end
	if n := w.shared(); n != 1 {
		wrong = fmt.Sprintf("%d addresses are left, want that of the only gateway", n)
	}
	w.stop()
	if n := w.shared(); n != 0 {
		wrong = fmt.Sprintf("%d addresses are left in the end", n)
	}
	for host, g := range w.gateways {
		if s := g.Stats(); s.MaxInFlight > 1 {
			wrong = fmt.Sprintf("%s: %d requests at once", host, s.MaxInFlight)
		}
	}
	return wrong
}

// shared is the number of addresses that collectors share.
func (w *world) shared() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.addresses)
}
