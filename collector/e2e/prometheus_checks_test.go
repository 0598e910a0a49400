package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// targetsUp waits until Prometheus has scraped the exporter, and that the gateway.
func (r *rig) targetsUp(t *testing.T) {
	t.Helper()
	type targets struct {
		ActiveTargets []struct{ Health, LastError, ScrapeURL string }
	}
	collectortest.Eventually(t, time.Minute, half, func() string {
		a := api[targets](t, r, "targets").ActiveTargets
		if len(a) != 1 || a[0].Health != "up" || !strings.HasPrefix(a[0].ScrapeURL, "https://") {
			return fmt.Sprintf("targets %+v", a)
		}
		if v := r.vector(t, "hoop_up == 1 and hoop_exporter_baseline_complete == 1"); len(v) != 1 {
			return "the exporter has not read the gateway"
		}
		return ""
	})
	r.say("the target is up, over TLS and basic auth")
}

// reviewAlert waits until Alertmanager has what a review that waits too long is paged with, by the real threshold of 20 minutes.
func (r *rig) reviewAlert(t *testing.T) {
	t.Helper()
	type alert struct{ Labels, Annotations map[string]string }
	collectortest.Eventually(t, 3*time.Minute, half, func() string {
		alerts := fetched[[]alert](t, r.alertmanager+"/api/v2/alerts?filter="+url.QueryEscape("alertname=HoopReviewWaitingTooLong"))
		if len(alerts) == 0 {
			return "Alertmanager has no HoopReviewWaitingTooLong"
		}
		a := alerts[0]
		if a.Labels["severity"] != "critical" || a.Labels["connection"] == "" || a.Annotations["summary"] == "" || strings.Contains(a.Annotations["description"], "no value") {
			t.Fatalf("the alert says %v %v", a.Labels, a.Annotations)
		}
		r.say("Alertmanager has %d alerts HoopReviewWaitingTooLong; one says: %s", len(alerts), a.Annotations["summary"])
		return ""
	})
}

// killed kills the exporter, starts it again over the same state, and lets life go on for a while.
func (r *rig) killed(t *testing.T) {
	t.Helper()
	started := func() float64 {
		v := r.vector(t, "sum(hoop_sessions_started_total)")
		if len(v) != 1 {
			return 0
		}
		return v[0].Value.v
	}
	before := started()
	r.exporter.kill()
	r.exporter = r.relaunch()
	collectortest.Eventually(t, 3*time.Minute, half, func() string {
		v := r.vector(t, "changes(process_start_time_seconds{job='hoop'}[10m])")
		if len(v) != 1 || v[0].Value.v < 1 {
			return "Prometheus has not seen the restart"
		}
		if now := started(); now < before+60 {
			return fmt.Sprintf("%v sessions started before the kill, %v by now", before, now)
		}
		return ""
	})
	r.say("the exporter was killed with SIGKILL, and started again; since then, 60 sessions started or more")
}

// dashboards runs the dashboards' queries, until each one that has data when all is well has returned some.
func (r *rig) dashboards(t *testing.T, path string) {
	t.Helper()
	type query struct {
		Dashboard, Name, Ref, Expr        string
		Exemplars, NeedsRules, MayBeEmpty bool
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var left []query
	for line := range strings.Lines(string(text)) {
		var q query
		if err := json.Unmarshal([]byte(line), &q); err != nil {
			t.Fatal(err)
		}
		left = append(left, q)
	}
	all, exemplars, mayBeEmpty := len(left), 0, 0
	collectortest.Eventually(t, 3*time.Minute, half, func() string {
		var without []query
		for _, q := range left {
			have := string(r.query(t, q.Expr).Result) != "[]"
			if q.Exemplars && have {
				now := time.Now().Unix()
				v := url.Values{"query": {q.Expr}, "start": {fmt.Sprint(now - 300)}, "end": {fmt.Sprint(now)}}
				if have = len(api[[]json.RawMessage](t, r, "query_exemplars?"+v.Encode())) > 0; have {
					exemplars++
				}
			}
			switch {
			case have:
			case q.MayBeEmpty:
				mayBeEmpty++
			default:
				without = append(without, q)
			}
		}
		if left = without; len(left) > 0 {
			return fmt.Sprintf("%d queries have no data, such as %+v", len(left), left[0])
		}
		return ""
	})
	r.say("all %d queries of the dashboards return data, %d of them exemplars; %d that may be empty are", all, exemplars, mayBeEmpty)
}

// rules waits until all have been looked at, without errors.
func (r *rig) rules(t *testing.T) {
	t.Helper()
	type groups struct {
		Groups []struct {
			Name  string
			Rules []struct{ Name, Health, LastError string }
		}
	}
	collectortest.Eventually(t, time.Minute, half, func() string {
		n := 0
		for _, g := range api[groups](t, r, "rules").Groups {
			for _, rule := range g.Rules {
				if rule.Health != "ok" {
					return fmt.Sprintf("%s: %+v", g.Name, rule)
				}
				n++
			}
		}
		if n < 50 {
			t.Fatalf("there are only %d rules", n)
		}
		r.say("all %d rules are healthy", n)
		return ""
	})
}

// scrapes looks at what Prometheus says of itself: nothing was left out of a scrape, and only the kill may have made some fail.
func (r *rig) scrapes(t *testing.T) {
	t.Helper()
	var up []series
	if up = r.vector(t, "up{job='hoop'}[15m]"); len(up) != 1 {
		t.Fatalf("up has %d series", len(up))
	}
	failed := 0
	for _, p := range up[0].Values {
		if p.v != 1 {
			failed++
		}
	}
	if n := len(up[0].Values); failed > 2 || n < 10 {
		t.Errorf("%d of %d scrapes failed", failed, n)
	}
	own, err := fetch(t.Context(), http.MethodGet, r.prometheus+"/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(own)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		family, _, _ := strings.Cut(name, "{")
		for _, trouble := range []string{
			"duplicate_timestamp_total", "out_of_bounds_total", "out_of_order_total", "exceeded_sample_limit_total", "body_size_limit_total",
			"rule_evaluation_failures_total", "notifications_dropped_total", "notifications_errors_total",
		} {
			if strings.HasPrefix(family, "prometheus_") && strings.HasSuffix(family, trouble) && value != "0" {
				t.Errorf("Prometheus says %s %s", name, value)
			}
		}
	}
	r.say("%d scrapes, %d of them failed (the kill may cost two); Prometheus left out no sample and no exemplar", len(up[0].Values), failed)
}

// stop ends everything as an operator would, the exporter first.
func (r *rig) stop(t *testing.T) {
	t.Helper()
	r.exporter.stop(t)
	for _, p := range r.others {
		p.stop(t)
	}
	r.say("everything ended with success")
}
