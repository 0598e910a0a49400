// Command hoop_exporter exposes the sessions and reviews of a hoop gateway to Prometheus.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
	sloggokit "github.com/tjhop/slog-gokit"
	"golang.org/x/sync/errgroup"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/check"
	"github.com/hoop-exporter/hoop_exporter/client/credential"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest/demo"
	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/once"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
	"github.com/hoop-exporter/hoop_exporter/collector/web"
)

const (
	program     = "hoop_exporter"
	defaultPort = ":10068"
	// stopWithin bounds how long scrapes under way keep a stopping process.
	stopWithin = 10 * time.Second
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: its result is the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second signal ends the process the hard way

	o := &options{}
	app := o.flags()
	exit := -1
	app.UsageWriter(stdout).ErrorWriter(stderr).Terminate(func(code int) { exit = code })
	_, err := app.Parse(args)
	if exit >= 0 { // --help or --version
		return exit
	}
	if err == nil {
		err = o.run(ctx, stdout, stderr)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "%s: error: %s\n", program, err)
		return 1
	}
	return 0
}

// options are what the flags say.
type options struct {
	collector  collector.Config
	credential credential.Options

	maxResponse, maxConnections         int64
	maxRequests                         int64 // scrapes at once
	timeoutOffset                       time.Duration
	exemplars, native, classic, created bool
	telemetryPath, logLevel, logFormat  string
	stateDir                            string
	pprof, check, once, demo            bool
	listen                              *toolkit.FlagConfig

	listenGiven  bool
	gatewayGiven map[string]*bool // flags about the gateway, by name: given on the command line?
}

// flags makes the command line.
func (o *options) flags() *kingpin.Application {
	app := kingpin.New(program, "Prometheus exporter for the sessions and reviews of a hoop gateway.")
	app.HelpFlag.Short('h')
	app.Version(version.Print(program))
	o.gatewayFlags(app)
	o.metricFlags(app)
	app.Flag("state.dir", "Directory in which counters outlive the process. It is made if it is not there. Without it they begin at 0 with each process.").StringVar(&o.stateDir)
	o.listen = kingpinflag.AddFlags(app, defaultPort)
	app.GetFlag("web.listen-address").IsSetByUser(&o.listenGiven)
	app.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").StringVar(&o.telemetryPath)
	setting(app, "web.timeout-offset", "500ms", "Time of the scrape timeout, as Prometheus tells it, that is kept for the way back.", &o.timeoutOffset, parseDuration)
	setting(app, "web.max-requests", "40", "How many scrapes are answered at once; those beyond get 503. 0 is all.", &o.maxRequests, parseInt)
	app.Flag("web.enable-pprof", "Serve profiles under /debug/pprof/.").BoolVar(&o.pprof)
	setting(app, "log.level", "info", "Least severe level to log: debug, info, warn or error.", &o.logLevel, oneOf("debug", "info", "warn", "error"))
	setting(app, "log.format", "logfmt", "Format of the log: logfmt or json.", &o.logFormat, oneOf("logfmt", "json"))
	app.Flag("config.check", "Check the configuration, ask the gateway for a page, say what came, and exit.").BoolVar(&o.check)
	app.Flag("once", "Read everything back, write the metrics to standard output, and exit.").BoolVar(&o.once)
	app.Flag("demo", "Watch a simulated gateway in this process instead of a real one.").BoolVar(&o.demo)
	return app
}

