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
	"runtime/debug"
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
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest/demo"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/config/flags"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
	"github.com/hoop-exporter/hoop_exporter/collector/once"
	"github.com/hoop-exporter/hoop_exporter/collector/shard"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
	"github.com/hoop-exporter/hoop_exporter/collector/web"
)

const (
	program     = "hoop_exporter"
	defaultPort = ":10068"
	// stopWithin bounds how long scrapes under way keep a stopping process.
	stopWithin = 10 * time.Second
)

func main() {
	if info, ok := debug.ReadBuildInfo(); ok && version.Version == "" { // `go install`, which sets no variables
		version.Version = strings.TrimPrefix(info.Main.Version, "v")
	}
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

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
	gateway    flags.Gateway
	configFile string

	maxRequests, atOnce                int64 // scrapes of a gateway, and gateways that are refreshed
	timeoutOffset, reloadInterval      time.Duration
	created, lifecycle, pprof          bool
	telemetryPath, logLevel, logFormat string
	stateDir                           string
	check, print, once, demo           bool
	listen                             *toolkit.FlagConfig

	shardTotal, shardIndex  int64
	shardPod, shardAddress  string
	listenGiven, indexGiven bool
}

// flags makes the command line.
func (o *options) flags() *kingpin.Application {
	app := kingpin.New(program, "Prometheus exporter for the sessions and reviews of a hoop gateway.")
	app.HelpFlag.Short('h')
	app.Version(version.Print(program))
	app.Flag("config.file", "YAML file with many gateways, instead of the flags of one.").StringVar(&o.configFile)
	flags.Add(app, "config.auto-reload-interval", "0s", "How often to look whether the file has changed, to reload it then. 0 is never.", &o.reloadInterval, config.ParseDuration)
	o.gateway.Add(app)
	flags.Add(app, "refresh.concurrency", "20", "How many gateways of a file are refreshed at once; one that takes longer than a second makes room. 0 is all.", &o.atOnce, config.ParseInt)
	flags.Add(app, "shard.total", "1", "How many exporters divide the gateways of a file among them.", &o.shardTotal, config.ParseInt)
	flags.Add(app, "shard.index", "0", "Which one of them this is, from 0.", &o.shardIndex, config.ParseInt)
	app.GetFlag("shard.index").IsSetByUser(&o.indexGiven)
	app.Flag("shard.from-pod-name", "Name of a StatefulSet's pod, such as hoop-exporter-2, to take the index from.").StringVar(&o.shardPod)
	app.Flag("shard.address", "Where the exporters are, for service discovery, such as hoop-exporter-{index}.hoop-exporter:10068.").StringVar(&o.shardAddress)
	app.Flag("metrics.openmetrics-created", "Add _created lines to OpenMetrics text.").BoolVar(&o.created)
	app.Flag("state.dir", "Directory in which counters outlive the process. It is made if it is not there. Without it they begin at 0 with each process.").StringVar(&o.stateDir)
	o.listen = kingpinflag.AddFlags(app, defaultPort)
	app.GetFlag("web.listen-address").IsSetByUser(&o.listenGiven)
	app.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").StringVar(&o.telemetryPath)
	flags.Add(app, "web.timeout-offset", "500ms", "Time of the scrape timeout, as Prometheus tells it, that is kept for the way back.", &o.timeoutOffset, config.ParseDuration)
	flags.Add(app, "web.max-requests", "40", "How many scrapes of one gateway are answered at once; those beyond get 503. 0 is all.", &o.maxRequests, config.ParseInt)
	app.Flag("web.enable-lifecycle", "Reload the file on a POST to /-/reload.").BoolVar(&o.lifecycle)
	app.Flag("web.enable-pprof", "Serve profiles under /debug/pprof/.").BoolVar(&o.pprof)
	flags.Add(app, "log.level", "info", "Least severe level to log: debug, info, warn or error.", &o.logLevel, flags.OneOf("debug", "info", "warn", "error"))
	flags.Add(app, "log.format", "logfmt", "Format of the log: logfmt or json.", &o.logFormat, flags.OneOf("logfmt", "json"))
	app.Flag("config.check", "Check the configuration, ask the gateway, or each one of the file, for a page, say what came, and exit.").BoolVar(&o.check)
	app.Flag("config.print", "Print the effective configuration as a file for --config.file, without secrets, and exit.").BoolVar(&o.print)
	app.Flag("once", "Read everything back from one gateway, write the metrics to standard output, and exit.").BoolVar(&o.once)
	app.Flag("demo", "Watch a simulated gateway in this process instead of a real one.").BoolVar(&o.demo)
	return app
}

