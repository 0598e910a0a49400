package collectortest

import (
	"net"
	"testing"
)

// FreeAddress returns a loopback address at which nothing listens. Take it last: a server that is started on any free port could get it.
func FreeAddress(t testing.TB) string {
	t.Helper()
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