func (o *options) gatewayFlags(app *kingpin.Application) {
	o.credential.Token, o.credential.APIKey = os.Getenv("HOOP_TOKEN"), os.Getenv("HOOP_API_KEY")
	o.gatewayGiven = map[string]*bool{}
	for _, f := range []struct {
		name, env, help string
		into            *string
	}{
		{"hoop.url", "HOOP_URL", "URL of the gateway, such as https://hoop.example.com/api.", &o.credential.URL},
		{"hoop.token-file", "HOOP_TOKEN_FILE", "File with a bearer token, read again on use. The token itself is taken only from the environment: HOOP_TOKEN.", &o.credential.TokenFile},
		{"hoop.api-key-file", "HOOP_API_KEY_FILE", "File with a key for the header Api-Key, read again on use. The key itself is taken only from the environment: HOOP_API_KEY.", &o.credential.APIKeyFile},
		{"hoop.cli-config", "HOOP_CLI_CONFIG", "Configuration of the hoop command line, such as ~/.hoop/config.toml, to take api_url and token from. Read again on use.", &o.credential.CLIConfig},
		{"hoop.http-config-file", "HOOP_HTTP_CONFIG_FILE", "YAML file for TLS, proxy, headers and authorization: an HTTPClientConfig as in Prometheus' own configuration.", &o.credential.HTTPConfigFile},
	} {
		given := new(bool)
		o.gatewayGiven[f.name] = given
		app.Flag(f.name, f.help).Envar(f.env).IsSetByUser(given).StringVar(f.into)
	}
	c := &o.collector
	setting(app, "hoop.timeout", "30s", "Time that the gateway has for an answer. A kind of request that timed out gets up to 8 times as much.", &c.Timeout, parseDuration)
	setting(app, "hoop.duty", "0.1", "Share of the time that requests to the gateway may take, above 0 and at most 1.", &c.Duty, parseFloat)
	setting(app, "hoop.max-response-bytes", strconv.Itoa(client.DefaultMaxResponseBytes), "Largest answer of the gateway that is read.", &o.maxResponse, parseInt)
	setting(app, "sessions.lookback", "168h", "How far a first run reads back.", &c.Lookback, parseDuration)
	setting(app, "sessions.overlap", "15m", "How late a session may show up and still be counted.", &c.Overlap, parseDuration)
	setting(app, "sessions.long-running", "1h,8h,24h,72h", "Thresholds of hoop_long_running_sessions.", &c.LongRunning, collector.ParseThresholds)
	setting(app, "sessions.forget-after", "90d", "How long an unfinished session is watched.", &c.ForgetAfter, parseDuration)
	app.Flag("sessions.connection", "Watch only the connection of this name.").StringVar(&c.Connection)
	app.Flag("sessions.type", "Watch only connections of this type.").StringVar(&c.Type)
	app.Flag("sessions.user", "Watch only the user with this subject identifier.").StringVar(&c.User)
	app.Flag("sessions.review-approver", "Watch only sessions whose review the person with this e-mail may approve.").StringVar(&c.ReviewApprover)
	setting(app, "reviews.overdue", "5m,20m,1h,24h", "Thresholds of hoop_overdue_reviews.", &c.Overdue, collector.ParseThresholds)
	setting(app, "cache.ttl", "10s", "How long the result of a refresh answers scrapes.", &c.CacheTTL, parseDuration)
	setting(app, "stale.after", "5m", "Time without a successful refresh after which gauges are withheld.", &c.StaleAfter, parseDuration)
}

func (o *options) metricFlags(app *kingpin.Application) {
	c := &o.collector
	setting(app, "labels.connection-tags", "", "Keys of connection tags to show on hoop_connection_info, such as team,environment.", &c.ConnectionTags, parseList)
	setting(app, "metrics.first-value-hold", "2m", "How long a series that is born with a value is shown as 0 first. 0 switches it off.", &c.FirstValueHold, parseDuration)
	setting(app, "metrics.max-connections", "0", "How many connections keep their name; all others become <other>. 0 is all.", &o.maxConnections, parseInt)
	app.Flag("metrics.exemplars", "Give counters and histograms exemplars with a session_id. On; --no-metrics.exemplars switches it off.").Default("true").BoolVar(&o.exemplars)
	app.Flag("metrics.native-histograms", "Give histograms native buckets. On; --no-metrics.native-histograms switches it off.").Default("true").BoolVar(&o.native)
	app.Flag("metrics.classic-histograms", "Give histograms classic buckets. On; --no-metrics.classic-histograms switches it off.").Default("true").BoolVar(&o.classic)
	app.Flag("metrics.openmetrics-created", "Add _created lines to OpenMetrics text.").BoolVar(&o.created)
}

