package client

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/common/config"
)

// No error and no other result contains a secret, even if the server repeats the headers that it received.
func TestNothingShownRepeatsACredential(t *testing.T) {
	const token = "hunter2-hunter2"
	key := WithAPIKey(func() (string, error) { return "org|" + token, nil })
	credentials := map[string]config.HTTPClientConfig{
		"bearer token":      {BearerToken: token},
		"password":          {BasicAuth: &config.BasicAuth{Username: "me", Password: token}},
		"header":            {HTTPHeaders: &config.Headers{Headers: map[string]config.Header{"X-Access": {Secrets: []config.Secret{token}}}}},
		"API key by itself": {},
	}
	for name, reply := range map[string]string{
		"message":              "HTTP/1.1 401 x\r\nContent-Length: 100000\r\n\r\n" + `{"message":"bad %s"}`,
		"message in an object": "HTTP/1.1 500 x\r\n\r\n" + `{"message":{"headers":"%s"}}`,
		"message without JSON": "HTTP/1.1 500 x\r\n\r\nbad header %s",
		"content type":         "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\nhello",
		"status line":          "HTTP/1.1 %s\r\n\r\n",
		"protocol":             "%s\r\n\r\n",
		"header":               "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
		"chunk":                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n",
		"content length":       "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
		"content encoding":     "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n\r\n{}",
		"redirect":             "HTTP/1.1 302 x\r\nLocation: https://%s.example.com/\r\n\r\n",
		"broken redirect":      "HTTP/1.1 302 x\r\nLocation: ://%s\r\n\r\n",
		"cut off":              "HTTP/1.1 200 OK\r\n\r\n" + `{"data":[{"id":"%s`,
		"wrong type":           "HTTP/1.1 200 OK\r\n\r\n" + `{"data":"%s"}`,
		"version":              "HTTP/1.1 200 OK\r\nServer: hoopgateway/%s\r\n\r\n" + `{"data":[],"has_next_page":false}`,
	} {
		for what, cfg := range credentials {
			t.Run(name+"/"+what, func(t *testing.T) {
				url := echo(t, reply)
				page, err := authenticated(t, url, cfg, key).ListSessions(context.Background(), ListOptions{})
				shown := fmt.Sprint(err)
				if page != nil {
					shown += page.Version
				}
				if strings.Contains(shown, token) {
					t.Errorf("shows a secret: %s", shown)
				}
			})
		}
	}
}

// echo starts a server that answers with all headers that it received, formatted with reply.
func echo(t *testing.T, reply string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				var got []string
				for _, name := range []string{"Authorization", "Api-Key", "X-Access"} {
					got = append(got, r.Header.Values(name)...)
				}
				if _, password, ok := r.BasicAuth(); ok {
					got = append(got, password)
				}
				_, _ = fmt.Fprintf(c, reply, strings.Join(got, "-")) // the client may have disconnected
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String()
}
