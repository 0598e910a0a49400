package main

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
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/google/uuid"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// urlVariable is the variable with the URL of the database. A flag would show its password in the list of processes.
const urlVariable = "HOOP_STATE_POSTGRES_URL"

// database is what the processes of a cluster share.
type database interface {
	lease.Table
	// Store returns where the ledgers of the gateways at the address of a lease are saved.
	Store(l lease.Lease) state.Store
	// Close ends all connections.
	Close()
}

// openDatabase connects to a database, and brings its schema up to date.
func openDatabase(context.Context, string, string, time.Duration) (database, error) {
	return nil, errors.New("this build has no PostgreSQL")
}

// clusterOptions are what flags and environment say about a cluster.
type clusterOptions struct {
	urlFile, schema, externalURL string
	schemaGiven                  bool
	open                         func(ctx context.Context, url, schema string, ttl time.Duration) (database, error)
}

// add adds the flags.
func (c *clusterOptions) add(app *kingpin.Application) {
	c.open = openDatabase
	app.Flag("state.postgres-url-file", "File with the URL of a PostgreSQL database, in which counters outlive the process. All processes with the same database divide the gateways among them. The URL can also be in the environment: "+urlVariable+".").StringVar(&c.urlFile)
	app.Flag("state.postgres-schema", "Schema of that database.").Default("hoop_exporter").IsSetByUser(&c.schemaGiven).StringVar(&c.schema)
	app.Flag("web.external-url", "URL under which the other processes' clients reach this one, such as http://10.0.0.7:10068. By default it is made of the host's name and the port.").StringVar(&c.externalURL)
}

// given reports whether there is a cluster.
func (c *clusterOptions) given() bool { return c.urlFile != "" || os.Getenv(urlVariable) != "" }

// validate finds what no single flag can know.
func (c *clusterOptions) validate(stateDir string, demo, once bool, webConfig string) error {
	source := "--state.postgres-url-file"
	if c.urlFile == "" {
		source = urlVariable
	}
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{c.given() && stateDir != "", source + " and --state.dir: choose one"},
		{c.given() && demo, "--demo brings a new gateway each time: leave " + source + " out"},
		{c.given() && once, "--once has no state: leave " + source + " out"},
		{c.urlFile != "" && os.Getenv(urlVariable) != "", "--state.postgres-url-file and " + urlVariable + ": choose one"},
		{!c.given() && c.schemaGiven, "--state.postgres-schema is part of a database: name it with --state.postgres-url-file or " + urlVariable},
		{!c.given() && c.externalURL != "", "--web.external-url is for processes that share a database: name it with --state.postgres-url-file or " + urlVariable},
		{c.given() && webConfig != "" && c.externalURL == "", "--web.config.file: say with --web.external-url under which URL other hosts reach this process, with http or https"},
		{c.schema == "", "--state.postgres-schema: must not be empty"},
	} {
		if rule.broken {
			return errors.New(rule.text)
		}
	}
	return c.checkExternalURL()
}

func (c *clusterOptions) checkExternalURL() error {
	if c.externalURL == "" {
		return nil
	}
	u, err := url.Parse(c.externalURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--web.external-url: %q is not a URL of a host and a port, such as http://10.0.0.7:10068", c.externalURL)
	}
	return nil
}

// connect connects to the database.
func (c *clusterOptions) connect(ctx context.Context) (database, error) {
	at := os.Getenv(urlVariable)
	if c.urlFile != "" {
		content, err := os.ReadFile(c.urlFile)
		if err != nil {
			return nil, fmt.Errorf("--state.postgres-url-file: %w", err)
		}
		if at = string(bytes.TrimSpace(content)); at == "" {
			return nil, fmt.Errorf("--state.postgres-url-file: %s is empty", c.urlFile)
		}
	}
	db, err := c.open(ctx, at, c.schema, lease.TTL)
	if err != nil {
		return nil, fmt.Errorf("the database for the state: %w", err)
	}
	return db, nil
}

// check checks that the database can be used.
func (c *clusterOptions) check(ctx context.Context) error {
	db, err := c.connect(ctx)
	if err != nil {
		return err
	}
	db.Close()
	return nil
}

// member returns this process as a member of the cluster. listen are the addresses at which it is scraped.
func (c *clusterOptions) member(db database, listen []string) (*fleet.Cluster, error) {
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
	return &fleet.Cluster{Table: db, Store: db.Store, ID: id, URL: at}, nil
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