// setting adds a flag whose mistakes are told with its name.
func setting[T any](app *kingpin.Application, name, def, help string, into *T, parse func(string) (T, error)) {
	f := app.Flag(name, help)
	if def != "" {
		f = f.Default(def)
	}
	f.SetValue(value(func(text string) (err error) {
		if *into, err = parse(text); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
		return nil
	}))
}

// value makes a flag's value of what takes its text.
type value func(string) error

// Set implements kingpin.Value.
func (v value) Set(text string) error { return v(text) }

// String implements kingpin.Value.
func (value) String() string { return "" }

func parseDuration(text string) (time.Duration, error) {
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: write one such as 500ms, 30s, 15m, 8h or 90d", text)
	}
	return time.Duration(d), nil
}

func parseFloat(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number: write one such as 0.1", text)
	}
	return f, nil
}

func parseInt(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no whole number: write one such as 100", text)
	}
	return n, nil
}

func oneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("%q is unknown: write one of %s", text, strings.Join(words, ", "))
		}
		return text, nil
	}
}

func parseList(text string) (list []string, err error) {
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			return nil, fmt.Errorf("%q has an empty entry: write a list such as team,environment", text)
		}
		list = append(list, item)
	}
	return list, nil
}

// validate finds what no single flag can know.
func (o *options) validate() error {
	c := &o.collector
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{o.once && o.check, "--once and --config.check: choose one"},
		{!(c.Duty > 0 && c.Duty <= 1), "--hoop.duty: must be above 0 and at most 1, such as 0.1"},
		{c.Timeout <= 0, "--hoop.timeout: must be above 0"},
		{o.maxResponse <= 0, "--hoop.max-response-bytes: must be above 0"},
		{c.Lookback <= 0, "--sessions.lookback: must be above 0"},
		{c.Overlap <= 0, "--sessions.overlap: must be above 0, since sessions show up late"},
		{c.Overlap > c.Lookback, "--sessions.overlap: must not be longer than --sessions.lookback"},
		{c.ForgetAfter <= c.Overlap, "--sessions.forget-after: must be longer than --sessions.overlap"},
		{c.CacheTTL <= 0, "--cache.ttl: must be above 0: to ask at nearly every scrape, write 1ms"},
		{c.StaleAfter <= c.CacheTTL, "--stale.after: must be longer than --cache.ttl"},
		{o.maxConnections < 0, "--metrics.max-connections: must not be negative; 0 is all"},
		{o.maxRequests < 0, "--web.max-requests: must not be negative; 0 is all"},
		{o.demo && o.stateDir != "", "--demo brings a new gateway each time: leave --state.dir out"},
		{!o.native && !o.classic, "--no-metrics.native-histograms and --no-metrics.classic-histograms: leave one of them out, or histograms have no buckets"},
	} {
		if rule.broken {
			return errors.New(rule.text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.gatewayGiven)) {
		if o.demo && *o.gatewayGiven[name] {
			return fmt.Errorf("--demo brings its own gateway: leave --%s out", name)
		}
	}
	return nil
}

// run does what the flags say until ctx ends.
func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	if err := o.connect(); err != nil {
		return err
	}
	logger, slogger, err := newLoggers(stderr, o.logLevel, o.logFormat)
	if err != nil {
		return err
	}
	c := o.collector
	c.Logger = logger
	c.MaxConnections = int(min(o.maxConnections, math.MaxInt32))
	c.NoExemplars, c.NoNativeHistograms, c.NoClassicHistograms = !o.exemplars, !o.native, !o.classic
	if c.FirstValueHold == 0 {
		c.FirstValueHold = -1 // 0 is the default there
	}
	if c.State, err = o.state(); err != nil {
		return fmt.Errorf("--state.dir: %w", err)
	}
	col, err := collector.New(c)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(versioncollector.NewCollector(program))
	if o.once {
		// Without go_* and process_*: they would be about this short life, and clash with others' in a textfile collector.
		return once.Run(ctx, col, once.Options{Registry: registry, GiveUp: c.StaleAfter, Progress: terminal(stderr)}, stdout)
	}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	handler, err := web.Handler(web.Config{
		Collector: col, Registry: registry, Logger: slogger, TelemetryPath: o.telemetryPath,
		TimeoutOffset: o.timeoutOffset, CreatedSamples: o.created, Profiles: o.pprof,
		MaxRequests: int(min(o.maxRequests, math.MaxInt32)),
	})
	if err != nil {
		return err
	}
	if err := toolkit.Validate(*o.listen.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file: %w", err)
	}
	if o.check {
		if err := check.Gateway(ctx, c.Client, c.Timeout, stdout); err != nil {
			return err
		}
		_, err := fmt.Fprintln(stdout, "configuration: all is well")
		return err
	}
	slogger.Info("Starting "+program, "version", version.Info(), "gateway", c.Client.URL())
	return o.serve(ctx, col, handler, slogger, stdout)
}

