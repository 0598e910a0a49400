package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts the program and returns its URL.
func start(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	exit := make(chan int, 1)
	go func() { exit <- run(ctx, args, w, io.Discard) }()
	t.Cleanup(func() {
		cancel()
		if code := <-exit; code != 0 {
			t.Errorf("exit code %d after it was stopped", code)
		}
	})
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(strings.TrimSpace(line), "Listening on ")
}

// send returns the status and the body of an answer.
func send(t *testing.T, method, url string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer any")
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// decoded returns the JSON of a successful answer.
func decoded[T any](t *testing.T, url string) (v T) {
	t.Helper()
	code, body := send(t, http.MethodGet, url)
	if err := json.Unmarshal(body, &v); code != http.StatusOK || err != nil {
		t.Fatalf("%s: %d, %v: %s", url, code, err, body)
	}
	return v
}

func TestTruthCountsSinceTheFirstSuccessfulAnswer(t *testing.T) {
	gateway := start(t, "--history=300", "--unfinished=20", "--pending=5", "--ready=3")
	const query = "/truth?lookback=200h&overlap=15m&long_running=1h&overdue=5m"
	if code, body := send(t, http.MethodGet, gateway+query); code != http.StatusConflict || !strings.Contains(string(body), "t0=") {
		t.Errorf("before any request: %d %s", code, body)
	}

	before := time.Now().Truncate(time.Second)
	send(t, http.MethodGet, gateway+"/api/sessions?limit=0") // an error does not count
	if code, _ := send(t, http.MethodGet, gateway+"/truth?lookback=200h&overlap=15m"); code != http.StatusConflict {
		t.Errorf("after a refusal: %d", code)
	}
	page := decoded[struct{ Data []struct{ ID string } }](t, gateway+"/api/sessions?limit=100")
	if len(page.Data) != 100 {
		t.Errorf("%d sessions in a page", len(page.Data))
	}
	truth := decoded[struct {
		T0 time.Time
		gatewaytest.Truth
	}](t, gateway+query)
	if truth.T0.Before(before) || truth.T0.After(time.Now()) {
		t.Errorf("counts since %v, first request after %v", truth.T0, before)
	}
	sums := map[string]float64{}
	for k, v := range truth.Samples {
		sums[strings.SplitN(k, "{", 2)[0]] += v
	}
	for family, want := range map[string]float64{"hoop_open_sessions": 20, "hoop_connection_info": 12, "hoop_open_reviews": 8} {
		if sums[family] != want {
			t.Errorf("%s adds up to %v, want %v", family, sums[family], want)
		}
	}
	if _, ok := sums["hoop_overdue_reviews"]; !ok {
		t.Errorf("no overdue reviews among %v", sums)
	}
	everything := decoded[gatewaytest.Truth](t, gateway+query+"&everything=true&agents=true&input_size_buckets=100&group_wait_buckets=60,600&access_buckets=3600")
	if n := len(everything.Samples); n <= len(truth.Samples) || everything.Samples[`hoop_agent_up{agent="default",version="1.148.0"}`] != 1 {
		t.Errorf("%d series in all, %d without the option", n, len(truth.Samples))
	}
	if s := decoded[gatewaytest.Stats](t, gateway+"/stats"); s.Rows != 100 || s.Requests[gatewaytest.PathSessions] != 2 {
		t.Errorf("served %d sessions in %v", s.Rows, s.Requests)
	}
}

func TestNoSessionStartsAfterCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options{dialect: "new", rate: 10, hurry: 1, connections: 12}
		g := o.gateway(0, scenario.Scenario{})
		d := newDaemon(g)
		started := func() int {
			s := g.Stats()
			return s.Events[gatewaytest.EventConnect] + s.Events[gatewaytest.EventExec]
		}
		time.Sleep(time.Minute)
		if n := started(); n < 300 {
			t.Errorf("%d sessions in a minute of ten a second", n)
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/calm", nil))
		if w.Code != http.StatusNoContent {
			t.Errorf("calm: %d", w.Code)
		}
		calm := started()
		time.Sleep(time.Hour)
		if n := started(); n != calm {
			t.Errorf("%d sessions started after the calm", n-calm)
		}
	})
}

