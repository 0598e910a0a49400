package web

import (
	"encoding/json"
	"fmt"
	"html"
	"image"
	_ "image/png" // the format of screenshots
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// chromium runs a headless Chromium and returns what it writes. The test is skipped without it, but not in continuous integration.
func chromium(t *testing.T, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--hide-scrollbars", "--user-data-dir=" + t.TempDir(),
	}, args...)
	cmd := exec.CommandContext(t.Context(), program, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return string(out)
}

// browsed are the pages that browsers are shown.
func browsed(t *testing.T) map[string]http.Handler {
	awkward := many(3)
	awkward.names = append(awkward.names, strings.Repeat("W", 300))
	s := statuses()["down"]
	s.Version, s.Role, s.Reason = strings.Repeat("9", 300), strings.Repeat("M", 300), strings.Repeat("HTTP", 300)
	awkward.statuses[strings.Repeat("W", 300)] = s
	pages := map[string]http.Handler{
		"1":       pageOf(t, func(c *Config) { c.Collector = &fake{status: statuses()["up"]} }),
		"200":     pageOf(t, func(c *Config) { c.Gateways = many(200) }),
		"awkward": pageOf(t, func(c *Config) { c.Gateways = awkward }),
	}
	for name, status := range statuses() {
		pages["1-"+name] = pageOf(t, func(c *Config) { c.Collector = &fake{status: status} })
	}
	return pages
}

// measures runs in a page with a frame for each page and width, and writes what sticks out where.
const measures = `<!doctype html><body><pre id="result"></pre><script>
const sizes = %s, found = [];
let left = sizes.length;
for (const [src, width] of sizes) {
  const f = document.createElement("iframe");
  f.width = width; f.height = 900;
  f.onload = () => {
    const d = f.contentDocument, w = f.contentWindow, say = what => found.push(src + " at " + width + ": " + what);
    if (w.getComputedStyle(d.body).marginTop !== "0px") say("it has no style");
    if (d.documentElement.scrollWidth > width) say("the page is " + d.documentElement.scrollWidth + " wide");
    for (const e of d.querySelectorAll("body *")) {
      const style = w.getComputedStyle(e);
      if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && style.display !== "inline" && style.textOverflow !== "ellipsis") say(e.tagName + "." + e.className + " overflows: " + e.textContent.trim().slice(0, 40));
      const r = e.getBoundingClientRect();
      if (r.right > width + 1 || r.left < -1) say(e.tagName + "." + e.className + " sticks out: " + e.textContent.trim().slice(0, 40));
    }
    if (--left === 0) document.getElementById("result").textContent = JSON.stringify(found);
  };
  f.src = src;
  document.body.append(f);
}
</script>`

func TestNothingSticksOutInABrowser(t *testing.T) {
	mux := http.NewServeMux()
	var sizes [][2]any
	for name, h := range browsed(t) {
		mux.Handle("/"+name+"/", http.StripPrefix("/"+name, h))
		for _, width := range []int{360, 768, 1024, 1180, 1366, 1920} {
			sizes = append(sizes, [2]any{"/" + name + "/", width})
		}
	}
	sizes = append(sizes, [2]any{"/200/probe", 360}, [2]any{"/200/?q=eu&sort=oldest&order=desc", 1366}, [2]any{"/200/?q=nothing", 360}, [2]any{"/awkward/probe", 768})
	list, err := json.Marshal(sizes)
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, measures, list) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept", "text/html")
		mux.ServeHTTP(framed{w}, r)
	}))
	defer server.Close()
	dom := chromium(t, "--virtual-time-budget=30000", "--dump-dom", server.URL)
	result := regexp.MustCompile(`<pre id="result">(.*?)</pre>`).FindStringSubmatch(dom)
	var found []string
	if result == nil || json.Unmarshal([]byte(html.UnescapeString(result[1])), &found) != nil {
		t.Fatalf("nothing was measured: %.2000s", dom)
	}
	slices.Sort(found)
	for i, what := range found {
		if t.Error(what); i == 20 {
			t.Fatalf("and %d more", len(found)-i)
		}
	}
}

// framed lets a page be shown in a frame, and leaves its other headers.
type framed struct{ http.ResponseWriter }

func (f framed) WriteHeader(code int) {
	h := f.Header()
	h.Del("X-Frame-Options")
	if policy := h.Get("Content-Security-Policy"); policy != "" {
		h.Set("Content-Security-Policy", strings.Replace(policy, "frame-ancestors 'none'", "frame-ancestors 'self'", 1))
	}
	f.ResponseWriter.WriteHeader(code)
}

func (f framed) Write(b []byte) (int, error) {
	if f.Header().Get("X-Frame-Options") != "" {
		f.WriteHeader(http.StatusOK)
	}
	return f.ResponseWriter.Write(b)
}

// The pictures are kept in the folder HOOP_PICTURES, if that is set.
func TestBothThemesAreDrawnInABrowser(t *testing.T) {
	dir := os.Getenv("HOOP_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	pages := browsed(t)
	for _, test := range []struct{ name, page, theme, size string }{
		{"status-1-light", "1", "1", "1120,620"},
		{"status-1-dark", "1", "0", "1120,620"},
		{"status-200-light", "200", "1", "1440,1000"},
		{"status-200-dark", "200", "0", "1440,1000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(pages[test.page])
			defer server.Close()
			path := filepath.Join(dir, test.name+".png")
			chromium(t, "--blink-settings=preferredColorScheme="+test.theme, "--window-size="+test.size, "--screenshot="+path, server.URL)
			light, colors := drawn(t, path)
			if (light > 0.5) != (test.theme == "1") {
				t.Errorf("the picture's lightness is %.2f", light)
			}
			if colors < 50 {
				t.Errorf("it has only %d colors", colors)
			}
		})
	}
}

// drawn returns the mean lightness of a picture, from 0 to 1, and how many colors it has.
func drawn(t *testing.T, path string) (lightness float64, colors int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	picture, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[3]uint32]bool{}
	b := picture.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			red, green, blue, _ := picture.At(x, y).RGBA()
			lightness += float64(red+green+blue) / 3 / 0xffff
			seen[[3]uint32{red, green, blue}] = true
		}
	}
	return lightness / float64(b.Dx()*b.Dy()), len(seen)
}