// state is where the ledger is kept; nil where that is nowhere. A check makes nothing.
func (o *options) state() (state.Folder, error) {
	switch {
	case o.stateDir == "":
		return nil, nil
	case o.check:
		return nil, state.CheckDirectory(o.stateDir)
	}
	return state.NewDirectory(o.stateDir)
}

// connect makes the client of the gateway that is to be watched.
func (o *options) connect() (err error) {
	opts := []client.Option{client.WithMaxResponseBytes(o.maxResponse), client.WithUserAgent(strings.TrimSuffix(program+"/"+version.Version, "/"))}
	if !o.demo {
		o.collector.Client, err = o.credential.Client(opts...)
		return err
	}
	if !o.listenGiven {
		*o.listen.WebListenAddresses = []string{"127.0.0.1" + defaultPort}
	}
	if o.collector.ConnectionTags == nil {
		o.collector.ConnectionTags = []string{"team", "environment"}
	}
	gateway := demo.Gateway(time.Now)
	key := client.WithAPIKey(func() (string, error) { return "demo", nil })
	o.collector.Client, err = client.New("http://demo.invalid", &http.Client{Transport: gateway.Transport()}, append(opts, key)...)
	return err
}

// serve answers scrapes until ctx ends, and returns when all that it started has ended.
func (o *options) serve(ctx context.Context, col *collector.Collector, handler http.Handler, logger *slog.Logger, stdout io.Writer) error {
	group, ctx := errgroup.WithContext(ctx)
	server := web.NewServer(handler, logger)
	server.BaseContext = func(l net.Listener) context.Context {
		if o.demo {
			scheme := "http"
			if server.TLSConfig != nil && server.TLSConfig.GetConfigForClient != nil {
				scheme = "https"
			}
			_, _ = fmt.Fprintf(stdout, "Open %s://%s%s\n", scheme, l.Addr(), o.telemetryPath)
		}
		return ctx // a scrape under way does not wait for the gateway when we stop
	}
	group.Go(func() error { return col.Run(ctx) })
	group.Go(func() error {
		// What goes wrong is in the log and in the metrics; an unreachable gateway is no reason to stop.
		_ = col.Refresh(ctx)
		return nil
	})
	group.Go(func() error {
		if err := toolkit.ListenAndServe(server, o.listen, logger); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		logger.Info("Stopping")
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if err := server.Shutdown(stopping); err != nil {
			return errors.Join(err, server.Close())
		}
		return nil
	})
	return group.Wait()
}

// newLoggers makes the log, and a second view of it for libraries that want slog.
func newLoggers(w io.Writer, lowest, format string) (log.Logger, *slog.Logger, error) {
	sink := log.NewLogfmtLogger(log.NewSyncWriter(w))
	if format == "json" {
		sink = log.NewJSONLogger(log.NewSyncWriter(w))
	}
	var slogLevel slog.Level
	if err := slogLevel.UnmarshalText([]byte(lowest)); err != nil {
		return nil, nil, fmt.Errorf("--log.level: %w", err)
	}
	sink = level.NewFilter(sink, level.Allow(level.ParseDefault(lowest, level.InfoValue())))
	logger := log.With(sink, "time", log.DefaultTimestampUTC, "caller", log.DefaultCaller)
	return logger, slog.New(sloggokit.NewGoKitHandler(sink, slogLevel)), nil
}

// terminal is w where somebody watches it, else nil.
func terminal(w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return f
}
