// Package pgtest starts a PostgreSQL cluster for tests.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// password is the superuser's; over the unix socket nobody needs one.
const password = "pgtest"

// Cluster is a PostgreSQL cluster in a folder of its own. The first use starts it; [Cluster.Close] stops it. A test binary has one, in a
// variable that its TestMain closes; each test has a database of its own there. The zero value is ready for use.
type Cluster struct {
	start sync.Once
	err   error // why it cannot be used

	folder   string
	bin      string
	port     int
	commands func(name string, args ...string) *exec.Cmd // as the user that the server runs as

	mu        sync.Mutex
	server    *exec.Cmd
	databases int
}

// Require starts the cluster. Without PostgreSQL it skips the test; if CI is true, it fails it on Linux.
func (c *Cluster) Require(t testing.TB) {
	t.Helper()
	c.start.Do(func() { c.err = c.create() })
	switch {
	case errors.Is(c.err, exec.ErrNotFound) && (os.Getenv("CI") != "true" || runtime.GOOS != "linux"):
		t.Skip(c.err)
	case c.err != nil:
		t.Fatal(c.err)
	}
}

// Close stops the server and removes its folder.
func (c *Cluster) Close() error {
	if c.folder == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.stop(syscall.SIGQUIT), os.RemoveAll(c.folder)) // SIGQUIT skips the checkpoint, which would be removed anyway
}

// Database creates a database, and returns the URL with which a superuser connects to it.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	c.Require(t)
	c.mu.Lock()
	c.databases++
	name := "test_" + strconv.Itoa(c.databases)
	c.mu.Unlock()
	Exec(t, c.url("postgres"), "CREATE DATABASE "+name)
	return c.url(name)
}

func (c *Cluster) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path: database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Exec executes SQL commands one after the other.
func Exec(t testing.TB, address string, commands ...string) {
	t.Helper()
	conn := Connect(t, address)
	for _, command := range commands {
		if _, err := conn.Exec(t.Context(), command); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
}

// Connect returns a connection that lasts for the test.
func Connect(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// As is an address with another user.
func As(t testing.TB, address, user, password string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

// programs is the folder of initdb and postgres: the PATH's, or Debian's newest.
func programs() (string, error) {
	if runtime.GOOS == "windows" {
		return "", fmt.Errorf("on Windows there are no signals that stop PostgreSQL: %w", exec.ErrNotFound)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	if len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL is not installed (Debian: apt-get install postgresql): initdb: %w", exec.ErrNotFound)
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// create makes the cluster, and starts it.
func (c *Cluster) create() (err error) {
	if c.bin, err = programs(); err != nil {
		return err
	}
	// A unix socket's path may not be longer than about a hundred bytes, so this is not the folder of a test.
	if c.folder, err = os.MkdirTemp("", "pgtest"); err != nil {
		return err
	}
	if c.commands, err = unprivileged(c.folder); err != nil {
		return err
	}
	file := filepath.Join(c.folder, "password")
	if err := os.WriteFile(file, []byte(password), 0o644); err != nil { //nolint:gosec // the server's user reads it, and it is not a secret
		return err
	}
	initdb := c.commands(filepath.Join(c.bin, "initdb"), "--pgdata", c.data(), "--username=postgres", "--pwfile", file,
		"--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	for range 5 { // another process can take the port first
		if c.port, err = freePort(); err != nil {
			return err
		}
		if err = c.Start(); err == nil {
			return nil
		}
	}
	return err
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Start starts the server again after [Cluster.Stop], with settings such as max_connections=5 for this time, and waits until it answers.
func (c *Cluster) Start(settings ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	args := []string{"-D", c.data(), "-k", c.folder, "-p", strconv.Itoa(c.port), "-c", "listen_addresses=127.0.0.1"}
	args = append(args, "-c", "fsync="+collectortest.Pick("off", "on")) // tests kill processes, but do not cut the machine's power
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	out, err := os.OpenFile(c.log(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd := c.commands(filepath.Join(c.bin, "postgres"), args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	c.server = cmd
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		// The file is there while the server runs.
		if _, gone := os.Stat(filepath.Join(c.data(), "postmaster.pid")); ctx.Err() != nil || gone != nil && c.exited() {
			stopped := c.stop(os.Kill)
			text, _ := os.ReadFile(c.log())
			return errors.Join(fmt.Errorf("starting PostgreSQL: %w\n%s", err, text), stopped)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *Cluster) log() string { return filepath.Join(c.folder, "log") }

// exited returns whether the server that just started has ended, which its log says.
func (c *Cluster) exited() bool {
	text, err := os.ReadFile(c.log())
	return err == nil && strings.Contains(string(text), "FATAL")
}

// Stop stops the server, as an administrator does who does not wait for clients.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stop(os.Interrupt)
}

func (c *Cluster) stop(signal os.Signal) error {
	if c.server == nil {
		return nil
	}
	cmd := c.server
	c.server = nil
	if err := cmd.Process.Signal(signal); err != nil {
		return err
	}
	var ended *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &ended) {
		return err
	}
	return nil
}
