package fleet

import (
	"os"
	"path/filepath"
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
		got, err := urlOf("pod", listen)
		if got != tc.want || (err == nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), "--web.external-url") {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
	}
}

// A Secret that was created from a file ends with the file's newline, even in an environment variable.
func TestTheURLOfTheDatabaseMayHaveSpaceAroundIt(t *testing.T) {
	const want, given = "postgres://u:p@db/x", " postgres://u:p@db/x\r\n"
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(given), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(DatabaseVariable, given)
	for _, f := range []StateFlags{{}, {urlFile: file}} {
		if got, err := f.url(); got != want || err != nil {
			t.Errorf("%s: %q, %v", f.Source(), got, err)
		}
	}
}

func TestTheExternalURLIsThatOfAHostAndAPort(t *testing.T) {
	for given, want := range map[string]string{
		"http://10.0.0.7:10068":    "http://10.0.0.7:10068",
		"https://a.example.com:1/": "https://a.example.com:1/",
		"http://fd00::7:10068":     "http://[fd00::7]:10068",
		"http://[fd00::7]:10068":   "http://[fd00::7]:10068",
		"http://a:1/b":             "",
		"a:1":                      "",
		"http://user:secret@a:1":   "",
		"ftp://a:1":                "",
	} {
		f := StateFlags{externalURL: given}
		if err := f.checkExternalURL(); (err == nil) != (want != "") || err == nil && f.externalURL != want {
			t.Errorf("%s: %q, %v; want %q", given, f.externalURL, err, want)
		}
	}
}
