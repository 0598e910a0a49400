package e2e

import (
	"context"
	neturl "net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
)

// A process that cannot use its database ends at once with one sentence, which says what to do and has no password.
func TestADatabaseThatCannotBeUsedIsOneSentence(t *testing.T) {
	t.Parallel()
	p, at := built(t), database.Database(t)
	const password = "s3cr3t-of-the-role"
	name := at[strings.LastIndex(at, "/")+1 : strings.Index(at, "?")]
	role := "e2e_" + name
	pgtest.Exec(t, at, "CREATE ROLE "+role+" LOGIN PASSWORD '"+password+"'", "CREATE SCHEMA theirs", "CREATE SCHEMA newer AUTHORIZATION "+role)
	mine := pgtest.As(t, at, role, password)
	// Made by this program, and migrated by a later one.
	address := collectortest.FreeAddress(t)
	file := filepath.Join(t.TempDir(), "hoop.yml")
	if err := os.WriteFile(file, []byte("gateways: {g: {url: 'http://127.0.0.1:1', token_file: token}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	q, _ := serveWith(t, nil, p.Exporter, "--config.file="+file, "--state.postgres-url-file="+urlFile(t, mine), "--state.postgres-schema=newer",
		"--web.listen-address="+address, "--web.external-url=http://"+address)
	q.stop(t)
	pgtest.Exec(t, at, "INSERT INTO newer.versions (version) VALUES (99)")

	changed := func(change func(*neturl.URL)) string {
		u, err := neturl.Parse(mine)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	nowhere := collectortest.FreeAddress(t)
	for name, test := range map[string]struct {
		url, schema string
		want        string
	}{
		"wrong password":            {pgtest.As(t, at, role, password+"-not"), "x", `password authentication failed for user "` + role + `" (SQLSTATE 28P01): check the user and the password in the URL`},
		"no such role":              {pgtest.As(t, at, "nobody_"+role, password), "x", `check the user and the password in the URL`},
		"no such database":          {changed(func(u *neturl.URL) { u.Path = "/none" }), "x", `database "none" does not exist (SQLSTATE 3D000): create it with CREATE DATABASE, or name another one in the URL instead of "none"`},
		"may not create the schema": {mine, "x", `there is no schema x, and the role "` + role + `" may not create it: let an administrator execute CREATE SCHEMA "x" AUTHORIZATION "` + role + `"`},
		"may not use the schema":    {mine, "theirs", `the role "` + role + `" may not use the schema theirs: let an administrator execute ALTER SCHEMA "theirs" OWNER TO "` + role + `"`},
		"a newer schema":            {mine, "newer", "the schema newer has version 99, and this program knows versions up to 1: run the newer version of this program"},
		"database away":             {changed(func(u *neturl.URL) { u.Host = nowhere }), "x", "cannot connect to PostgreSQL at " + nowhere + ": connect: connection refused: check the host and the port in the URL, and the network"},
		"not a URL":                 {"host=db password=" + password, "x", "the PostgreSQL URL is not valid: want postgres://"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, flag := range []string{"", "--config.check"} {
				args := []string{"--config.file=" + file, "--state.postgres-url-file=" + urlFile(t, test.url), "--state.postgres-schema=" + test.schema, "--web.listen-address=127.0.0.1:0", "--web.external-url=http://127.0.0.1:1"}
				if flag != "" {
					args = append(args, flag)
				}
				q := launch(t, nil, p.Exporter, args...)
				select {
				case <-q.ended:
				case <-time.After(30 * time.Second):
					t.Fatal("it goes on")
				}
				said := q.out.String()
				if q.cmd.ProcessState.ExitCode() != 1 || strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "hoop_exporter: error: ") || !strings.Contains(said, test.want) {
					t.Errorf("%s: exit code %d, %q; want one line with %q", flag, q.cmd.ProcessState.ExitCode(), said, test.want)
				}
				if strings.Contains(said, "s3cr3t") {
					t.Errorf("%s: it says the password: %q", flag, said)
				}
			}
		})
	}
}

// urlFile is a file with a URL.
func urlFile(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postgres-url")
	if err := os.WriteFile(path, []byte(url+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Two clusters that share a database by mistake do not divide their gateways: each watches its own, and metrics and log say so.
func TestClustersWithOneDatabaseAreNotMixed(t *testing.T) {
	t.Parallel()
	p, at := built(t), database.Database(t)
	_, gateways := serve(t, p.Gateway, "--gateways=6", "--org=org", "--history=20", "--rate=1", "--hurry=60")
	start := func(names ...string) (*process, string) {
		dir := t.TempDir()
		yaml := "defaults: {token_file: token, cache: {ttl: 500ms}}\ngateways:\n"
		for _, n := range names {
			yaml += "  " + n + ": {url: '" + gateways + "/" + n + "/api'}\n"
		}
		for name, text := range map[string]string{"hoop.yml": yaml, "token": "any"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		address := collectortest.FreeAddress(t)
		q, url := serveWith(t, nil, p.Exporter, "--config.file="+filepath.Join(dir, "hoop.yml"), "--state.postgres-url-file="+urlFile(t, at),
			"--web.listen-address="+address, "--web.external-url=http://"+address)
		return q, url
	}
	one, atOne := start("g0", "g1", "g2")
	two, atTwo := start("g3", "g4", "g5")
	for _, its := range []struct {
		process *process
		url     string
		others  string
	}{{one, atOne, "g3"}, {two, atTwo, "g0"}} {
		collectortest.Eventually(t, 30*time.Second, half/2, func() string {
			s, err := observe(t.Context(), its.url)
			if err != nil {
				return err.Error()
			}
			for name, want := range map[string]float64{
				`hoop_exporter_members{configuration="same"}`: 1, `hoop_exporter_members{configuration="other"}`: 1, "hoop_exporter_unheld_gateways": 0,
			} {
				if v, ok := s.Values[name]; !ok || v != want {
					return name + " is not so"
				}
			}
			if n := collectortest.Sum(s.Values, "hoop_exporter_gateway_up"); n != 3 {
				return "not all of its three gateways are up"
			}
			return ""
		})
		if _, err := fetch(t.Context(), "GET", its.url+"/probe?gateway="+its.others, ""); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("the other's gateway: %v, want 404", err)
		}
	}
	if !collectortest.Long() { // the log says so after a minute
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := two.out.Await(ctx, regexp.MustCompile(`members have different configurations: .*others=1 such_as=`+regexp.QuoteMeta(atOne))); err != nil {
		t.Error(err)
	}
}
