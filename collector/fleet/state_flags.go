package fleet

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/google/uuid"

	"github.com/hoop-exporter/hoop_exporter/collector/config/flags"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
	"github.com/hoop-exporter/hoop_exporter/collector/state/postgres"
)

// DatabaseVariable is the environment variable with the URL of the database. A flag would show its password in the list of processes.
const DatabaseVariable = "HOOP_STATE_POSTGRES_URL"

// StateFlags are the flags and the environment variable that say where states are kept: nowhere, in a directory, or in a database that
// several processes share. Call Add, then Validate, then the other methods.
type StateFlags struct {
	dir, urlFile, schema, externalURL string
	schemaGiven                       bool
}

// Add adds the flags.
func (f *StateFlags) Add(app *kingpin.Application) {
	app.Flag("state.dir", "Directory for the state, so that counters survive a restart. It is created if it does not exist. Without a state, counters start at 0 with each process.").StringVar(&f.dir)
	app.Flag("state.postgres-url-file", "File with the URL of a PostgreSQL database for the state. All processes with the same database divide the gateways among themselves. The URL can also be in the environment: "+DatabaseVariable+".").StringVar(&f.urlFile)
	schema := app.Flag("state.postgres-schema", "Schema in that database.").Default("hoop_exporter")
	schema.StringVar(&f.schema)
	flags.Given(schema, &f.schemaGiven)
	app.Flag("web.external-url", "URL at which clients of the other processes reach this one, such as http://10.0.0.7:10068. The default is the host name and the port.").StringVar(&f.externalURL)
}

// Shared reports whether there is a database.
func (f *StateFlags) Shared() bool { return f.urlFile != "" || os.Getenv(DatabaseVariable) != "" }

// Source is the name of the flag or the variable that names the database.
func (f *StateFlags) Source() string {
	if f.urlFile == "" {
		return DatabaseVariable
	}
	return "--state.postgres-url-file"
}

// Validate checks that the flags may be used together.
func (f *StateFlags) Validate(demo, once bool, webConfig string) error {
	source := f.Source()
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{demo && f.dir != "", "--demo starts a new gateway each time, so there is no state to keep: remove --state.dir"},
		{f.Shared() && f.dir != "", source + " and --state.dir: choose one"},
		{f.Shared() && demo, "--demo starts a new gateway each time, so there is no state to keep: remove " + source},
		{f.Shared() && once, "--once keeps no state: remove " + source},
		{f.urlFile != "" && os.Getenv(DatabaseVariable) != "", "--state.postgres-url-file and " + DatabaseVariable + ": choose one"},
		{!f.Shared() && f.schemaGiven, "--state.postgres-schema needs a database: name one with --state.postgres-url-file or " + DatabaseVariable},
		{!f.Shared() && f.externalURL != "", "--web.external-url is for processes that share a database: name one with --state.postgres-url-file or " + DatabaseVariable},
		{f.Shared() && webConfig != "" && f.externalURL == "", "--web.config.file can change the scheme of this process's URL: also set --web.external-url, such as https://10.0.0.7:10068"},
		{f.schema == "", "--state.postgres-schema: must not be empty"},
	} {
		if rule.broken {
			return errors.New(rule.text)
		}
	}
	return f.checkExternalURL()
}

func (f *StateFlags) checkExternalURL() error {
	if f.externalURL == "" {
		return nil
	}
	f.externalURL = bracketed(f.externalURL)
	u, err := url.Parse(f.externalURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--web.external-url: %q is not a URL of a host and a port, such as http://10.0.0.7:10068", f.externalURL)
	}
	return nil
}

// bracketed puts the IPv6 address of a URL in brackets: the environment of a pod has the address without them.
func bracketed(at string) string {
	scheme, rest, _ := strings.Cut(at, "://")
	i := strings.LastIndexByte(rest, ':')
	if ip, err := netip.ParseAddr(rest[:max(i, 0)]); err != nil || !ip.Is6() {
		return at
	}
	return scheme + "://[" + rest[:i] + "]" + rest[i:]
}

// States are where states are kept, in the form that [Options] need.
type States struct {
	// Store is the directory; nil without one.
	Store state.Store
	// Cluster is what this process shares with others; nil without a database.
	Cluster *Cluster
	// Close ends what was opened.
	Close func()
}

// Open makes the directory, or connects to the database. listen are the addresses at which this process is scraped.
func (f *StateFlags) Open(ctx context.Context, listen []string) (States, error) {
	out := States{Close: func() {}}
	switch {
	case f.dir != "":
		dir, err := state.NewDirectory(f.dir)
		if err != nil {
			return out, fmt.Errorf("--state.dir: %w", err)
		}
		out.Store = dir
	case f.Shared():
		at, err := f.ownURL(listen)
		if err != nil {
			return out, err
		}
		db, err := f.connect(ctx)
		if err != nil {
			return out, err
		}
		host, _ := os.Hostname()
		out.Cluster = &Cluster{Table: db, Store: db.Store, ID: cmp.Or(host, "member") + "-" + uuid.NewString(), URL: at}
		out.Close = db.Close
	}
	return out, nil
}

// Check checks that states can be saved. It creates nothing.
func (f *StateFlags) Check(ctx context.Context) error {
	switch {
	case f.dir != "":
		if err := state.CheckDirectory(f.dir); err != nil {
			return fmt.Errorf("--state.dir: %w", err)
		}
	case f.Shared():
		return explained(postgres.Check(ctx, f.url, f.schema))
	}
	return nil
}

// connect connects to the database.
func (f *StateFlags) connect(ctx context.Context) (*postgres.Database, error) {
	db, err := postgres.Open(ctx, f.url, f.schema, lease.TTL)
	return db, explained(err)
}

// url reads the current URL of the database. It is a [postgres.URL].
func (f *StateFlags) url() (string, error) {
	if f.urlFile == "" {
		return strings.TrimSpace(os.Getenv(DatabaseVariable)), nil
	}
	content, err := os.ReadFile(f.urlFile)
	if err != nil {
		return "", fmt.Errorf("--state.postgres-url-file: %w", err)
	}
	at := string(bytes.TrimSpace(content))
	if at == "" {
		return "", fmt.Errorf("--state.postgres-url-file: %s is empty", f.urlFile)
	}
	return at, nil
}

// explained adds to an error that it concerns the database.
func explained(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the database for the state: %w", err)
}

// ownURL is the URL at which other hosts reach this process.
func (f *StateFlags) ownURL(listen []string) (string, error) {
	if f.externalURL != "" {
		return strings.TrimSuffix(f.externalURL, "/"), nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("cannot find the name of this host: %w: set --web.external-url", err)
	}
	return urlOf(host, listen)
}

// urlOf is the URL of a host that listens at the addresses.
func urlOf(host string, listen []string) (string, error) {
	const set = "set --web.external-url to the URL at which other hosts reach it"
	if len(listen) == 0 {
		return "", errors.New("the address of this process is not known, because systemd listens for it: " + set)
	}
	_, port, err := net.SplitHostPort(listen[0])
	if err != nil || strings.HasPrefix(listen[0], "vsock://") || port == "0" {
		return "", fmt.Errorf("%s is not an address at which other hosts can reach this process: %s", listen[0], set)
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