// validate finds what no single flag can know.
func (o *options) validate() error {
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{o.once && o.check, "--once and --config.check: choose one"},
		{o.print && (o.once || o.check), "--config.print: leave --once and --config.check out"},
		{o.once && o.configFile != "", "--once reads one gateway: name it by flags instead of --config.file"},
		{o.maxRequests < 0, "--web.max-requests: must not be negative; 0 is all"},
		{o.atOnce < 0, "--refresh.concurrency: must not be negative; 0 is all"},
		{o.lifecycle && o.configFile == "", "--web.enable-lifecycle reloads a file: name it with --config.file"},
		{o.reloadInterval > 0 && o.configFile == "", "--config.auto-reload-interval reloads a file: name it with --config.file"},
		{o.shardTotal != 1 && o.configFile == "", "--shard.total divides the gateways of a file: name it with --config.file"},
		{o.shardPod != "" && o.indexGiven, "--shard.index and --shard.from-pod-name: choose one"},
		{o.shardTotal > 1 && o.shardPod == "" && !o.indexGiven, "--shard.total: say which one of them this is, by --shard.index or --shard.from-pod-name"},
		{o.demo && o.stateDir != "", "--demo brings a new gateway each time: leave --state.dir out"},
		{o.demo && o.configFile != "", "--demo brings its own gateway: leave --config.file out"},
	} {
		if rule.broken {
			return errors.New(rule.text)
		}
	}
	switch given := o.gateway.Given(); {
	case o.configFile != "" && len(given) > 0:
		return fmt.Errorf("--config.file names all gateways and what holds for them: leave %s out", strings.Join(given, ", "))
	case o.demo:
		return o.gateway.RefuseSource("--demo brings its own gateway")
	}
	return nil
}

