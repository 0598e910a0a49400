package client

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// plainBody is the body of an answer, decompressed if it is gzip, whether its header says so or not. The client does not request
// compression, but some proxies compress all the same. Other compressions are an ErrCompressed when they are read.
type plainBody struct {
	body     *bufio.Reader
	encoding string // header Content-Encoding
	limit    int64  // of bytes after decompression
	plain    io.Reader
}

func newPlainBody(body io.Reader, encoding string, limit int64) *plainBody {
	return &plainBody{body: bufio.NewReader(body), encoding: strings.ToLower(strings.TrimSpace(encoding)), limit: limit}
}

// Read implements io.Reader.
func (b *plainBody) Read(p []byte) (int, error) {
	if b.plain == nil {
		if err := b.open(); err != nil {
			return 0, err
		}
	}
	return b.plain.Read(p)
}

// open finds out how the body has to be read.
func (b *plainBody) open() error {
	magic, err := b.body.Peek(2)
	switch {
	case err == nil && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(b.body)
		if err != nil {
			return err
		}
		b.plain = http.MaxBytesReader(nil, io.NopCloser(z), b.limit)
	case b.encoding == "", b.encoding == "identity", b.encoding == "gzip", b.encoding == "x-gzip":
		b.plain = b.body
	default:
		return fmt.Errorf("%w (Content-Encoding is %q)", ErrCompressed, plainText(b.encoding, 60))
	}
	return nil
}
