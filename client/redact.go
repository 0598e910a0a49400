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

// secrets are the header values of the requests that were sent. They must not be logged, but an answer or the error of a library may repeat
// them. The zero value is ready to use. It is safe for concurrent use.
type secrets struct {
	mu     sync.Mutex
	values []string
}

// minSecretLength is the length of the shortest value that is redacted. Redacting shorter ones would damage texts and protect nothing.
const minSecretLength = 4

// watch returns a context for a request. Every header that is sent with it is added, including those that a transport adds, such as the
// bearer token.
func (s *secrets) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaderField: s.add})
}

// addAll adds all headers of a request that was sent, for transports that do not report them to [secrets.watch].
func (s *secrets) addAll(h http.Header) {
	for name, values := range h {
		s.add(name, values)
	}
}

// add adds the values of a header, unless it is one that never carries a secret.
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
		s.addValue(token)
		if decoded, err := base64.StdEncoding.DecodeString(token); err == nil && strings.EqualFold(scheme, "Basic") {
			_, password, _ := strings.Cut(string(decoded), ":")
			s.addValue(password)
		}
		if _, key, ok := strings.Cut(token, "|"); ok { // <orgid>|<secret>
			s.addValue(key)
		}
	}
}

func (s *secrets) addValue(v string) {
	if len(v) >= minSecretLength && !slices.Contains(s.values, v) {
		s.values = append(s.values, v)
	}
}

// redact replaces the secrets in a text.
func (s *secrets) redact(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Longest first: a secret that is part of another one would leave the rest of that one readable.
	slices.SortFunc(s.values, func(a, b string) int { return len(b) - len(a) })
	for _, v := range s.values {
		text = strings.ReplaceAll(text, v, "<redacted>")
	}
	return text
}

// redactError returns err with the secrets removed from its text.
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

// redactedError is an error whose text contained a secret.
type redactedError struct {
	text  string
	cause error
}

func (e *redactedError) Error() string { return e.text }

func (e *redactedError) Unwrap() error { return e.cause }
