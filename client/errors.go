package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What can go wrong, for errors.Is. Each text says what to do. [Kind] gives a word for a label.
var (
	// ErrUnauthorized is an answer 401.
	ErrUnauthorized = errors.New("the credential is missing, wrong or expired: give a fresh one")
	// ErrForbidden is an answer 403.
	ErrForbidden = errors.New("the credential may not do this: use one of an admin or auditor")
	// ErrNotJSON is an answer that is no JSON, which is how a gateway answers to a wrong base path: 200 with its web page.
	ErrNotJSON = errors.New("the answer is HTML or something else, not JSON: is the base path right? expected https://host/api")
	// ErrMalformed is JSON that is cut off, broken, or no answer of this API.
	ErrMalformed = errors.New("the answer is not what the sessions API gives: check the URL and what lies between")
	// ErrTooLarge is an answer beyond [WithMaxResponseBytes].
	ErrTooLarge = errors.New("the answer is larger than allowed: raise the limit of response bytes or ask for smaller pages")
	// ErrTimeout is an answer that did not come, or not completely, in time.
	ErrTimeout = errors.New("no complete answer in time: allow more time")
	// ErrTLS is a connection that could not be secured.
	ErrTLS = errors.New("no secure connection: check https or http in the URL, the CA and the client certificate")
	// ErrRedirect is a redirect that was not followed, so that the credential stays with the gateway.
	ErrRedirect = errors.New("a redirect was not followed: give the gateway's own URL, past any login page")
	// ErrCredential is a credential that could not be read or fetched, so that nothing was sent.
	ErrCredential = errors.New("the credential or a certificate could not be had: check its file and permissions, or the token endpoint")
	// ErrWindow is a window of time that cannot be walked.
	ErrWindow = errors.New("the window to walk needs a start and an end that is not before it")
	// ErrIncomplete is a walk that could not read everything; see [Cursor.Skipped].
	ErrIncomplete = errors.New("some seconds hold more sessions than the gateway gives out: narrow the walk by a filter")

	errConnection = errors.New("the connection to the gateway failed: check the URL, the network and that it runs")
)

// StatusError is an answer with an HTTP status other than success.
type StatusError struct {
	// Code is the HTTP status.
	Code int
	// Message is what the gateway says, `message` of its body: one line, at most 200 characters, without control
	// characters and without the credential. It is empty where the body has none.
	Message string
	// RetryAfter is for how long the gateway asks to be left alone: header Retry-After, at most a day, 0 without it.
	RetryAfter time.Duration
	// Path is the path that was asked for, without the query.
	Path string

	answer  Answer
	gateway bool // the body is a JSON object, as the gateway's errors are and a proxy's pages are not
}

// Error says what came, and what to do about it.
func (e *StatusError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP %d from %s", e.Code, e.Path)
	if e.Message != "" {
		fmt.Fprintf(&b, " (%q)", e.Message)
	}
	switch c := e.Code; {
	case c == http.StatusUnauthorized:
		b.WriteString(": " + ErrUnauthorized.Error())
	case c == http.StatusForbidden:
		b.WriteString(": " + ErrForbidden.Error())
	case c == http.StatusNotFound:
		b.WriteString(": is the base path right? expected https://host/api")
	case c == http.StatusTooManyRequests:
		b.WriteString(": asked too often: wait before the next request")
	case c >= 500:
		b.WriteString(": trouble in the gateway or a proxy before it: see their logs")
	case c >= 300 && c < 400:
		b.WriteString(": " + ErrRedirect.Error())
	default:
		b.WriteString(": the gateway refuses the request: check the options")
	}
	return b.String()
}

// Is makes 401 an [ErrUnauthorized], 403 an [ErrForbidden] and 3xx an [ErrRedirect].
func (e *StatusError) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.Code == http.StatusUnauthorized
	case ErrForbidden:
		return e.Code == http.StatusForbidden
	case ErrRedirect:
		return e.Code >= 300 && e.Code < 400
	}
	return false
}

// requestError tells what was being done, which kind of trouble came, and its cause.
type requestError struct {
	doing string
	kind  error
	cause error
}

func (e *requestError) Error() string {
	return e.doing + ": " + e.kind.Error() + " (" + plainText(e.cause.Error(), 300) + ")"
}

