package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/prometheus/common/config"
)

// Whichever of the operator's token and the gateway's is newer is sent, whatever the other one is still good for.
func TestTheNewerTokenIsSent(t *testing.T) {
	g := &tokenGateway{takes: []string{"file-1", "file-2", "file-3", "new-1", "new-2", "new-3"}}
	srv := httptest.NewServer(g)
	defer srv.Close()
	configured, broken := "file-1", error(nil)
	c := authenticated(t, srv.URL, config.HTTPClientConfig{}, WithToken(func() (string, error) { return configured, broken }))
	list := func(handOut, wantKind, wantSent string) {
		t.Helper()
		g.handOut = handOut
		if _, err := c.ListSessions(context.Background(), ListOptions{}); ErrorLabel(err) != wantKind {
			t.Fatalf("error %v, want kind %q", err, wantKind)
		}
		if sent := g.sees(); sent != wantSent {
			t.Fatalf("sent %q, want %q", sent, wantSent)
		}
	}
	list("", "", "Bearer file-1")
	configured = "file-2" // changed before the first rotation
	list("new-1", "", "Bearer file-2")
	list("new-2", "", "Bearer new-1") // rotated again: the file has not changed
	list("", "", "Bearer new-2")
	configured = "file-3" // changed after it
	list("", "", "Bearer file-3")
	list("", "", "Bearer file-3")
	list("new-3", "", "Bearer file-3")
	list("", "", "Bearer new-3")
	broken = errors.New("it is empty") // for a moment, while it is written
	list("", "", "Bearer new-3")
	g.takes = nil
	list("", "credential", "Bearer new-3")
	broken, g.takes = nil, []string{"new-3"}
	list("", "", "Bearer new-3")
	configured = "file-2"
	list("", "unauthorized", "Bearer file-2") // the operator's decision
	broken = errors.New("it is empty")
	list("", "credential", "") // it is not sent
	broken, configured = nil, "two words"
	list("", "credential", "")
}

// A token that changes while a request is under way is newer than the one that the gateway sends in answer to that request.
func TestATokenThatChangesDuringARotationIsNewer(t *testing.T) {
	var sent []string
	configured := "file-1"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
		configured = "file-2"
		w.Header().Set("X-New-Access-Token", fmt.Sprint("new-", len(sent)))
		answer(w, 200, emptyPage)
	}))
	defer srv.Close()
	c := authenticated(t, srv.URL, config.HTTPClientConfig{}, WithToken(func() (string, error) { return configured, nil }))
	for range 3 {
		if _, err := c.ListSessions(context.Background(), ListOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"Bearer file-1", "Bearer file-2", "Bearer new-2"}; !slices.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}
}
