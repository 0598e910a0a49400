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

// Kubernetes gives a pod the address of an IPv6 network without the brackets that a URL wants.
func TestAnExternalURLWithAnIPv6Address(t *testing.T) {
	for given, want := range map[string]string{
		"http://fd00:10:244::7:10068":    "http://[fd00:10:244::7]:10068",
		"http://[fd00:10:244::7]:10068/": "http://[fd00:10:244::7]:10068",
		"https://10.0.0.7:10068":         "https://10.0.0.7:10068",
	} {
		c := &ClusterFlags{externalURL: given, urlFile: "f", schema: "s"}
		if err := c.Validate("", false, false, ""); err != nil {
			t.Errorf("%s: %v", given, err)
			continue
		}
		m, err := c.Member(nil, nil)
		if err != nil || m.URL != want {
			t.Errorf("%s is %s, %v; want %s", given, m.URL, err, want)
		}
	}
}
