package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // a buffer returns no error
	_ = z.Close()
	return b.Bytes()
}

func compressed(encoding string, body []byte) http.HandlerFunc {
	return compressedStatus(200, encoding, body)
}

func compressedStatus(code int, encoding string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write(body)
	}
}

// Gzip that was not requested, with or without its header, and a byte order mark are no reason to lose an answer.
func TestAnAnswerIsReadThroughGzipAndAByteOrderMark(t *testing.T) {
	page := `{"data":[` + aRow() + `],"total":1}`
	for name, h := range map[string]http.HandlerFunc{
		"gzip":                      compressed("gzip", zipped(page)),
		"x-gzip":                    compressed(" X-GZIP", zipped(page)),
		"gzip without a header":     compressed("", zipped(page)),
		"gzip of a byte order mark": compressed("gzip", zipped(byteOrderMark+page)),
		"a header, and no gzip":     compressed("gzip", []byte(page)),
		"identity":                  compressed("identity", []byte(page)),
		"a byte order mark":         compressed("", []byte(byteOrderMark+" "+page)),
	} {
		srv := httptest.NewServer(h)
		// Like the HTTP client of the exporter, this one leaves compression to its user.
		hc := &http.Client{Transport: &http.Transport{DisableCompression: true}}
		c, err := New(srv.URL, hc)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := c.ListSessions(context.Background(), ListOptions{}); err != nil || len(p.Sessions) != 1 || p.Bytes < int64(len(page)) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		hc.CloseIdleConnections()
		srv.Close()
	}
}
