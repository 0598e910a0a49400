package client

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func TestAgentsAreRead(t *testing.T) {
	long := `"` + strings.Repeat("x", maxWordBytes+1) + `"`
	for text, want := range map[string]struct {
		agents   []Agent
		unusable string
	}{
		`[]`: {},
		`[ {"id":"1","name":"a","status":"CONNECTED","version":"1.49.10","mode":"standard","metadata":{"x":[1]}} , {"name":"b","status":"DISCONNECTED","version":null} ]`: {
			[]Agent{{"a", AgentConnected, "1.49.10"}, {"b", "DISCONNECTED", ""}}, ""},
		`[{"name":"a","status":7,"version":{}}]`:                            {[]Agent{{"a", "7", ""}}, "agent.version 1"},
		`[{"status":"CONNECTED"},{"name":[]},7,null,{"name":` + long + `}]`: {nil, "agent.name 4, agent 1"},
	} {
		var list AgentList
		if err := decodeAgents(iotest.OneByteReader(strings.NewReader(text)), &list); err != nil {
			t.Errorf("%.80s: %v", text, err)
			continue
		}
		var unusable []string
		for _, f := range list.MalformedFields {
			unusable = append(unusable, fmt.Sprint(f.Name, " ", f.Count))
		}
		if got := strings.Join(unusable, ", "); !reflect.DeepEqual(list.Agents, want.agents) || got != want.unusable {
			t.Errorf("%.80s: got %+v, not used: %s", text, list.Agents, got)
		}
	}
}

func TestAnswersThatAreNoListOfAgentsAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"an object":       {`{"data":[]}`, ErrMalformed},
		"the web page":    {`<!doctype html>`, ErrNotJSON},
		"nothing":         {``, ErrNotJSON},
		"cut off":         {`[{"name":"a"}`, ErrMalformed},
		"broken":          {`[{"name":a}]`, ErrMalformed},
		"more than a few": {`[` + strings.Repeat(`{},`, maxAgents) + `{}]`, ErrMalformed},
		"something after": {`[] []`, ErrMalformed},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/agents" || r.URL.RawQuery != "" {
				t.Errorf("%s: requested %s", name, r.URL)
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(tt.text))
		}))
		c, err := New(srv.URL, srv.Client())
		if err != nil {
			t.Fatal(err)
		}
		if list, err := c.Agents(t.Context()); !errors.Is(err, tt.want) || list != nil {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
		srv.Close()
	}
}

// For any text, decodeAgents does not panic and returns agents with valid names, not more than the text has.
func FuzzDecodeAgents(f *testing.F) {
	for _, text := range []string{`[]`, `[{"name":"a","status":"CONNECTED","version":"1"},{"name":7},null]`, `[{"name":"a"},`, `{}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var list AgentList
		if decodeAgents(bytes.NewReader(body), &list) != nil {
			return
		}
		if len(list.Agents) > len(body) {
			t.Fatalf("%d agents in %d bytes", len(list.Agents), len(body))
		}
		for _, a := range list.Agents {
			if a.Name == "" || len(a.Name) > maxWordBytes || !utf8.ValidString(a.Name+a.Status+a.Version) {
				t.Fatalf("an agent that should be left out: %+v", a)
			}
		}
	})
}
