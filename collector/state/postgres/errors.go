package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	neturl "net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// errDead is the error for a member that has sent no heartbeat within the time to live.
var errDead = errors.New("this process did not reach PostgreSQL for too long, so it holds no leases: it continues after the next heartbeat")

// errBusy is the error for a wait for other gateways' saves that takes too long.
var errBusy = errors.New("the saves of other gateways take too long")

// failure is an error whose text has no secrets. What caused it cannot be unwrapped, because its text may have some.
type failure struct {
	text  string
	cause error
}

// Error implements error.
func (f *failure) Error() string { return f.text }

// Is returns whether the cause is another error, such as [context.Canceled].
func (f *failure) Is(target error) bool { return errors.Is(f.cause, target) }

// server is what messages say about the server, the secrets that they must not contain, and how to connect.
type server struct {
	address, database, user string // address: of all hosts of the URL
	secrets                 []string
	config                  *pgx.ConnConfig
}

// wantURL is what a URL looks like.
const wantURL = "want postgres://user:password@host:5432/database?sslmode=verify-full, with % and two digits for each special character of the password" //nolint:gosec // it is an example

// usePrimary is what to do about a standby.
const usePrimary = "the server is a standby: name the primary in the URL, or several hosts with target_session_attrs=read-write"

// errURL is a URL that cannot be read.
var errURL = errors.New("the PostgreSQL URL is not valid: " + wantURL)

// parseURL finds the secrets in a URL. Where it cannot, its error has nothing of the URL.
func parseURL(url string) (server, error) {
	const begin, hosts, rest = 1, 2, 3
	parts := regexp.MustCompile(`(?s)^([^/]*//(?:[^/?#]*@)?)([^/?#]*)(.*)$`).FindStringSubmatch(url)
	if parts == nil {
		return server{}, errURL
	}
	if strings.Count(url, "@") > strings.Count(parts[begin], "@") || strings.Count(parts[begin], "@") > 1 || strings.Contains(parts[rest], "#") {
		// Otherwise the rest of the password would be part of messages.
		return server{}, errors.New("the password in the PostgreSQL URL has one of /?#@: " + wantURL)
	}
	var u *neturl.URL
	for host := range strings.SplitSeq(parts[hosts], ",") { // net/url knows only one host
		var err error
		if u, err = neturl.Parse(parts[begin] + host + parts[rest]); err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
			return server{}, errURL
		}
	}
	s := server{secrets: []string{url}}
	if password, ok := u.User.Password(); ok {
		s.hide(u.User.String())
		s.hide(password)
		s.hide(neturl.QueryEscape(password))
	}
	for _, name := range []string{"password", "sslpassword"} {
		for _, value := range u.Query()[name] {
			s.hide(value)
			s.hide(neturl.QueryEscape(value))
		}
	}
	return s, nil
}

// hide adds a secret.
func (s *server) hide(secret string) {
	if secret != "" {
		s.secrets = append(s.secrets, secret)
	}
}

// use takes what pgx has read from the URL, the environment and its files.
func (s *server) use(c *pgx.ConnConfig) {
	s.config = c
	s.hide(c.Password)
	s.database, s.user = cmp.Or(c.Database, c.User), c.User
	addresses := []string{addressOf(c.Host, c.Port)}
	for _, f := range c.Fallbacks {
		addresses = append(addresses, addressOf(f.Host, f.Port))
	}
	s.address = strings.Join(slices.Compact(addresses), " or ")
}

// addressOf is a host with its port; a unix socket has only a folder.
func addressOf(host string, port uint16) string {
	if strings.HasPrefix(host, "/") {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// redact removes the secrets from a text, and puts it on one line.
func (s *server) redact(text string) string {
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return strings.Join(strings.Fields(text), " ")
}

// invalid explains why pgx does not accept a URL.
func (s *server) invalid(err error) error {
	text := "it is not a URL of PostgreSQL"
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) && parse.Unwrap() != nil {
		text = parse.Unwrap().Error()
	}
	return errors.New(s.redact("the PostgreSQL URL is not valid (" + text + "): " + wantURL))
}

// explain says in one sentence what failed (unless the caller says that), why, and what to do.
func (s *server) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	text, advice := s.reason(err)
	if doing != "" {
		text = doing + ": " + text
	}
	if advice != "" {
		text += ": " + advice
	}
	return &failure{s.redact(text), err}
}

