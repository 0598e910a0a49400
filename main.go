// Command hoop_exporter exposes the sessions and reviews of a hoop gateway to Prometheus.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
	"golang.org/x/sync/errgroup"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest/demo"
	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/config/flags"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
	"github.com/hoop-exporter/hoop_exporter/collector/logging"
	"github.com/hoop-exporter/hoop_exporter/collector/oneshot"
	"github.com/hoop-exporter/hoop_exporter/collector/web"
)

const (
	program     = "hoop_exporter"
	defaultPort = ":10068"
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
		_, _ = fmt.Fprintf(stderr, "%s: error: %s\n", program, o.explain(err))
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
	check, print, once, demo           bool
	listen                             *toolkit.FlagConfig
	state                              fleet.StateFlags
	listenGiven                        bool
	explain                            func(error) string // the text of an error
}

// flags makes the command line.
func (o *options) flags() *kingpin.Application {
	app := kingpin.New(program, "Prometheus exporter for the sessions and reviews of a hoop gateway.")
	app.HelpFlag.Short('h')
	app.Version(version.Print(program))
	app.Flag("config.file", "YAML file with many gateways, instead of the flags of one.").StringVar(&o.configFile)
	flags.Add(app, "config.auto-reload-interval", "0s", "How often to check whether the file has changed, and reload it. 0 means never.", &o.reloadInterval, config.ParseValue[time.Duration])
	o.gateway.Add(app)
	flags.Add(app, "refresh.concurrency", "20", "How many gateways of a file to refresh at once. One that takes longer than a second no longer counts. 0 means all.", &o.atOnce, config.ParseValue[int64])
	app.Flag("metrics.openmetrics-created", "Add _created lines to OpenMetrics text.").BoolVar(&o.created)
	o.state.Add(app)
	o.listen = kingpinflag.AddFlags(app, defaultPort)
	flags.Given(app.GetFlag("web.listen-address"), &o.listenGiven)
	app.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").StringVar(&o.telemetryPath)
	flags.Add(app, "web.timeout-offset", "500ms", "How long before Prometheus' scrape timeout to answer a scrape.", &o.timeoutOffset, config.ParseValue[time.Duration])
	flags.Add(app, "web.max-requests", "40", "How many scrapes of one gateway to answer at once; more get 503. 0 means all.", &o.maxRequests, config.ParseValue[int64])
	app.Flag("web.enable-lifecycle", "Reload the file on a POST to /-/reload.").BoolVar(&o.lifecycle)
	app.Flag("web.enable-pprof", "Serve profiles under /debug/pprof/.").BoolVar(&o.pprof)
	flags.AddChoice(app, "log.level", "info", "Least severe level to log: debug, info, warn or error.", &o.logLevel, "debug", "info", "warn", "error")
	flags.AddChoice(app, "log.format", "logfmt", "Format of the log: logfmt or json.", &o.logFormat, "logfmt", "json")
	app.Flag("config.check", "Check all flags and the configuration, read a page from each gateway, print the result, and exit.").BoolVar(&o.check)
	app.Flag("config.print", "Print the effective configuration as a file for --config.file, without secrets, and exit.").BoolVar(&o.print)
	app.Flag("once", "Run one complete backfill of one gateway, write the metrics to standard output, and exit.").BoolVar(&o.once)
	app.Flag("demo", "Watch a simulated gateway in this process instead of a real one. Nothing else is needed.").BoolVar(&o.demo)
	o.explain = flags.Finish(app)
	return app
}

