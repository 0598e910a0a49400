package collectortest

import (
	"context"
	"regexp"
	"strings"
	"sync"
)

// Log is what a program or a logger writes. It can be read while it is written. The zero value is empty and ready. It is safe for
// concurrent use.
type Log struct {
	mu      sync.Mutex
	text    strings.Builder
	written chan struct{} // closed by the next Write; nil while nothing waits
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written != nil {
		close(l.written)
		l.written = nil
	}
	return l.text.Write(b)
}

// String returns all that was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Tail returns the last n bytes.
func (l *Log) Tail(n int) string {
	s := l.String()
	return s[max(0, len(s)-n):]
}

// Await waits until the expression matches what was written, and returns what regexp.FindStringSubmatch does. It fails once ctx ends.
func (l *Log) Await(ctx context.Context, expression *regexp.Regexp) ([]string, error) {
	for {
		l.mu.Lock()
		match := expression.FindStringSubmatch(l.text.String())
		if match == nil && l.written == nil {
			l.written = make(chan struct{})
		}
		written := l.written
		l.mu.Unlock()
		if match != nil {
			return match, nil
		}
		select {
		case <-written:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
