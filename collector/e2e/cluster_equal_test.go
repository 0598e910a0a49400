package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// follow scrapes the gateway g at an address as Prometheus does, which follows redirects, and returns which process has answered.
func follow(ctx context.Context, address string) (from string, s collectortest.Series, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/probe?gateway=g", nil)
	if err != nil {
		return "", s, err
	}
	req.Header.Set("Accept", protobuf)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil { // such as a redirect to a process that has just stopped
		return "", s, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", s, err
	}
	if resp.StatusCode != http.StatusOK {
		return "", s, fmt.Errorf("%s: %s: %s", resp.Request.URL, resp.Status, body)
	}
	s, err = decode(body)
	return resp.Request.URL.Host, s, err
}

// A service in front of equal processes is one target: whichever answers, the metrics are those of the process that watches.
func TestEqualProcessesAnswerAsOne(t *testing.T) {
	t.Parallel()
	p, at := built(t), database.Database(t)
	_, gateway := serveAt(t, p.Gateway, "--history=60", "--history-span=10h", "--unfinished=12", "--rate=2", "--hurry=60", "--no-rewriting")
	dir, yaml := t.TempDir(), fmt.Sprintf(`gateways: {g: {url: "http://%s", token_file: token, sessions: {lookback: %s, overlap: 1m}, cache: {ttl: 100ms}, duty: 0.5, metrics: {first_value_hold: 500ms}}}`, gateway, killLookback)
	for name, text := range map[string]string{"hoop.yml": yaml, "token": "any"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start := func() (*process, string) {
		address := collectortest.FreeAddress(t)
		q, _ := serveWith(t, nil, p.Exporter, "--config.file="+filepath.Join(dir, "hoop.yml"), "--state.postgres-url-file="+urlFile(t, at),
			"--web.listen-address="+address, "--web.external-url=http://"+address)
		return q, address
	}
	b := newBooks()
	watchedBy := func(at, by string) (s collectortest.Series) {
		t.Helper()
		collectortest.Eventually(t, 30*time.Second, half/2, func() string {
			from, got, err := follow(t.Context(), at)
			if err != nil {
				return err.Error()
			}
			s = got
			for name, want := range map[string]float64{"hoop_up": 1, "hoop_exporter_baseline_complete": 1} {
				if v, ok := got.Values[name]; !ok || v != want || from != by {
					return "from " + from + ": " + name + " is not so"
				}
			}
			return ""
		})
		if wrong := b.enter(s); wrong != nil {
			t.Errorf("at %s: %s", at, few(wrong))
		}
		return s
	}
	first, one := start()
	watchedBy(one, one)
	second, two := start()
	// Which of them watches it is left to a hash.
	holder := ""
	collectortest.Eventually(t, 30*time.Second, half/2, func() string {
		fromOne, _, errOne := follow(t.Context(), one)
		fromTwo, _, errTwo := follow(t.Context(), two)
		if errOne != nil || errTwo != nil || fromOne != fromTwo {
			return "not one: " + fromOne + ", " + fromTwo
		}
		holder = fromOne
		for _, at := range []string{one, two} { // each has metrics of its own
			s, err := observe(t.Context(), "http://"+at)
			if err != nil {
				return err.Error()
			}
			for name, want := range map[string]float64{"hoop_exporter_database_up": 1, "hoop_exporter_unheld_gateways": 0, `hoop_exporter_members{configuration="same"}`: 2} {
				if v, ok := s.Values[name]; !ok || v != want {
					return "at " + at + ": " + name + " is not so"
				}
			}
		}
		return ""
	})
	names := func(s collectortest.Series) []string {
		return slices.DeleteFunc(slices.Sorted(maps.Keys(s.Values)), func(k string) bool { return !strings.HasPrefix(k, "hoop_") })
	}
	if _, err := fetch(t.Context(), http.MethodPost, "http://"+gateway+"/calm", ""); err != nil {
		t.Fatal(err)
	}
	becomesTrue := func(at string) {
		t.Helper()
		collectortest.Eventually(t, time.Minute, half/2, func() string {
			_, s, err := follow(t.Context(), at)
			if err != nil {
				return err.Error()
			}
			if wrong := b.enter(s); wrong != nil {
				t.Errorf("at %s: %s", at, few(wrong))
			}
			now, err := truth(t.Context(), "http://"+gateway, killLookback, allowedLateness())
			if err != nil {
				return err.Error()
			}
			return few(differs(s, now))
		})
	}
	becomesTrue(holder)
	through, direct := watchedBy(one, holder), watchedBy(two, holder)
	if a, b := names(through), names(direct); !slices.Equal(a, b) || len(a) < 50 {
		t.Errorf("%d series through one, %d through the other", len(a), len(b))
	}

	leaves, stays := first, two
	if holder == two {
		leaves, stays = second, one
	}
	leaves.stop(t)
	watchedBy(stays, stays)
	becomesTrue(stays)
}
