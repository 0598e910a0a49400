package exposition

import (
	"strings"
	"testing"
	"time"
)

// What is known besides snapshots: agents are withheld when they would be out of date, and what is about the exporter itself is not.
func TestAgentsExpiryAndErrors(t *testing.T) {
	v := View{
		Now: at(0), LastSuccess: at(0), Up: true, RefreshError: "timeout", CredentialExpiry: at(time.Hour),
		Agents: []Agent{{Name: "a", Version: "1.148.0", Up: true}, {Name: "b"}},
	}
	own := []string{`hoop_exporter_refresh_error{reason="timeout"} 1`, `hoop_exporter_credential_expiry_timestamp_seconds 1.7673266456789e+09`}
	agents := []string{`hoop_agent_up{agent="a",version="1.148.0"} 1`, `hoop_agent_up{agent="b",version=""} 0`}
	got := exposed(t, showing(t, testOptions(), nil, v))
	for _, line := range append(own, agents...) {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	v.Withheld = true
	got = exposed(t, showing(t, testOptions(), nil, v))
	if !strings.Contains(got, own[0]) || !strings.Contains(got, own[1]) || strings.Contains(got, "hoop_agent_up") {
		t.Errorf("withheld:\n%s", got)
	}
}
