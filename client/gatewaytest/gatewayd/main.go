// Command gatewayd is a simulated hoop gateway in its own process, for tests of the built exporter.
//
// It listens on a loopback address only, prints its URL, and accepts any credential. Besides the API it answers:
//
//	GET  /truth  the value of every metric now, as JSON; for the parameters see truthOptions
//	GET  /stats  the counts of requests and events, as JSON
//	POST /calm   stops the start of new sessions; sessions that have started continue
//
// With --gateways it simulates many gateways, each with all of this under its own path, and GET /gateways lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest/scenario"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := &options{}
	app := o.flags()
	exit := -1
	app.UsageWriter(stdout).ErrorWriter(stderr).Terminate(func(code int) { exit = code })
	_, err := app.Parse(args)
	if exit >= 0 { // --help
		return exit
	}
	if err == nil {
		err = o.serve(ctx, stdout)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "gatewayd: error: %s\n", err)
		return 1
	}
	return 0
}

// options are the values of the flags.
type options struct {
	listen, dialect, cost string
	seed                  uint64
	connections           int

	gateways, scenarios, many int

	history                    int
	historySpan                time.Duration
	unfinished, pending, ready int

	org               string
	rate, hurry       float64
	duration, lateMax time.Duration
	rewriting         bool
	leftovers         bool
}

// flags returns the command line, which writes to o.
func (o *options) flags() *kingpin.Application {
	app := kingpin.New("gatewayd", "A simulated hoop gateway.")
	app.HelpFlag.Short('h')
	app.Flag("listen", "Loopback address to listen on; port 0 is any free port.").Default("127.0.0.1:0").StringVar(&o.listen)
	app.Flag("dialect", "The gateway's version: old (1.49.10) or new (1.148).").Default("new").EnumVar(&o.dialect, "old", "new")
	app.Flag("org", "The organization that all credentials belong to: any bearer token, and any key in Api-Key.").Default(gatewaytest.OrgID).StringVar(&o.org)
	app.Flag("seed", "Decides everything that is random.").Default("1").Uint64Var(&o.seed)
	app.Flag("cost", "How long a request takes: no time, or as measured on an old or a new gateway.").Default("none").EnumVar(&o.cost, "none", "old", "new")
	app.Flag("connections", "Number of connections.").Default("12").IntVar(&o.connections)
	app.Flag("gateways", "Number of gateways, each under its own path: /g0 and so on. 0: one, at the root.").Default("0").IntVar(&o.gateways)
	app.Flag("scenarios", "With --gateways, this many more for each scenario of failure: /s0-0 and so on.").Default("0").IntVar(&o.scenarios)
	app.Flag("many", "How many sessions start at once in the scenario of a flood.").Default("10000").IntVar(&o.many)
	app.Flag("history", "Number of sessions that exist from the start.").Default("0").IntVar(&o.history)
	app.Flag("history-span", "How far back they go.").Default("168h").DurationVar(&o.historySpan)
	app.Flag("unfinished", "How many of them never finish by themselves.").Default("0").IntVar(&o.unfinished)
	app.Flag("pending", "How many of the unfinished ones wait for a review.").Default("0").IntVar(&o.pending)
	app.Flag("ready", "How many of the unfinished ones are approved and wait to be run.").Default("0").IntVar(&o.ready)
	app.Flag("rate", "Sessions that start in a second, on average. 0: none.").Default("0").Float64Var(&o.rate)
	app.Flag("hurry", "Everything in a session's life takes this many times less time.").Default("1").Float64Var(&o.hurry)
	app.Flag("duration", "Mean time that a session runs, independent of --hurry. 0: 20s divided by --hurry.").DurationVar(&o.duration)
	app.Flag("late-max", "How late a fifth of the sessions become visible at most, independent of --hurry; one in 200 by up to five times as much. 0: 1m divided by --hurry.").DurationVar(&o.lateMax)
	app.Flag("rewriting", "Some values of a session change after they were first sent, as on real gateways: an end is written twice, a decision is revoked or overturned.").Default("true").BoolVar(&o.rewriting)
	app.Flag("leftovers", "Some sessions and reviews never end, as on real gateways.").Default("true").BoolVar(&o.leftovers)
	return app
}

