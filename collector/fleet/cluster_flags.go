package fleet

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/google/uuid"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state/postgres"
)

// DatabaseVariable is the environment variable with the URL of the database. A flag would show its password in the list of processes.
const DatabaseVariable = "HOOP_STATE_POSTGRES_URL"

// ClusterFlags are what flags and environment say about a cluster. Call Add, then Validate; the rest after that.
type ClusterFlags struct {
	urlFile, schema, externalURL string
	schemaGiven                  bool
}

// Add adds the flags.
func (c *ClusterFlags) Add(app *kingpin.Application) {
	app.Flag("state.postgres-url-file", "File with the URL of a PostgreSQL database, in which counters outlive the process. All processes with the same database divide the gateways among them. The URL can also be in the environment: "+DatabaseVariable+".").StringVar(&c.urlFile)
	app.Flag("state.postgres-schema", "Schema of that database.").Default("hoop_exporter").IsSetByUser(&c.schemaGiven).StringVar(&c.schema)
	app.Flag("web.external-url", "URL under which the other processes' clients reach this one, such as http://10.0.0.7:10068. By default it is made of the host's name and the port.").StringVar(&c.externalURL)
}

// Given reports whether there is a cluster.
func (c *ClusterFlags) Given() bool { return c.urlFile != "" || os.Getenv(DatabaseVariable) != "" }

// Validate finds what no single flag can know.
func (c *ClusterFlags) Validate(stateDir string, demo, once bool, webConfig string) error {
	source := "--state.postgres-url-file"
	if c.urlFile == "" {
		source = DatabaseVariable
	}
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{c.Given() && stateDir != "", source + " and --state.dir: choose one"},
		{c.Given() && demo, "--demo brings a new gateway each time: leave " + source + " out"},
		{c.Given() && once, "--once has no state: leave " + source + " out"},
		{c.urlFile != "" && os.Getenv(DatabaseVariable) != "", "--state.postgres-url-file and " + DatabaseVariable + ": choose one"},
		{!c.Given() && c.schemaGiven, "--state.postgres-schema is part of a database: name it with --state.postgres-url-file or " + DatabaseVariable},
		{!c.Given() && c.externalURL != "", "--web.external-url is for processes that share a database: name it with --state.postgres-url-file or " + DatabaseVariable},
		{c.Given() && webConfig != "" && c.externalURL == "", "--web.config.file: say with --web.external-url under which URL other hosts reach this process, with http or https"},
		{c.schema == "", "--state.postgres-schema: must not be empty"},
	} {
		if rule.broken {
			return errors.New(rule.text)
		}
	}
	return c.checkExternalURL()
}

func (c *ClusterFlags) checkExternalURL() error {
	if c.externalURL == "" {
		return nil
	}
	c.externalURL = bracketed(c.externalURL)
	u, err := url.Parse(c.externalURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--web.external-url: %q is not a URL of a host and a port, such as http://10.0.0.7:10068", c.externalURL)
	}
	return nil
}

// bracketed returns a URL with brackets around an IPv6 address: Kubernetes gives a pod its address without them.
func bracketed(at string) string {
	scheme, rest, _ := strings.Cut(at, "://")
	i := strings.LastIndex(rest, ":")
	if i < 0 || !strings.Contains(rest[:i], ":") || net.ParseIP(rest[:i]) == nil {
		return at
	}
	return scheme + "://[" + rest[:i] + "]" + rest[i:]
}

// Connect connects to the database.
func (c *ClusterFlags) Connect(ctx context.Context) (*postgres.Database, error) {
	at, err := c.url()
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(ctx, at, c.schema, lease.TTL)
	return db, explained(err)
}

// Check checks that the database can be used, and changes nothing there.
func (c *ClusterFlags) Check(ctx context.Context) error {
	at, err := c.url()
	if err != nil {
		return err
	}
	return explained(postgres.Check(ctx, at, c.schema))
}

// url is the URL of the database.
func (c *ClusterFlags) url() (string, error) {
	if c.urlFile == "" {
		return os.Getenv(DatabaseVariable), nil
	}
	content, err := os.ReadFile(c.urlFile)
	if err != nil {
		return "", fmt.Errorf("--state.postgres-url-file: %w", err)
	}
	at := string(bytes.TrimSpace(content))
	if at == "" {
		return "", fmt.Errorf("--state.postgres-url-file: %s is empty", c.urlFile)
	}
	return at, nil
}

func explained(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the database for the state: %w", err)
}

// Member returns this process as a member of the cluster. listen are the addresses at which it is scraped.
func (c *ClusterFlags) Member(db *postgres.Database, listen []string) (*Cluster, error) {
	at := strings.TrimSuffix(c.externalURL, "/")
	host, err := os.Hostname()
	if err != nil && at == "" {
		return nil, fmt.Errorf("the host has no name, so give --web.external-url: %w", err)
	}
	if at == "" {
		if at, err = ownURL(host, listen); err != nil {
			return nil, err
		}
	}
	id := cmp.Or(host, "member") + "-" + uuid.NewString()
	return &Cluster{Table: db, Store: db.Store, ID: id, URL: at}, nil
}

// ownURL is the URL of a host that listens at the addresses.
func ownURL(host string, listen []string) (string, error) {
	const give = "give the URL of this process with --web.external-url"
	if len(listen) == 0 {
		return "", errors.New(give)
	}
	_, port, err := net.SplitHostPort(listen[0])
	if err != nil || strings.HasPrefix(listen[0], "vsock://") || port == "0" {
		return "", fmt.Errorf("%s is not an address at which other hosts reach this process: %s", listen[0], give)
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
