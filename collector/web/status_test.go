package web

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/hoop-exporter/hoop_exporter/collector"
)

var update = flag.Bool("update", false, "write the pages in testdata, instead of comparing them")

// golden compares a page with the one in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page is not that of %s: look at it, and run the test with -update:\n%s", path, got)
	}
}

func TestTheStatusPageOfOneGateway(t *testing.T) {
	for name, status := range statuses() {
		t.Run(name, func(t *testing.T) {
			h := pageOf(t, func(c *Config) {
				c.Collector, c.Configuration = &fake{status: status}, func(io.Writer) error { return nil }
			})
			w := get(h, "GET", "/")
			if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
				t.Fatalf("%d %s", w.Code, w.Header())
			}
			valid(t, w.Body.String())
			golden(t, "one-"+name, w.Body.String())
		})
	}
}

func TestTheStatusPageOfManyGateways(t *testing.T) {
	kinds := shown{names: []string{"elsewhere", "nowhere", "removed just now"}, statuses: statuses(), elsewhere: map[string]string{"elsewhere": "http://10.0.0.7:10068/", "nowhere": ""}}
	for name := range kinds.statuses {
		kinds.names = append(kinds.names, name)
	}
	slices.Sort(kinds.names)
	h := pageOf(t, func(c *Config) { c.Gateways, c.Profiles = kinds, true })
	body := get(h, "GET", "/").Body.String()
	valid(t, body)
	golden(t, "many", body)
	for _, test := range []struct {
		path string
		code int
		has  string
	}{
		{"/?gateway=down", 200, `<title>down: down – hoop_exporter</title>`},
		{"/?gateway=elsewhere", 200, `<a href="http://10.0.0.7:10068/?gateway=elsewhere">see its page</a>`},
		{"/?gateway=nowhere", 200, `No process watches the gateway at the moment`},
		{"/?gateway=%3Cb%3E", 404, "there is no gateway of this name here"},
		{"/?gateway=removed+just+now", 404, "there is no gateway of this name here"},
	} {
		w := get(h, "GET", test.path)
		if w.Code != test.code || !strings.Contains(w.Body.String(), test.has) {
			t.Errorf("%s: %d without %q: %s", test.path, w.Code, test.has, w.Body)
		}
		if test.code == 200 {
			valid(t, w.Body.String())
		}
	}
	if w := get(pageOf(t, func(c *Config) { c.Gateways = shown{} }), "GET", "/"); w.Code != 200 || !strings.Contains(w.Body.String(), "The configuration has no gateway.") {
		t.Errorf("without gateways: %d %s", w.Code, w.Body)
	}
}

// Once another process may watch the gateway, what was gathered before must not be shown.
func TestAStatusThatIsNotHeldIsNotShown(t *testing.T) {
	h := pageOf(t, func(c *Config) { c.Collector = &fake{status: healthy(), lost: collector.ErrLost} })
	if body := get(h, "GET", "/").Body.String(); strings.Contains(body, "1.148.0") || !strings.Contains(body, "Another process watches the gateway now.") {
		t.Error(body)
	}
}

// valid fails for a page that a browser would have to repair: elements that are not closed, ids that come twice, and labels and links that
// lead nowhere.
func valid(t *testing.T, page string) {
	t.Helper()
	var open []string
	ids, wanted := map[string]bool{}, map[string]bool{}
	z := html.NewTokenizer(strings.NewReader(page))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		switch token.Type {
		case html.StartTagToken:
			if !slices.Contains([]string{"meta", "link", "input"}, token.Data) {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != token.Data {
				t.Fatalf("</%s> closes %v:\n%s", token.Data, open, page)
			}
			open = open[:len(open)-1]
		}
		for i, a := range token.Attr {
			if slices.ContainsFunc(token.Attr[:i], func(o html.Attribute) bool { return o.Key == a.Key }) {
				t.Errorf("%s has %s twice", token, a.Key)
			}
			switch a.Key {
			case "id":
				if ids[a.Val] {
					t.Errorf("two elements have the id %q", a.Val)
				}
				ids[a.Val] = true
			case "for", "aria-labelledby":
				wanted[a.Val] = true
			case "href", "action":
				if u, err := url.Parse(a.Val); err != nil || u.Scheme == "" && !strings.HasPrefix(a.Val, "./") {
					t.Errorf("a link leads to %q: %v", a.Val, err)
				}
			case "style", "onclick", "src":
				t.Errorf("%s has what the page's policy does not allow", token)
			}
		}
	}
	if len(open) > 0 || !errors.Is(z.Err(), io.EOF) {
		t.Errorf("not closed: %v, %v", open, z.Err())
	}
	for id := range wanted {
		if !ids[id] {
			t.Errorf("no element has the id %q", id)
		}
	}
	tree, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	// A parser moves what must not be in a table out of it.
	var again strings.Builder
	if err := html.Render(&again, tree); err != nil {
		t.Fatal(err)
	}
	if a, b := text(page), text(again.String()); a != b {
		t.Errorf("a browser shows another order:\n%s\n%s", a, b)
	}
}