// explainOpening is explain for what the program does not try again.
func (s *server) explainOpening(doing string, err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && strings.HasPrefix(e.Code, "57P") {
		text, _ := s.reported(e)
		return &failure{s.redact(doing + ": " + text + ": start again when PostgreSQL is ready"), err}
	}
	return s.explain(doing, err)
}

// reason is what happened, and what to do about it.
func (s *server) reason(err error) (text, advice string) {
	var reported *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &reported):
		return s.reported(reported)
	case errors.Is(err, context.Canceled):
		return "it was canceled", ""
	case errors.Is(err, errBusy):
		return errBusy.Error(), "PostgreSQL is slow, or too many gateways share it"
	case errors.As(err, &connect):
		if strings.Contains(connect.Error(), "ValidateConnect failed") { // target_session_attrs is not met
			return "cannot use PostgreSQL at " + s.address, "none of the servers that answer is the primary: promote one, or name the primary in the URL"
		}
		text := "cannot connect to PostgreSQL at " + s.address + ": " + innermost(connect)
		if strings.Contains(text, "tls error") || strings.Contains(text, "x509") {
			return text, "check sslmode and sslrootcert in the URL, and ssl on the server"
		}
		return text, "check the host and the port in the URL, and the network"
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded):
		return "PostgreSQL at " + s.address + " does not answer in time", "check its load and the network"
	}
	return "PostgreSQL at " + s.address + ": " + err.Error(), ""
}

// breaksAll reports whether an error probably breaks the other connections too, so that new ones are better: the primary is a standby now,
// or the network has dropped them. Otherwise each of them would cost a timeout, and perhaps a lease. While the pool is connecting, a
// timeout says nothing about them: the new connection may try several hosts, and the next operation uses it.
func breaksAll(err error, connecting bool) bool {
	if reported, ok := errors.AsType[*pgconn.PgError](err); ok {
		return reported.Code == "25006"
	}
	return !connecting && (pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded))
}

// innermost is what failed, without the address, which the message has.
func innermost(err *pgconn.ConnectError) string {
	var lookup *net.DNSError
	var dial *net.OpError
	switch {
	case errors.As(err, &lookup):
		return lookup.Err
	case pgconn.Timeout(err):
		return "no answer within " + connectTimeout.String()
	case errors.As(err, &dial):
		return dial.Err.Error()
	}
	text, _, _ := strings.Cut(err.Unwrap().Error(), "\n")
	if _, after, ok := strings.Cut(text, "): "); ok {
		return after
	}
	return text
}

// reported is what an error of the server means.
func (s *server) reported(e *pgconn.PgError) (text, advice string) {
	text = fmt.Sprintf("PostgreSQL at %s: %s (SQLSTATE %s)", s.address, e.Message, e.Code)
	switch {
	case e.Code == "28P01":
		return text, "check the user and the password in the URL"
	case e.Code == "28000":
		return text, fmt.Sprintf("create the role %q, or let it connect in pg_hba.conf", s.user)
	case e.Code == "3D000":
		return text, fmt.Sprintf("create it with CREATE DATABASE, or name another one in the URL instead of %q", s.database)
	case e.Code == "42501":
		return text, fmt.Sprintf("the role %q must own the schema and everything in it, and have CONNECT on the database", s.user)
	case e.Code == "3F000", e.Code == "42P01", e.Code == "42703":
		return text, "the schema was removed or changed: restart the exporter, which creates it"
	case e.Code == "53100":
		return text, "the disk of PostgreSQL is full: make room there"
	case e.Code == "53300":
		return text, fmt.Sprintf("allow more connections; each process uses up to %d", connections)
	case e.Code == "25006":
		return text, "the database is read-only, or " + usePrimary
	case e.Code == "57014":
		return text, "PostgreSQL is slow: check its load"
	case e.Code == "08P01" && strings.Contains(e.Message, "startup parameter"):
		return text, "connect to PostgreSQL itself, or add the parameter to ignore_startup_parameters of PgBouncer"
	case e.Code == "26000", e.Code == "42P05":
		return text, "PgBouncer with pool_mode=transaction does not support these prepared statements: add default_query_exec_mode=exec to the URL"
	case strings.HasPrefix(e.Code, "57P"):
		return text, "the exporter tries again"
	}
	return text, ""
}

// milliseconds is a duration as PostgreSQL's settings have it.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