// validate checks that the flags may be used together.
func (o *options) validate() error {
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{o.once && o.check, "--once and --config.check: choose one"},
		{o.print && (o.once || o.check), "--config.print: leave --once and --config.check out"},
		{o.once && o.configFile != "", "--once reads one gateway: name it by flags instead of --config.file"},
		{o.maxRequests < 0, "--web.max-requests: must not be negative; 0 means all"},
		{o.atOnce < 0, "--refresh.concurrency: must not be negative; 0 means all"},
		{o.lifecycle && o.configFile == "", "--web.enable-lifecycle reloads a file: name it with --config.file"},
		{o.reloadInterval > 0 && o.configFile == "", "--config.auto-reload-interval reloads a file: name it with --config.file"},
		{o.demo && o.configFile != "", "--demo brings its own gateway: leave --config.file out"},
	} {
		if rule.broken {
			return errors.New(rule.text)
		}
	}
	if err := o.state.Validate(o.demo, o.once, *o.listen.WebConfigFile); err != nil {
		return err
	}
	if o.state.Shared() && o.configFile == "" {
		// Each process has metrics of its own at /metrics, wherever the gateway's are.
		return errors.New("--config.file is missing: processes that share a database (" + o.state.Source() + ") need one, also for a single gateway")
	}
	return o.gateway.Validate(o.configFile != "", o.demo)
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
	return config.Simulated(o.gateway.Draft, demo.Connect(demo.Gateway(time.Now)))
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
	logger, slogger, err := logging.New(stderr, o.logLevel, o.logFormat)
	if err != nil {
		return err
	}
	if err := web.CheckFlags(ctx, o.telemetryPath, o.listen); err != nil {
		return err
	}
	if o.check {
		return fleet.Check(ctx, cfg, fleet.CheckOptions{Client: connect, State: &o.state}, stdout)
	}
	states, err := o.state.Open(ctx, *o.listen.WebListenAddresses)
	if err != nil {
		return err
	}
	defer states.Close()
	f := fleet.New(fleet.Options{Logger: logger, Client: connect, State: states.Store, Cluster: states.Cluster, Concurrency: int(min(o.atOnce, math.MaxInt32))})
	if err := f.Apply(cfg); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(versioncollector.NewCollector(program))
	if o.once {
		// Without go_* and process_*: they would be about this short life, and clash with others' in a textfile collector.
		return oneshot.Run(ctx, f.Only(), oneshot.Options{Registry: registry, GiveUpAfter: cfg.Gateways()[0].Collector().StaleAfter, Progress: oneshot.Terminal(stderr)}, stdout)
	}
	registry.MustRegister(exposition.Runtime()...)
	return o.serve(ctx, f, registry, slogger, stdout)
}

// connect makes the client of a gateway.
func connect(g *config.Gateway) (*client.Client, error) {
	return g.Client(client.WithUserAgent(strings.TrimSuffix(program+"/"+version.Version, "/")))
}

// handler serves the only gateway, or those of a file, which r reads again.
func (o *options) handler(f *fleet.Fleet, r *fleet.Reloader, registry *prometheus.Registry, logger *slog.Logger) (http.Handler, error) {
	cfg := web.Config{
		Registry: registry, Logger: logger, TelemetryPath: o.telemetryPath, TimeoutOffset: o.timeoutOffset, CreatedSamples: o.created,
		Profiles: o.pprof, MaxRequests: int(min(o.maxRequests, math.MaxInt32)),
		Configuration: func(w io.Writer) error { return f.Config().WritePublic(w) },
	}
	if cluster := f.ClusterHealth(); cluster != nil {
		registry.MustRegister(cluster)
	}
	if r == nil {
		cfg.Collector = f.Only()
		return web.Handler(cfg)
	}
	registry.MustRegister(f.Health(), r)
	cfg.Gateways = web.FleetGateways(f)
	if o.lifecycle {
		cfg.Reload = r.Reload
	}
	return web.Handler(cfg)
}

// serve answers scrapes until ctx ends, and returns when all that it started has ended.
func (o *options) serve(ctx context.Context, f *fleet.Fleet, registry *prometheus.Registry, logger *slog.Logger, stdout io.Writer) error {
	var reloader *fleet.Reloader
	if o.configFile != "" {
		reloader = fleet.NewReloader(f, o.configFile)
	}
	handler, err := o.handler(f, reloader, registry, logger)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	logger.Info("starting", "version", version.Info(), "gateways", len(f.Config().Gateways()))
	// An unreachable gateway is no reason to stop: what goes wrong is in the log and in the metrics.
	group.Go(func() error { return f.Run(ctx) })
	// Without a file the signal is caught too, or a reload of the systemd unit would end the program.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	if reloader != nil {
		group.Go(func() error { return reloader.Run(ctx, hup, o.reloadInterval) })
	}
	if o.demo {
		group.Go(func() error { return keepFresh(ctx, f.Only()) })
	}
	listening := func(url string) {
		if o.demo {
			_, _ = fmt.Fprintf(stdout, "Open %s/\n", url)
		}
	}
	group.Go(func() error { return web.Serve(ctx, handler, o.listen, logger, listening) })
	return group.Wait()
}

// keepFresh refreshes a collector that nothing scrapes, as the demo's is at first, so that its status page has something to show.
func keepFresh(ctx context.Context, c *collector.Collector) error {
	every := time.NewTicker(5 * time.Second)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			c.Wake(0)
		case <-ctx.Done():
			return nil
		}
	}
}