// text is all text of a page, without spaces.
func text(page string) string {
	page = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, "")
	return strings.Join(strings.Fields(html.UnescapeString(page)), "")
}

func TestWordsFromOutsideAreOnlyText(t *testing.T) {
	const evil = `"><script>alert(1)</script><a href='x`
	s := statuses()["down"]
	s.Version, s.Role, s.Reason = evil, evil, evil
	g := shown{
		names: []string{evil, "javascript:alert(1)", "elsewhere"}, statuses: map[string]collector.Status{evil: s, "javascript:alert(1)": s},
		elsewhere: map[string]string{"elsewhere": "javascript:alert(1)//"},
	}
	h := pageOf(t, func(c *Config) { c.Gateways = g })
	for _, path := range []string{"/", "/?q=" + url.QueryEscape(evil), "/?gateway=" + url.QueryEscape(evil), "/?gateway=elsewhere", "/?state=" + url.QueryEscape(evil), "/?sort=" + url.QueryEscape(evil), "/probe"} {
		w := get(h, "GET", path, "Accept", "text/html")
		body := w.Body.String()
		if w.Code != 200 || strings.Contains(body, "<script") || strings.Contains(body, `="javascript:`) || strings.Contains(body, `href='`) {
			t.Errorf("%s: %d %s", path, w.Code, body)
		}
		valid(t, strings.ReplaceAll(body, "#ZgotmplZ", "./"))
	}
	if body := get(h, "GET", "/probe", "Accept", "text/html").Body.String(); !strings.Contains(body, `href="./probe?gateway=%22%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%3Ca&#43;href%3D%27x"`) {
		t.Errorf("no link leads to the gateway: %s", body)
	}
}

// listed are the names in the table of a page.
func listed(body string) (names []string) {
	for _, m := range regexp.MustCompile(`<th scope="row"><a href="[^"]*">([^<]*)</a>`).FindAllStringSubmatch(body, -1) {
		names = append(names, m[1])
	}
	return names
}

func TestTheTableIsFilteredAndSorted(t *testing.T) {
	g := shown{statuses: map[string]collector.Status{}, elsewhere: map[string]string{"e": "http://10.0.0.7:10068"}, names: []string{"a", "b", "c", "d", "e"}}
	g.statuses["a"] = statuses()["limited"]
	g.statuses["b"] = changed(func(s *collector.Status) {
		s.Counts.Waiting, s.Counts.OldestWait, s.Version, s.Busy = 3, 9*time.Hour, "1.49.10", 0.09
	})
	g.statuses["c"] = statuses()["down"]
	g.statuses["d"] = changed(func(s *collector.Status) {
		s.Counts.Running, s.Unread, s.Backfilled, s.RequestsPerMinute, s.LastRefresh = 99, time.Hour, false, 99, noon().Add(-time.Hour)
	})
	h := pageOf(t, func(c *Config) { c.Gateways = g })
	for _, test := range []struct{ query, want string }{
		{"", "c a b d e"},
		{"?sort=name", "a b c d e"},
		{"?sort=name&order=desc", "e d c b a"},
		{"?sort=state&order=desc", "e b d a c"},
		{"?sort=oldest&order=desc", "b a d c e"},
		{"?sort=waiting&order=desc", "a d b c e"},
		{"?sort=waiting", "c b a d e"},
		{"?sort=open&order=desc", "d a b c e"},
		{"?sort=refresh&order=desc", "d a b c e"},
		{"?sort=unread&order=desc", "d a b c e"},
		{"?sort=requests&order=desc", "d a b c e"},
		{"?sort=budget&order=desc", "b a c d e"},
		{"?sort=role", "b c d a e"},
		{"?sort=version&order=desc", "b a c d e"},
		{"?sort=nonsense&order=desc", "c a b d e"},
		{"?state=up", "b d"},
		{"?state=up&sort=name&order=desc", "d b"},
		{"?state=elsewhere", "e"},
		{"?state=nonsense", "c a b d e"},
		{"?state=stale", ""},
		{"?q=B", "b"},
		{"?q=%20b%20", "b"},
		{"?q=" + strings.Repeat("x", 101), "c a b d e"},
		{"?q=x", ""},
		{"?q=b&state=down", ""},
		{"?page=2", ""},
		{"?page=-1", "c a b d e"},
	} {
		t.Run(test.query, func(t *testing.T) {
			w := get(h, "GET", "/"+test.query)
			if got := strings.Join(listed(w.Body.String()), " "); w.Code != 200 || got != test.want {
				t.Errorf("%d, lists %q, want %q", w.Code, got, test.want)
			}
			valid(t, w.Body.String())
		})
	}
	// What was chosen stays when something else is.
	body := get(h, "GET", "/?q=b&state=up&sort=oldest&order=desc").Body.String()
	for _, has := range []string{
		`<a href="./?q=b&amp;sort=oldest&amp;state=up" title="Sort by the longest wait">`, `aria-sort="descending"`,
		`<a href="./?order=desc&amp;q=b&amp;sort=oldest&amp;state=elsewhere" class="count elsewhere">`, `<input type="hidden" name="state" value="up">`,
		`<input type="hidden" name="sort" value="oldest">`, `<input type="hidden" name="order" value="desc">`, `name="q" type="search" value="b"`,
	} {
		if !strings.Contains(body, has) {
			t.Errorf("no %s in %s", has, body)
		}
	}
}