func (e *requestError) Unwrap() []error { return []error{e.kind, e.cause} }

// transportError sorts an error of sending a request or of reading its answer.
func transportError(doing string, err error) error {
	var ue *url.Error
	for errors.As(err, &ue) {
		// Its text holds the whole URL, with a user's id or e-mail in the query.
		err = ue.Err
	}
	var timeout net.Error
	var tooLarge *http.MaxBytesError
	var path *fs.PathError
	kind := errConnection
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, ErrCredential), errors.Is(err, ErrRedirect), errors.Is(err, ErrNotJSON), errors.Is(err, ErrMalformed):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		kind = ErrTimeout
	case errors.As(err, &tooLarge):
		kind = ErrTooLarge
	case errors.As(err, &path), strings.HasPrefix(err.Error(), "oauth2: "):
		kind = ErrCredential
	case strings.HasPrefix(err.Error(), "failed to parse Location"):
		// Of net/http, and it repeats the whole of it.
		kind, err = ErrRedirect, errors.New("where it leads cannot be read")
	case isTLS(err):
		kind = ErrTLS
	}
	return &requestError{doing: doing, kind: kind, cause: err}
}

// isTLS tells whether securing the connection failed. The alerts of crypto/tls and many of its errors have no exported
// type, but all begin alike.
func isTLS(err error) bool {
	if errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if text := e.Error(); strings.HasPrefix(text, "tls: ") || strings.HasPrefix(text, "x509: ") {
			return true
		}
	}
	return false
}

// Kind gives a word for an error of this package, for a label or a log: one of canceled, timeout, tls, unauthorized,
// forbidden, status_4xx, status_5xx, redirect, not_json, malformed, too_large, credential, incomplete, connection, and other for
// what did not come from here. It is empty for nil.
func Kind(err error) string {
	if err == nil {
		return ""
	}
	for _, k := range []struct {
		err  error
		word string
	}{
		{context.Canceled, "canceled"},
		{ErrTimeout, "timeout"},
		{ErrTLS, "tls"},
		{ErrUnauthorized, "unauthorized"},
		{ErrForbidden, "forbidden"},
		{ErrRedirect, "redirect"},
		{ErrNotJSON, "not_json"},
		{ErrMalformed, "malformed"},
		{ErrTooLarge, "too_large"},
		{ErrCredential, "credential"},
		{ErrIncomplete, "incomplete"},
		{errConnection, "connection"},
		{context.DeadlineExceeded, "timeout"},
	} {
		if errors.Is(err, k.err) {
			return k.word
		}
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		if status.Code >= 500 {
			return "status_5xx"
		}
		return "status_4xx"
	}
	return "other"
}

// statusError reads what the gateway says in an answer that is no success. The answer's credential is taken out.
func statusError(resp *http.Response, path string, body []byte, sent *secrets) *StatusError {
	e := &StatusError{Code: resp.StatusCode, Path: plainText(path, 200), answer: answerOf(resp.Header)}
	e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), e.answer.Date)
	var said struct {
		Message json.RawMessage `json:"message"`
	}
	var message string
	switch err := json.Unmarshal(body, &said); {
	case err == nil:
		e.gateway = true
		if json.Unmarshal(said.Message, &message) != nil {
			message = string(said.Message)
		}
	case !bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")):
		// A proxy's plain words, such as those of a server that expects HTTPS; a web page tells nothing in one line.
		message = string(body)
	}
	e.Message = plainText(sent.redact(message), 200)
	return e
}

// retryAfter reads the header, which is a number of seconds or a date by the gateway's clock.
func retryAfter(v string, now time.Time) time.Duration {
	const most = 24 * time.Hour
	if s, err := strconv.ParseUint(v, 10, 63); err == nil {
		return time.Duration(min(s, uint64(most/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil && !now.IsZero() {
		return min(max(t.Sub(now), 0), most)
	}
	return 0
}

// plainText makes foreign text fit for a log line: printable, one line, at most n characters.
func plainText(s string, n int) string {
	if len(s) > 16*n {
		s = s[:16*n]
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	s = strings.ToValidUTF8(s, "\uFFFD")
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
