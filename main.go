// Command hoop_exporter exposes the sessions and reviews of a hoop gateway to Prometheus.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
	sloggokit "github.com/tjhop/slog-gokit"
	"golang.org/x/sync/errgroup"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/check"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest/demo"
	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
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
	gateway    config.Draft
	configFile string

	maxRequests                        int64 // scrapes at once
	timeoutOffset                      time.Duration
	created                            bool
	telemetryPath, logLevel, logFormat string
	stateDir                           string
	pprof, check, print, once, demo    bool
	listen                             *toolkit.FlagConfig

	listenGiven bool
	given       map[string]*bool // flags about the gateway, by name: given on the command line?
}

// flags makes the command line.
func (o *options) flags() *kingpin.Application {
	app := kingpin.New(program, "Prometheus exporter for the sessions and reviews of a hoop gateway.")
	app.HelpFlag.Short('h')
	app.Version(version.Print(program))
	app.Flag("config.file", "YAML file with many gateways, instead of the flags of one.").StringVar(&o.configFile)
	o.gatewayFlags(app)
	app.Flag("metrics.openmetrics-created", "Add _created lines to OpenMetrics text.").BoolVar(&o.created)
	app.Flag("state.dir", "Directory in which counters outlive the process. It is made if it is not there. Without it they begin at 0 with each process.").StringVar(&o.stateDir)
	o.listen = kingpinflag.AddFlags(app, defaultPort)
	app.GetFlag("web.listen-address").IsSetByUser(&o.listenGiven)
	app.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").StringVar(&o.telemetryPath)
	setting(app, "web.timeout-offset", "500ms", "Time of the scrape timeout, as Prometheus tells it, that is kept for the way back.", &o.timeoutOffset, config.ParseDuration)
	setting(app, "web.max-requests", "40", "How many scrapes are answered at once; those beyond get 503. 0 is all.", &o.maxRequests, config.ParseInt)
	app.Flag("web.enable-pprof", "Serve profiles under /debug/pprof/.").BoolVar(&o.pprof)
	setting(app, "log.level", "info", "Least severe level to log: debug, info, warn or error.", &o.logLevel, oneOf("debug", "info", "warn", "error"))
	setting(app, "log.format", "logfmt", "Format of the log: logfmt or json.", &o.logFormat, oneOf("logfmt", "json"))
	app.Flag("config.check", "Check the configuration, ask the gateway for a page, say what came, and exit.").BoolVar(&o.check)
	app.Flag("config.print", "Print the effective configuration as a file for --config.file, without secrets, and exit.").BoolVar(&o.print)
	app.Flag("once", "Read everything back, write the metrics to standard output, and exit.").BoolVar(&o.once)
	app.Flag("demo", "Watch a simulated gateway in this process instead of a real one.").BoolVar(&o.demo)
	return app
}

// gatewayFlags adds a flag for each setting of a gateway.
func (o *options) gatewayFlags(app *kingpin.Application) {
	o.given = map[string]*bool{}
	for _, s := range config.Settings() {
		set := func(text string) error { return s.Set(&o.gateway, text) }
		if s.Flag == "" {
			_ = set(os.Getenv(s.Env)) // any text is one
			continue
		}
		f := flag(app, s.Flag, s.Default, s.Help, set)
		if s.Env != "" {
			f.Envar(s.Env)
		}
		if s.IsBool() {
			f.SetValue(boolean{value(set)})
		}
		o.given[s.Flag] = new(bool)
		f.IsSetByUser(o.given[s.Flag])
	}
}

// setting adds a flag whose mistakes are told with its name.
func setting[T any](app *kingpin.Application, name, def, help string, into *T, parse func(string) (T, error)) {
	flag(app, name, def, help, func(text string) (err error) {
		*into, err = parse(text)
		return err
	})
}

func flag(app *kingpin.Application, name, def, help string, set func(string) error) *kingpin.FlagClause {
	f := app.Flag(name, help)
	if def != "" {
		f = f.Default(def)
	}
	f.SetValue(value(func(text string) error {
		if err := set(text); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
		return nil
	}))
	return f
}

// value makes a flag's value of what takes its text.
type value func(string) error

// Set implements kingpin.Value.
func (v value) Set(text string) error { return v(text) }

// String implements kingpin.Value.
func (value) String() string { return "" }

// boolean makes a flag that needs no value.
type boolean struct{ value }

// IsBoolFlag is asked by kingpin.
func (boolean) IsBoolFlag() bool { return true }

func oneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("%q is unknown: write one of %s", text, strings.Join(words, ", "))
		}
		return text, nil
	}
}

// validate finds what no single flag can know.
func (o *options) validate() error {
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{o.once && o.check, "--once and --config.check: choose one"},
		{o.maxRequests < 0, "--web.max-requests: must not be negative; 0 is all"},
		{o.demo && o.stateDir != "", "--demo brings a new gateway each time: leave --state.dir out"},
		{o.demo && o.configFile != "", "--demo brings its own gateway: leave --config.file out"},
	} {
		if rule.broken {
			return errors.New(rule.text)
		}
	}
	if o.configFile != "" {
		return o.onlyTheFile()
	}
	for _, s := range config.Settings() {
		if o.demo && s.Env != "" && s.Flag != "" && *o.given[s.Flag] {
			return fmt.Errorf("--demo brings its own gateway: leave --%s out", s.Flag)
		}
	}
	return nil
}

// onlyTheFile refuses flags and environment of a gateway beside a file.
func (o *options) onlyTheFile() error {
	var given []string
	for _, s := range config.Settings() {
		if s.Flag != "" && *o.given[s.Flag] {
			given = append(given, "--"+s.Flag)
		} else if s.Env != "" && os.Getenv(s.Env) != "" {
			given = append(given, s.Env)
		}
	}
	if len(given) == 0 {
		return nil
	}
	return fmt.Errorf("--config.file names all gateways and what holds for them: leave %s out", strings.Join(given, ", "))
}

// configuration is what the file or the flags say.
func (o *options) configuration() (*config.Config, error) {
	switch {
	case o.configFile != "":
		return config.Load(o.configFile)
	case !o.demo:
		return config.Single(o.gateway)
	}
	if !o.listenGiven {
		*o.listen.WebListenAddresses = []string{"127.0.0.1" + defaultPort}
	}
	gateway := demo.Gateway(time.Now)
	return config.Simulated(o.gateway, func(opts ...client.Option) (*client.Client, error) {
		key := client.WithAPIKey(func() (string, error) { return "demo", nil })
		return client.New("http://demo.invalid", &http.Client{Transport: gateway.Transport()}, append(opts, key)...)
	})
}

// run does what the flags say until ctx ends.
func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	cfg, err := o.configuration()
	if err != nil {
		return err
	}
	if o.print {
		return cfg.Write(stdout)
	}
	if o.configFile != "" {
		return errors.New("--config.file: only --config.print can be done with it yet")
	}
	logger, slogger, err := newLoggers(stderr, o.logLevel, o.logFormat)
	if err != nil {
		return err
	}
	gateway := cfg.Gateways()[0]
	c := gateway.Collector()
	c.Logger = logger
	if o.demo && c.ConnectionTags == nil {
		c.ConnectionTags = []string{"team", "environment"}
	}
	if c.Client, err = gateway.Client(client.WithUserAgent(strings.TrimSuffix(program+"/"+version.Version, "/"))); err != nil {
		return err
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