func TestALongTableHasPages(t *testing.T) {
	h := pageOf(t, func(c *Config) { c.Gateways = many(2*perPage + 1) })
	seen := map[string]bool{}
	path, pages := "/?sort=name", 0
	for ; path != ""; pages++ {
		body := get(h, "GET", path).Body.String()
		for _, name := range listed(body) {
			if seen[name] {
				t.Fatalf("%s is there twice", name)
			}
			seen[name] = true
		}
		next := regexp.MustCompile(`<a href="\.([^"]*)" rel="next">`).FindStringSubmatch(body)
		if path = ""; next != nil {
			path = html.UnescapeString(next[1])
		}
		if strings.Contains(body, `rel="prev"`) != (pages > 0) {
			t.Errorf("page %d: %s", pages, body)
		}
	}
	if pages != 3 || len(seen) != 2*perPage+1 {
		t.Errorf("%d gateways on %d pages", len(seen), pages)
	}
}

// A browser gets links, and a scraper the error that it shows.
func TestProbeWithoutAGatewayListsThem(t *testing.T) {
	h := pageOf(t, func(c *Config) { c.Gateways = many(3) })
	const scraper = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
	for accept, want := range map[string]string{
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "200 text/html; charset=utf-8", scraper: "400 text/plain; charset=utf-8",
		"": "400 text/plain; charset=utf-8", "*/*": "400 text/plain; charset=utf-8",
	} {
		w := get(h, "GET", "/probe", "Accept", accept)
		if got := fmt.Sprint(w.Code, " ", w.Header().Get("Content-Type")); got != want || !strings.Contains(w.Body.String(), "staging-us-east-001") {
			t.Errorf("Accept %q: %s, want %s: %s", accept, got, want, w.Body)
		}
		if w.Code == 200 {
			valid(t, w.Body.String())
		}
	}
	if w := get(h, "GET", "/probe?gateway=staging-us-east-001", "Accept", "text/html"); w.Code != 200 || !strings.Contains(w.Body.String(), "hoop_up 1") {
		t.Errorf("a browser cannot look at metrics: %d %s", w.Code, w.Body)
	}
}

func TestPagesAreBounded(t *testing.T) {
	g := &waitingGateways{many(3), make(chan struct{}), make(chan struct{})}
	h := pageOf(t, func(c *Config) { c.Gateways, c.MaxRequests = g, 1 })
	ended := make(chan int)
	go func() { ended <- get(h, "GET", "/").Code }()
	<-g.called
	if w := get(h, "GET", "/"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d while another page is made", w.Code)
	}
	close(g.goOn)
	if code := <-ended; code != http.StatusOK {
		t.Error(code)
	}
}

// waitingGateways are slow to list.
type waitingGateways struct {
	shown
	called, goOn chan struct{}
}

func (g *waitingGateways) Names() []string {
	close(g.called)
	<-g.goOn
	return g.names
}

func TestDurationsAndPortionsAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 s", 900 * time.Millisecond: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min", 61 * time.Second: "1 min 1 s", 10*time.Minute + 9*time.Second: "10 min",
		3 * time.Hour: "3 h", 3*time.Hour + 59*time.Minute: "3 h 59 min", 26 * time.Hour: "1 d 2 h", 24*time.Hour + 59*time.Minute: "1 d", 90*24*time.Hour + time.Hour: "90 d",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
	for f, want := range map[float64]int{-1: 0, 0: 0, 0.29: 29, 0.999: 99, 1: 100, 7: 100} {
		if got := percent(f); got != want {
			t.Errorf("%v is %d %%, want %d", f, got, want)
		}
	}
	for f, want := range map[float64]string{0: "0 %", 0.0314: "3.1 %", 0.5: "50 %", 1: "100 %"} {
		if got := fraction(f); got != want {
			t.Errorf("%v is %q, want %q", f, got, want)
		}
	}
}
