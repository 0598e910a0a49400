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
	"syscall"
	"time"
	"unicode"
)

// The kinds of errors of this package, for errors.Is. Each text says what to do. [ErrorLabel] returns a word for a label.
var (
	// ErrUnauthorized is an answer 401.
	ErrUnauthorized = errors.New("the credential is missing, wrong or expired: create a new one")
	// ErrForbidden is an answer 403.
	ErrForbidden = errors.New("the credential may not read sessions: use one of an admin or auditor")
	// ErrNotJSON is an answer that is not JSON. A gateway sends its web page with status 200 if the base path is wrong.
	ErrNotJSON = errors.New("the answer is not JSON but HTML or something else: is the base path right? expected https://host/api")
	// ErrMalformed is JSON that is truncated, broken, or not an answer of this API.
	ErrMalformed = errors.New("the answer is not from the sessions API: check the URL and any proxy in between")
	// ErrTooLarge is an answer larger than [WithMaxResponseBytes].
	ErrTooLarge = errors.New("the answer is larger than allowed: raise the limit of response bytes")
	// ErrTimeout is an answer that did not arrive completely before the deadline.
	ErrTimeout = errors.New("no complete answer in time: allow more time")
	// ErrTLS is a failed TLS handshake.
	ErrTLS = errors.New("no secure connection: check https or http in the URL, the CA and the client certificate")
	// ErrRedirect is a redirect that was not followed, because the credential must not be sent anywhere else.
	ErrRedirect = errors.New("a redirect was not followed: use the gateway's own URL, without a login page in between")
	// ErrProxy is a proxy that did not accept its own credential: an answer 407.
	ErrProxy = errors.New("the proxy requires a user and a password: set them in proxy_url of the HTTP configuration")
	// ErrCompressed is an answer whose compression is not gzip, or broken. The client does not request compression.
	ErrCompressed = errors.New("the answer has a compression that was not requested: configure any proxy in between not to change it")
	// ErrCredential is a credential that could not be read or fetched. The request was not sent.
	ErrCredential = errors.New("cannot read the credential or a certificate: check its file and permissions, or the token endpoint")
	// ErrIncomplete means that a second has more sessions than offsets can reach; see [Cursor.Skipped].
	ErrIncomplete = errors.New("some seconds have more sessions than the gateway returns: narrow the request with a filter")
	// ErrTotal means that the gateway's total of a second is larger than the number of sessions that it returned, in several passes; see
	// [Cursor.Skipped].
	ErrTotal = errors.New("the gateway counts more sessions than it returns: its total is too large, or it returns them in a random order that hides some")

	errConnection = errors.New("the connection to the gateway failed: check the URL, the network and that it runs")
	errWindow     = errors.New("the window needs a start, and an end that is not before it")
)

// StatusError is an answer whose HTTP status is not 2xx.
type StatusError struct {
	// Code is the HTTP status.
	Code int
	// Message is `message` of the gateway's body, or the text of a proxy: one line, at most 200 characters, without control characters and
	// without the credential. It is empty if the body has no such text.
	Message string
	// RetryAfter is how long the gateway wants the client to wait: header Retry-After, at most a day. It is 0 without the header.
	RetryAfter time.Duration
	// Path is the requested path, without the query.
	Path string

	answer  ResponseInfo
	gateway bool // the body is a JSON object, like the errors of a gateway and unlike the pages of a proxy
	proxy   bool // the body is a web page or plain text, which a gateway does not send
}

// Error says which answer came and what to do.
func (e *StatusError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP %d from %s", e.Code, e.Path)
	if e.Message != "" {
		fmt.Fprintf(&b, " (%q)", e.Message)
	}
	switch c := e.Code; {
	case c == http.StatusProxyAuthRequired:
		b.WriteString(": " + ErrProxy.Error())
	case e.proxy && (c == http.StatusUnauthorized || c == http.StatusForbidden):
		b.WriteString(": a proxy or firewall answered, not the gateway: allow the exporter's requests there")
	case c == http.StatusNotModified:
		b.WriteString(": a cache in between answered, not the gateway: exclude the API from it")
	case c == http.StatusUnauthorized:
		b.WriteString(": " + ErrUnauthorized.Error())
	case c == http.StatusForbidden:
		b.WriteString(": " + ErrForbidden.Error())
	case c == http.StatusNotFound:
		b.WriteString(": is the base path right? expected https://host/api")
	case c == http.StatusTooManyRequests:
		b.WriteString(": too many requests: wait before the next one")
	case c >= 500:
		b.WriteString(": the gateway or a proxy in front of it failed: see their logs")
	case c >= 300 && c < 400:
		b.WriteString(": " + ErrRedirect.Error())
	default:
		b.WriteString(": the gateway rejected the request: check the options")
	}
	return b.String()
}

// Is makes 401 an [ErrUnauthorized], 403 an [ErrForbidden] unless a proxy sent it, 407 an [ErrProxy] and 3xx an [ErrRedirect].
func (e *StatusError) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.Code == http.StatusUnauthorized
	case ErrForbidden:
		return e.Code == http.StatusForbidden && !e.proxy
	case ErrProxy:
		return e.Code == http.StatusProxyAuthRequired
	case ErrRedirect:
		return e.Code >= 300 && e.Code < 400
	}
	return false
}

