package fleet

import (
	"strings"
	"testing"
)

func TestTheOwnURLIsThatOfTheHost(t *testing.T) {
	for _, tc := range []struct{ name, listen, want string }{
		{"the default", ":10068", "http://pod:10068"},
		{"an address", "0.0.0.0:80", "http://pod:80"},
		{"any port", ":0", ""},
		{"a virtual socket", "vsock://:1", ""},
		{"none, from systemd", "", ""},
	} {
		var listen []string
		if tc.listen != "" {
			listen = []string{tc.listen}
		}
		got, err := ownURL("pod", listen)
		if got != tc.want || (err == nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), "--web.external-url") {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
	}
}