// configuration is what the file or the flags say.
func (o *options) configuration() (*config.Config, error) {
	switch {
	case o.configFile != "":
		return config.Load(o.configFile)
	case !o.demo:
		return config.Single(o.gateway.Draft)
	}
	if !o.listenGiven {
		*o.listen.WebListenAddresses = []string{"127.0.0.1" + defaultPort}
	}
	if err := o.gateway.SetDefault("labels.connection-tags", "team,environment"); err != nil {
		return nil, err
	}
	gateway := demo.Gateway(time.Now)
	return config.Simulated(o.gateway.Draft, func(opts ...client.Option) (*client.Client, error) {
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
	logger, slogger, err := newLoggers(stderr, o.logLevel, o.logFormat)
	if err != nil {
		return err
	}
	own, err := shard.Of(o.shardTotal, o.shardIndex, o.shardPod, o.shardAddress)
	if err != nil {
		return err
	}
	if err := toolkit.Validate(*o.listen.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file: %w", err)
	}
	if o.check {
		return o.checked(ctx, cfg, own, stdout)
	}
	states, err := o.states(own, logger)
	if err != nil {
		return fmt.Errorf("--state.dir: %w", err)
	}
	f := fleet.New(fleet.Options{
		Logger: logger, Client: connect, State: states, AtOnce: int(min(o.atOnce, math.MaxInt32)), Shard: own, ShardAddress: o.shardAddress,
	})
	if err := f.Apply(cfg); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(versioncollector.NewCollector(program))
	if o.once {
		// Without go_* and process_*: they would be about this short life, and clash with others' in a textfile collector.
		return once.Run(ctx, f.Only(), once.Options{Registry: registry, GiveUp: cfg.Gateways()[0].Collector().StaleAfter, Progress: terminal(stderr)}, stdout)
	}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return o.serve(ctx, &service{fleet: f, registry: registry, logger: slogger, stdout: stdout})
}

// connect makes the client of a gateway.
func connect(g *config.Gateway) (*client.Client, error) {
	return g.Client(client.WithUserAgent(strings.TrimSuffix(program+"/"+version.Version, "/")))
}

// states tells where ledgers are kept; nil where that is nowhere.
func (o *options) states(own shard.Shard, logger log.Logger) (func(string) state.Folder, error) {
	if o.stateDir == "" {
		return nil, nil
	}
	dir, err := state.NewDirectory(o.stateDir)
	if err != nil {
		return nil, err
	}
	if o.configFile == "" {
		return func(string) state.Folder { return dir }, nil
	}
	states, err := fleet.OpenStates(dir, own, time.Now(), logger)
	if err != nil {
		return nil, err
	}
	return states.Folder, nil
}

// checked asks all gateways and says what came. It makes nothing.
func (o *options) checked(ctx context.Context, cfg *config.Config, own shard.Shard, stdout io.Writer) error {
	if o.stateDir != "" {
		if err := state.CheckDirectory(o.stateDir); err != nil {
			return fmt.Errorf("--state.dir: %w", err)
		}
	}
	if err := fleet.Check(ctx, cfg, own, connect, stdout); err != nil {
		return err
	}
	_, err := fmt.Fprintln(stdout, "configuration: all is well")
	return err
}

// service is what is served.
type service struct {
	fleet    *fleet.Fleet
	registry *prometheus.Registry
	logger   *slog.Logger
	stdout   io.Writer
}

// handler serves the only gateway, or those of a file, which r reads again.
func (o *options) handler(s *service, r *fleet.Reloader) (http.Handler, error) {
	cfg := web.Config{
		Registry: s.registry, Logger: s.logger, TelemetryPath: o.telemetryPath, TimeoutOffset: o.timeoutOffset, CreatedSamples: o.created,
		Profiles: o.pprof, MaxRequests: int(min(o.maxRequests, math.MaxInt32)),
	}
	if r == nil {
		cfg.Collector = s.fleet.Only()
		return web.Handler(cfg)
	}
	s.registry.MustRegister(s.fleet.Health(), r)
	cfg.Gateways = web.Of(s.fleet)
	if o.lifecycle {
		cfg.Reload = r.Reload
	}
	return web.Handler(cfg)
}

// serve answers scrapes until ctx ends, and returns when all that it started has ended.
func (o *options) serve(ctx context.Context, s *service) error {
	var reloader *fleet.Reloader
	if o.configFile != "" {
		reloader = fleet.NewReloader(s.fleet, o.configFile)
	}
	handler, err := o.handler(s, reloader)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	server := web.NewServer(handler, s.logger)
	server.BaseContext = func(l net.Listener) context.Context {
		if o.demo {
			scheme := "http"
			if server.TLSConfig != nil && server.TLSConfig.GetConfigForClient != nil {
				scheme = "https"
			}
			_, _ = fmt.Fprintf(s.stdout, "Open %s://%s%s\n", scheme, l.Addr(), o.telemetryPath)
		}
		return ctx // a scrape under way does not wait for the gateway when we stop
	}
	s.logger.Info("Starting "+program, "version", version.Info(), "gateways", len(s.fleet.Names()))
	// An unreachable gateway is no reason to stop: what goes wrong is in the log and in the metrics.
	group.Go(func() error { return s.fleet.Run(ctx) })
	if reloader != nil {
		group.Go(func() error { return reloadOn(ctx, reloader, o.reloadInterval) })
	}
	group.Go(func() error {
		if err := toolkit.ListenAndServe(server, o.listen, s.logger); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		s.logger.Info("Stopping")
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if err := server.Shutdown(stopping); err != nil {
			return errors.Join(err, server.Close())
		}
		return nil
	})
	return group.Wait()
}

// reloadOn reloads on SIGHUP, and every interval where the file has changed.
func reloadOn(ctx context.Context, r *fleet.Reloader, interval time.Duration) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	return r.Run(ctx, hup, interval)
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
