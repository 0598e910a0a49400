package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

const secret = "hunter2-0123456789-hunter2"

// credentials are the ways to give the secret.
func credentials(t *testing.T) map[string]struct{ env, args []string } {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]struct{ env, args []string }{
		"HOOP_TOKEN":   {env: []string{"HOOP_TOKEN=" + secret}},
		"HOOP_API_KEY": {env: []string{"HOOP_API_KEY=org|" + secret}},
		"token file":   {args: []string{"--hoop.token-file=" + file}},
		"API key file": {args: []string{"--hoop.api-key-file=" + file}},
	}
}

// failures are the ways of a gateway to fail, each of which repeats the credential if it can.
func failures() map[string]func(w http.ResponseWriter, sent string) {
	status := func(code int) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, sent string) {
			w.WriteHeader(code)
			_, _ = fmt.Fprintf(w, `{"message":"what is %s ?"}`, sent)
		}
	}
	raw := func(text string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, sent string) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(conn, text, sent)
			_ = conn.Close()
		}
	}
	return map[string]func(http.ResponseWriter, string){
		"not at all": nil,
		"401":        status(401), "403": status(403), "422": status(422), "429": status(429), "500": status(500),
		"web page":    func(w http.ResponseWriter, sent string) { _, _ = fmt.Fprintf(w, "<html>%s</html>", sent) },
		"broken JSON": func(w http.ResponseWriter, sent string) { _, _ = fmt.Fprintf(w, `{"data":[{"id":"%s","id":`, sent) },
		"redirect": func(w http.ResponseWriter, sent string) {
			w.Header().Set("Location", "https://"+sent[len(sent)-len(secret):]+".example.com/")
			w.WriteHeader(http.StatusFound)
		},
		"status line": raw("HTTP/1.1 %s\r\n\r\n"),
		"protocol":    raw("%s\r\n\r\n"),
		"header":      raw("HTTP/1.1 200 OK\r\n%s\r\n\r\n"),
		"reset":       raw("%.0s"),
	}
}

// Whatever the gateway answers, no credential is in what the exporter shows, logs or saves.
func TestNoCredentialIsShown(t *testing.T) {
	t.Parallel()
	p := built(t)
	for how, credential := range credentials(t) {
		for what, fail := range failures() {
			t.Run(how+"/"+what, func(t *testing.T) {
				var got atomic.Bool
				gateway := failing(t, fail, &got)
				state := t.TempDir()
				args := append([]string{"--hoop.url=" + gateway, "--state.dir=" + state, "--web.listen-address=127.0.0.1:0", "--web.enable-pprof", "--log.level=debug"}, credential.args...)
				exporter, url := serveWith(t, credential.env, p.Exporter, args...)
				up := "hoop_up 0"
				if fail == nil {
					up = "hoop_up 1"
				}
				shown := map[string]string{}
				for _, path := range []string{
					"/metrics", "/", "/-/ready", "/nowhere", "/debug/pprof/", "/debug/pprof/cmdline",
					"/debug/pprof/heap?debug=1", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap", "/debug/pprof/allocs", "/debug/pprof/trace?seconds=0.01",
				} {
					shown[path] = string(page(t, url+path))
				}
				if !strings.Contains(shown["/metrics"], "\n"+up+"\n") || !got.Load() {
					t.Errorf("no %s, or the credential was not sent (sent: %t)", up, got.Load())
				}
				if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", exporter.cmd.Process.Pid)); err == nil { // Linux
					shown["command line"] = string(line)
				}
				exporter.stop(t)
				shown["log"] = exporter.out.String()
				files, err := os.ReadDir(state)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					content, err := os.ReadFile(filepath.Join(state, f.Name()))
					if err != nil {
						t.Fatal(err)
					}
					shown["state, "+f.Name()] = f.Name() + string(content)
				}
				if fail == nil && len(files) == 0 {
					t.Error("no state was saved that could be looked at")
				}
				if fail != nil && !strings.Contains(shown["log"], "a request to the gateway failed") && !strings.Contains(shown["log"], "the gateway is not queried") {
					t.Error("the failure is not in the log")
				}
				for where, text := range shown {
					for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
						if strings.Contains(text, form) {
							t.Errorf("the credential is in %s", where)
						}
					}
				}
			})
		}
	}
}

// failing is a gateway that fails, or does not. got becomes true once it was sent the secret.
func failing(t *testing.T, fail func(http.ResponseWriter, string), got *atomic.Bool) (url string) {
	t.Helper()
	g := gatewaytest.New(gatewaytest.Config{})
	g.AddHistory(50, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute), gatewaytest.HistoryOptions{Unfinished: 5})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Get("Authorization") + r.Header.Get("Api-Key")
		if strings.HasSuffix(sent, secret) {
			got.Store(true)
		}
		if fail == nil {
			g.ServeHTTP(w, r)
			return
		}
		fail(w, sent)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
