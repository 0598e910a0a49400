// Command gatewayd is a simulated hoop gateway in a process of its own, for tests that need to kill what they test.
//
// It listens on a loopback address only, prints its URL, and takes any credential. Besides the API it answers:
//
//	GET  /truth  what every metric must be now, as JSON; see the parameters of truthOptions
//	GET  /stats  what the gateway was asked, and what happened in it, as JSON
//	POST /calm   no further session starts; what has begun goes on
//
// With --gateways it is many, each with all of this below a path of its own, and GET /gateways lists them.
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
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest/misery"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: its result is the exit code.
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

// options are what the flags say.
type options struct {
	listen, dialect, cost string
	seed                  uint64
	connections           int

	gateways, miseries, many int

	history                    int
	historySpan                time.Duration
	unfinished, pending, ready int

	org               string
	rate, hurry       float64
	duration, lateMax time.Duration
	rewriting         bool
	leftovers         bool
}

// flags makes the command line.
func (o *options) flags() *kingpin.Application {
	app := kingpin.New("gatewayd", "A simulated hoop gateway.")
	app.HelpFlag.Short('h')
	app.Flag("listen", "Loopback address to listen on; port 0 takes a free one.").Default("127.0.0.1:0").StringVar(&o.listen)
	app.Flag("dialect", "The gateway's version: old (1.49.10) or new (1.148).").Default("new").EnumVar(&o.dialect, "old", "new")
	app.Flag("org", "The organization that all credentials belong to: any bearer token, and any key in Api-Key.").Default(gatewaytest.OrgID).StringVar(&o.org)
	app.Flag("seed", "Decides everything that is left to chance.").Default("1").Uint64Var(&o.seed)
	app.Flag("cost", "What a request costs: nothing, or what it was seen to cost on an old or a new gateway.").Default("none").EnumVar(&o.cost, "none", "old", "new")
	app.Flag("connections", "Number of connections.").Default("12").IntVar(&o.connections)
	app.Flag("gateways", "Number of gateways, each below a path of its own: /g0 and so on. 0: one, at the root.").Default("0").IntVar(&o.gateways)
	app.Flag("miseries", "With --gateways, so many more that go wrong in each of the ways that there are: /m0-0 and so on.").Default("0").IntVar(&o.miseries)
	app.Flag("many", "How many sessions come at once where that is the misery.").Default("10000").IntVar(&o.many)
	app.Flag("history", "Number of sessions that there are from the start.").Default("0").IntVar(&o.history)
	app.Flag("history-span", "How far back they go.").Default("168h").DurationVar(&o.historySpan)
	app.Flag("unfinished", "How many of them never finish by themselves.").Default("0").IntVar(&o.unfinished)
	app.Flag("pending", "How many of these wait for a review.").Default("0").IntVar(&o.pending)
	app.Flag("ready", "How many of these are approved and wait to be run.").Default("0").IntVar(&o.ready)
	app.Flag("rate", "Sessions that start in a second, on average. 0: none.").Default("0").Float64Var(&o.rate)
	app.Flag("hurry", "All that takes its time in a session's life takes so many times less.").Default("1").Float64Var(&o.hurry)
	app.Flag("duration", "Mean time that a session runs, whatever the hurry. 0: 20s in no hurry.").DurationVar(&o.duration)
	app.Flag("late-max", "By how much a fifth of the sessions show up late at most, whatever the hurry; one in 200 by up to five times as much. 0: 1m in no hurry.").DurationVar(&o.lateMax)
	app.Flag("rewriting", "The gateway says some things twice in different words, as real ones do.").Default("true").BoolVar(&o.rewriting)
	app.Flag("leftovers", "Some sessions and reviews never come to their end, as with real ones.").Default("true").BoolVar(&o.leftovers)
	return app
}

// gateway makes the n-th gateway that the flags describe, which goes wrong in a way.
func (o *options) gateway(n int, m misery.Misery) *gatewaytest.Gateway {
	connections := gatewaytest.Connections(o.connections)
	cfg := gatewaytest.Config{
		Dialect: map[string]gatewaytest.Dialect{"old": gatewaytest.Old, "new": gatewaytest.New2026}[o.dialect],
		Cost:    map[string]func(gatewaytest.Request) time.Duration{"old": gatewaytest.OldCost, "new": gatewaytest.NewCost}[o.cost],
		Seed:    o.seed + uint64(n),
		OrgID:   o.org,
		Life:    o.life(connections),
	}
	g := m.Gateway(cfg)
	now := time.Now()
	g.AddHistory(o.history, now.Add(-o.historySpan), now, gatewaytest.HistoryOptions{
		ConnectionList: connections, Unfinished: o.unfinished, Pending: o.pending, Ready: o.ready,
	})
	return g
}

// handler serves the gateways that the flags describe.
func (o *options) handler() (http.Handler, error) {
	if o.hurry <= 0 || o.rate < 0 || o.connections < 1 || o.history < 0 || o.gateways < 0 || o.miseries < 0 || o.many < 0 {
		return nil, errors.New("--hurry and --connections must be above 0, all other numbers not below it")
	}
	if o.gateways == 0 {
		return newDaemon(o.gateway(0, misery.Misery{})), nil
	}
	mux := http.NewServeMux()
	list := []listed{}
	add := func(name string, m misery.Misery) {
		o := *o
		o.org += "-" + name // a ledger is named by it
		path := "/" + name
		mux.Handle(path+"/", http.StripPrefix(path, newDaemon(o.gateway(len(list), m))))
		list = append(list, listed{name, path, m.Name})
	}
	for i := range o.gateways {
		add(fmt.Sprintf("g%d", i), misery.Misery{})
	}
	for kind, m := range misery.All(o.many) {
		for i := range o.miseries {
			add(fmt.Sprintf("m%d-%d", kind, i), m)
		}
	}
	mux.HandleFunc("GET /gateways", func(w http.ResponseWriter, _ *http.Request) { answer(w, list) })
	return mux, nil
}

// listed is one of many gateways. Misery is empty where it does what it should.
type listed struct{ Name, Path, Misery string }

// life is full of everything, at the pace that the flags say.
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
		l.Rewritten, l.Overturned = 0, 0
	}
	if !o.leftovers {
		l.Stuck, l.Undecided, l.NeverRun, l.ApprovedLater = 0, 0, 0, 1
	}
	return l
}

// serve answers until ctx ends.
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
		return errors.Join(fmt.Errorf("say where it listens: %w", err), listener.Close())
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}

// listener listens, where nobody from outside can ask: anybody is let in.
func (o *options) listener(ctx context.Context) (net.Listener, error) {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("--listen: %q is no loopback address such as 127.0.0.1", host)
	}
	var c net.ListenConfig
	listener, err := c.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	return listener, nil
}
