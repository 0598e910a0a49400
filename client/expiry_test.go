package client

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/common/config"
)

func jwt(claims string) string {
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

func TestExpiryOfTokens(t *testing.T) {
	for _, tc := range []struct{ name, token, want string }{
		{"a JWT", jwt(`{"exp": 1785758400, "sub": "a"}`), "2026-08-03T12:00:00Z"},
		{"with a fraction", jwt(`{"exp": 1785758400.5}`), "2026-08-03T12:00:00.5Z"},
		{"with padding", "h." + base64.URLEncoding.EncodeToString([]byte(`{"exp":1785758400 }`)) + ".s", "2026-08-03T12:00:00Z"},
		{"without exp", jwt(`{"sub": "a"}`), ""},
		{"exp as text", jwt(`{"exp": "1785758400"}`), ""},
		{"exp of zero", jwt(`{"exp": 0}`), ""},
		{"a negative exp", jwt(`{"exp": -1}`), ""},
		{"an exp that no date can hold", jwt(`{"exp": 1e300}`), ""},
		{"claims that are not an object", jwt(`7`), ""},
		{"claims that are not base64", "h.{}.s", ""},
		{"an API key", "hpk_0123456789", ""},
		{"none", "", ""},
	} {
		got := ""
		if at := expiryOf(tc.token); !at.IsZero() {
			got = at.Format(time.RFC3339Nano)
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// The expiry is that of the token that was really sent, wherever it comes from.
func TestCredentialExpiry(t *testing.T) {
	first, second := jwt(`{"exp": 1785758400}`), jwt(`{"exp": 1785762000}`)
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+first {
			w.Header().Set("X-New-Access-Token", second)
		}
		_, _ = w.Write([]byte(`{"data": [], "total": 0, "has_next_page": false}`))
	})
	srv := httptest.NewServer(answers)
	defer srv.Close()
	for _, tc := range []struct {
		name   string
		client *Client
	}{
		{"a token", authenticated(t, srv.URL, config.HTTPClientConfig{}, WithToken(func() (string, error) { return first, nil }))},
		{"a token of the HTTP configuration", authenticated(t, srv.URL, config.HTTPClientConfig{BearerToken: config.Secret(first)})},
	} {
		if at := tc.client.CredentialExpiry(); !at.IsZero() {
			t.Errorf("%s: %v before the first request", tc.name, at)
		}
		for i, want := range []int64{1785758400, 1785762000} {
			if _, err := tc.client.ListSessions(context.Background(), ListOptions{}); err != nil {
				t.Fatal(err)
			}
			if got := tc.client.CredentialExpiry().Unix(); got != want {
				t.Errorf("%s: request %d: %d, want %d", tc.name, i, got, want)
			}
		}
	}
	key := authenticated(t, srv.URL, config.HTTPClientConfig{}, WithAPIKey(func() (string, error) { return "org|secret", nil }))
	if _, err := key.ListSessions(context.Background(), ListOptions{}); err != nil {
		t.Fatal(err)
	}
	if at := key.CredentialExpiry(); !at.IsZero() {
		t.Errorf("an API key expires at %v", at)
	}
}