func TestHurryShortensWhatTakesTime(t *testing.T) {
	o := options{rate: 3, hurry: 60, duration: 3 * time.Second, lateMax: 4 * time.Second}
	l := o.life(gatewaytest.Connections(2))
	for name, d := range map[string]struct{ got, want time.Duration }{
		"duration": {l.Duration, 3 * time.Second}, "late": {l.LateMax, 4 * time.Second}, "very late": {l.VeryLateMax, 20 * time.Second},
		"long": {l.LongDuration, 2 * time.Minute}, "wait": {l.Wait, 5 * time.Second}, "access": {l.Access, 30 * time.Second},
	} {
		if d.got != d.want {
			t.Errorf("%s: %v, want %v", name, d.got, d.want)
		}
	}
	if l.Stuck != 0 || l.Undecided != 0 || l.NeverRun != 0 || l.ApprovedLater != 1 {
		t.Errorf("something is left over: %+v", l)
	}
	if l.Rewritten != 0 || l.Overturned != 0 || l.Rate != 3 || len(l.Connections) != 2 {
		t.Errorf("%+v", l)
	}
}

func TestMistakesAreRefused(t *testing.T) {
	for _, test := range []struct{ name, args, says string }{
		{"outside", "--listen=0.0.0.0:0", `--listen: "0.0.0.0" is not a loopback address`},
		{"no port", "--listen=127.0.0.1", "--listen: address 127.0.0.1: missing port"},
		{"a dialect that is none", "--dialect=older", "older"},
		{"no hurry", "--hurry=0", "--hurry and --connections must be above 0"},
		{"no flag", "--lookback=1h", "unknown long flag"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), []string{test.args}, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), test.says) {
				t.Errorf("exit code %d, says %q", code, stderr.String())
			}
		})
	}
}

func TestTruthRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, test := range []struct{ name, query, says string }{
		{"all", "t0=2026-01-02T03:04:05Z&lookback=168h&overlap=15m&forget_after=2160h&long_running=1h,8h&overdue=5m&event_size_buckets=1,2.5" +
			"&duration_buckets=1&wait_buckets=2&connection_tags=team", ""},
		{"nothing", "", "lookback and overlap are required"},
		{"unknown", "lookback=1h&overlap=1m&seed=3", `unknown parameter "seed"`},
		{"twice", "lookback=1h&lookback=1h&overlap=1m", "lookback is set 2 times"},
		{"no duration", "lookback=week&overlap=1m", "lookback: "},
		{"no bound", "lookback=1h&overlap=1m&wait_buckets=1,x", "wait_buckets: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			q, err := url.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			o, err := truthOptions(q)
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("says %v", err)
				}
				return
			}
			if err != nil || o.T0.IsZero() || o.ForgetAfter != 90*24*time.Hour || len(o.LongRunning) != 2 || o.LongRunningLabels[1] != "8h" ||
				o.Overdue[0] != 5*time.Minute || o.EventSizeBuckets[1] != 2.5 || o.DurationBuckets[0] != 1 || o.WaitBuckets[0] != 2 || o.ConnectionTags[0] != "team" {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
}

func TestManyGatewaysHavePathsOfTheirOwn(t *testing.T) {
	url := start(t, "--gateways=3", "--scenarios=1", "--many=10", "--history=30", "--org=o")
	list := decoded[[]listed](t, url+"/gateways")
	if len(list) != 3+len(scenario.All(1)) {
		t.Fatalf("%+v", list)
	}
	orgs := map[string]bool{}
	for _, g := range list {
		if g.Scenario != "" && g.Scenario != "floods" {
			continue
		}
		page := decoded[struct {
			Data []struct {
				OrgID string `json:"org_id"`
			}
		}](t, url+g.Path+"/api/sessions?limit=100")
		if len(page.Data) != 30 {
			t.Fatalf("%s: %d sessions", g.Name, len(page.Data))
		}
		orgs[page.Data[0].OrgID] = true
		if s := decoded[gatewaytest.Stats](t, url+g.Path+"/stats"); s.Rows != 30 {
			t.Errorf("%s: %+v", g.Name, s)
		}
	}
	if len(orgs) != 4 {
		t.Errorf("organizations: %v", orgs)
	}
	for _, g := range list {
		if g.Scenario == "500" {
			if code, _ := send(t, http.MethodGet, url+g.Path+"/api/sessions"); code != http.StatusInternalServerError {
				t.Errorf("%+v: %d", g, code)
			}
		}
	}
}