// gateway returns the n-th gateway that the flags describe, in a scenario.
func (o *options) gateway(n int, s scenario.Scenario) *gatewaytest.Gateway {
	connections := gatewaytest.Connections(o.connections)
	cfg := gatewaytest.Config{
		Dialect: map[string]gatewaytest.Dialect{"old": gatewaytest.Old, "new": gatewaytest.New2026}[o.dialect],
		Cost:    map[string]func(gatewaytest.Request) time.Duration{"old": gatewaytest.OldCost, "new": gatewaytest.NewCost}[o.cost],
		Seed:    o.seed + uint64(n),
		OrgID:   o.org,
		Life:    o.life(connections),
	}
	g := s.Gateway(cfg)
	now := time.Now()
	g.AddHistory(o.history, now.Add(-o.historySpan), now, gatewaytest.HistoryOptions{
		ConnectionList: connections, Unfinished: o.unfinished, Pending: o.pending, Ready: o.ready,
	})
	return g
}

// handler returns the gateways that the flags describe.
func (o *options) handler() (http.Handler, error) {
	if o.hurry <= 0 || o.rate < 0 || o.connections < 1 || o.history < 0 || o.gateways < 0 || o.scenarios < 0 || o.many < 0 {
		return nil, errors.New("--hurry and --connections must be above 0, and no other number below 0")
	}
	if o.gateways == 0 {
		return newDaemon(o.gateway(0, scenario.Scenario{})), nil
	}
	mux := http.NewServeMux()
	list := []listed{}
	add := func(name string, s scenario.Scenario) {
		o := *o
		o.org += "-" + name // the state of the exporter is named after it
		path := "/" + name
		mux.Handle(path+"/", http.StripPrefix(path, newDaemon(o.gateway(len(list), s))))
		list = append(list, listed{name, path, s.Name})
	}
	for i := range o.gateways {
		add(fmt.Sprintf("g%d", i), scenario.Scenario{})
	}
	for number, s := range scenario.All(o.many) {
		for i := range o.scenarios {
			add(fmt.Sprintf("s%d-%d", number, i), s)
		}
	}
	mux.HandleFunc("GET /gateways", func(w http.ResponseWriter, _ *http.Request) { answer(w, list) })
	return mux, nil
}

// listed is an element of GET /gateways. Scenario is empty for a healthy gateway.
type listed struct{ Name, Path, Scenario string }

// life returns a life with all events, at the speed that the flags say.
func (o *options) life(connections []gatewaytest.Connection) gatewaytest.Life {
	l := gatewaytest.DefaultLife()
	l.Rate, l.Connections = o.rate, connections
	for _, d := range []*time.Duration{
		&l.Duration, &l.LongDuration, &l.LateMax, &l.VeryLateMax, &l.BurstEvery, &l.Wait, &l.ReadyWait, &l.Access,
	} {
		*d = time.Duration(float64(*d) / o.hurry)
	}
	if o.duration > 0 {
		l.Duration = o.duration
	}
	if o.lateMax > 0 {
		l.LateMax, l.VeryLateMax = o.lateMax, 5*o.lateMax
	}
	if !o.rewriting {
		l.Rewritten, l.Overturned, l.Revoked = 0, 0, 0
	}
	if !o.leftovers {
		l.Stuck, l.Undecided, l.NeverRun, l.ApprovedLater = 0, 0, 0, 1
	}
	return l
}

// serve serves until ctx is done.
func (o *options) serve(ctx context.Context, stdout io.Writer) error {
	listener, err := o.listener(ctx)
	if err != nil {
		return err
	}
	handler, err := o.handler()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() { stopped <- server.Close() })()
	if _, err := fmt.Fprintf(stdout, "Listening on http://%s\n", listener.Addr()); err != nil {
		return errors.Join(fmt.Errorf("print the URL: %w", err), listener.Close())
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}

// listener listens on a loopback address only, because the program accepts any credential.
func (o *options) listener(ctx context.Context) (net.Listener, error) {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("--listen: %q is not a loopback address such as 127.0.0.1", host)
	}
	var c net.ListenConfig
	listener, err := c.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	return listener, nil
}
