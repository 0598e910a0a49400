package client

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
)

// secrets are the header values that requests carried and that are nobody's business: what the other side, or a library, writes about
// a request may repeat them. The zero value is ready. It is safe for concurrent use.
type secrets struct {
	mu     sync.Mutex
	values []string
}

// shortest is the length from which a value is taken for a secret: a shorter one would spoil texts, and protects nothing.
const shortest = 4

// watch has every header noted that is sent with ctx, also those that are added below us, such as the bearer token.
func (s *secrets) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaderField: s.add})
}

// addAll notes all headers of a request that was sent, for transports that do not tell what they send.
func (s *secrets) addAll(h http.Header) {
	for name, values := range h {
		s.add(name, values)
	}
}

// add notes a header's values, unless they are the same for everybody.
func (s *secrets) add(name string, values []string) {
	switch strings.ToLower(name) {
	case "host", "user-agent", "accept", "accept-encoding", "connection", "content-length", "referer", ":authority", ":method", ":path", ":scheme":
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		scheme, token, ok := strings.Cut(v, " ")
		if !ok {
			scheme, token = "", v
		}
		s.note(token)
		if decoded, err := base64.StdEncoding.DecodeString(token); err == nil && strings.EqualFold(scheme, "Basic") {
			_, password, _ := strings.Cut(string(decoded), ":")
			s.note(password)
		}
		if _, key, ok := strings.Cut(token, "|"); ok { // <orgid>|<secret>
			s.note(key)
		}
	}
}

func (s *secrets) note(v string) {
	if len(v) >= shortest && !slices.Contains(s.values, v) {
		s.values = append(s.values, v)
	}
}

// redact takes the secrets out of a text.
func (s *secrets) redact(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A secret within another one would leave the rest of that standing.
	slices.SortFunc(s.values, func(a, b string) int { return len(b) - len(a) })
	for _, v := range s.values {
		text = strings.ReplaceAll(text, v, "<redacted>")
	}
	return text
}

// redactError returns an error that says the same without the secrets.
func (s *secrets) redactError(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := s.redact(text); clean != text {
		return &redactedError{clean, err}
	}
	return err
}

// redactedError is an error whose text repeated a secret.
type redactedError struct {
	text  string
	cause error
}

func (e *redactedError) Error() string { return e.text }

func (e *redactedError) Unwrap() error { return e.cause }
