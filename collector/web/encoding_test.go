package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

// answered scrapes with an Accept-Encoding, and returns the encoding of the answer. The answer has to be whole, and the log empty.
func answered(t *testing.T, accepted string) (encoding string) {
	t.Helper()
	h, log := handler(t, &fake{}, nil)
	w := get(h, http.MethodGet, "/metrics", acceptEncoding, accepted)
	var body io.Reader = w.Body
	if encoding = w.Header().Get("Content-Encoding"); encoding == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(body)
	if err != nil || w.Code != http.StatusOK || !strings.Contains(string(text), "hoop_up 1") || log.Len() > 0 {
		t.Errorf("Accept-Encoding %q: %d, %v, %q, logged: %s", accepted, w.Code, err, text, log)
	}
	return encoding
}

func TestEachEncodingIsAnsweredWhereItIsAccepted(t *testing.T) {
	for accepted, want := range map[string]string{
		"": "", "gzip": "gzip", "gzip;q=0.5": "gzip", "deflate, gzip;q=1.0, *;q=0.5": "gzip", "identity;q=0, gzip": "gzip", "gzip;q=0.5, identity;q=0.1": "gzip",
		"gzip;q=0": "", "gzip; q=0": "", "gzip;q=0.000": "", "gzip;Q=0": "", "*;q=0": "", "identity;q=0": "", "gzip;q=0, *;q=0": "", "gzip;q=0, identity": "",
		"gzip;q=0x": "", "gzip;level=1": "", "br": "", "gzip;q=2": "", "gzip;q=1e-9": "", ";,;q=0": "",
	} {
		got := answered(t, accepted)
		if got == "identity" {
			got = ""
		}
		if got != want {
			t.Errorf("Accept-Encoding %q: answers in %q, want %q", accepted, got, want)
		}
	}
}

func FuzzNoAcceptEncodingIsAnError(f *testing.F) {
	for _, seed := range []string{"gzip;q=0", "gzip, *;q=0", "identity; q=0.00000000000000000000000001", "zstd;q=0,gzip;q=0.", "\x00;q=-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accepted string) { answered(t, accepted) })
}