// Refused reports whether the gateway does not return what was requested, neither now nor later. 429 means only that the gateway wants a
// pause, and 401 can mean that it failed to look up the user.
func (e *StatusError) Refused() bool {
	switch e.Code {
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return false
}

// requestError is a failed request: what was being done, the kind of error, and its cause.
type requestError struct {
	doing string
	kind  error
	cause error
}

func (e *requestError) Error() string {
	return e.doing + ": " + e.kind.Error() + " (" + plainText(e.cause.Error(), 300) + ")"
}

func (e *requestError) Unwrap() []error { return []error{e.kind, e.cause} }

// transportError classifies an error of sending a request or of reading its answer. It never contains the URL.
func transportError(doing string, err error) error {
	var ue *url.Error
	for errors.As(err, &ue) {
		// Its text contains the whole URL, with a user's id or e-mail in the query.
		err = ue.Err
	}
	var timeout net.Error
	var tooLarge *http.MaxBytesError
	var path *fs.PathError
	kind := errConnection
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, ErrCredential), errors.Is(err, ErrRedirect), errors.Is(err, ErrNotJSON), errors.Is(err, ErrMalformed),
		errors.Is(err, ErrCompressed):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		kind = ErrTimeout
	case errors.As(err, &tooLarge):
		kind = ErrTooLarge
	case errors.As(err, &path), strings.HasPrefix(err.Error(), "oauth2: "):
		kind = ErrCredential
	case strings.HasPrefix(err.Error(), "failed to parse Location"):
		// The error of net/http repeats the whole Location.
		kind, err = ErrRedirect, errors.New("its Location cannot be parsed")
	case isTLS(err):
		kind = ErrTLS
	case strings.HasPrefix(err.Error(), "gzip: "), strings.HasPrefix(err.Error(), "flate: "):
		kind = ErrCompressed
	case err.Error() == http.StatusText(http.StatusProxyAuthRequired):
		// The answer of a proxy to CONNECT, for which net/http has no type.
		kind = ErrProxy
	}
	return &requestError{doing: doing, kind: kind, cause: err}
}

// isTLS reports whether the TLS handshake failed. Many errors of crypto/tls have no exported type, but all have the same prefix.
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

// ErrorLabel returns a word for an error of this package, for a label or a log: canceled, timeout, tls, unauthorized, forbidden,
// status_4xx, status_5xx, redirect, proxy, not_json, malformed, too_large, credential, incomplete or connection. It is other for any other
// error, and empty for nil.
func ErrorLabel(err error) string {
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
		{ErrProxy, "proxy"},
		{ErrCompressed, "not_json"},
		{ErrNotJSON, "not_json"},
		{ErrMalformed, "malformed"},
		{ErrTooLarge, "too_large"},
		{ErrCredential, "credential"},
		{ErrIncomplete, "incomplete"},
		{ErrTotal, "incomplete"},
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

// Summary returns what an error of this package is about, in this package's own words: the kind of error and what to do, without anything
// that a gateway, a proxy or a token endpoint said, and without names of files. It is empty for nil and for errors of other packages.
func Summary(err error) string {
	if status, ok := errors.AsType[*StatusError](err); ok {
		own := *status
		own.Message, own.Path = "", ""
		_, advice, _ := strings.Cut(own.Error(), ": ")
		return fmt.Sprintf("HTTP %d: %s", own.Code, advice)
	}
	for _, kind := range []error{
		ErrTimeout, ErrTLS, ErrRedirect, ErrProxy, ErrCompressed, ErrNotJSON, ErrMalformed, ErrTooLarge, ErrCredential, ErrIncomplete, ErrTotal, errConnection,
	} {
		if !errors.Is(err, kind) {
			continue
		}
		if errno, ok := errors.AsType[syscall.Errno](err); ok && errors.Is(kind, errConnection) {
			return kind.Error() + " (" + errno.Error() + ")"
		}
		return kind.Error()
	}
	return ""
}

// statusError reads an answer whose status is not 2xx. It removes the credential from the text.
func statusError(resp *http.Response, path string, body []byte, sent *secrets) *StatusError {
	e := &StatusError{Code: resp.StatusCode, Path: plainText(path, 200), answer: answerOf(resp.Header)}
	e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), e.answer.Date)
	var said struct {
		Message json.RawMessage `json:"message"`
	}
	var message string
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte(byteOrderMark)))
	switch err := json.Unmarshal(body, &said); {
	case err == nil:
		e.gateway = true
		if json.Unmarshal(said.Message, &message) != nil {
			message = string(said.Message)
		}
	case bytes.HasPrefix(body, []byte("<")):
		e.proxy = true // a web page has no message that fits in one line
	case !json.Valid(body):
		// The plain text of a proxy, such as "this server expects HTTPS".
		e.proxy, message = len(body) > 0, string(body)
	default:
		message = string(body)
	}
	e.Message = plainText(sent.redact(message), 200)
	return e
}

// retryAfter reads the header: a number of seconds, or a date by the gateway's clock, which shows now.
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

// plainText makes text from outside fit for a log: printable, one line, at most n characters.
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
