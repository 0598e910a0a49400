// Package once runs a collector until it has read everything back, and writes what it knows then.
package once

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"golang.org/x/sync/errgroup"

	"github.com/hoop-exporter/hoop_exporter/collector"
)

// Collector is what is needed of a collector.
type Collector interface {
	Run(ctx context.Context) error
	Refresh(ctx context.Context) error
	Baseline(ctx context.Context) error
	Progress() collector.Progress
	Scrape(ctx context.Context) prometheus.Collector
}

// Options say how.
type Options struct {
	// Registry has metrics that are written too.
	Registry *prometheus.Registry
	// GiveUp is for how long the gateway may fail in the middle of the read-back.
	GiveUp time.Duration
	// Progress is where to say how far it is; nil where nobody watches.
	Progress io.Writer
}

// Run runs the collector, waits for the whole read-back and writes the metrics to out in the text format. Where the
// gateway fails it writes them too, for they say so, and returns what went wrong.
func Run(ctx context.Context, c Collector, o Options, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running errgroup.Group
	running.Go(func() error { return c.Run(ctx) })
	err := readBack(ctx, c, o)
	if ctx.Err() == nil {
		err = errors.Join(err, write(ctx, c, o.Registry, out))
	}
	cancel()
	return errors.Join(err, running.Wait())
}

// readBack waits until everything was read. A gateway that does not answer at all is no reason to wait, one that fails
// for a moment is.
func readBack(ctx context.Context, c Collector, o Options) error {
	if err := c.Refresh(ctx); err != nil {
		return err
	}
	for good := time.Now(); ; {
		waiting, cancel := context.WithTimeout(ctx, time.Second)
		err := c.Baseline(waiting)
		cancel()
		if o.Progress != nil {
			report(o.Progress, c.Progress(), err == nil)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err = c.Refresh(ctx); err == nil {
			good = time.Now()
		} else if time.Since(good) >= o.GiveUp {
			return fmt.Errorf("reading back: %w", err)
		}
	}
}

// Terminal returns w if it is a terminal, where somebody can watch the progress; else nil.
func Terminal(w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return f
}

// report says how far it is, over what it said before.
func report(w io.Writer, p collector.Progress, done bool) {
	end := ""
	if done {
		end = "\n"
	}
	read := 100 * (1 - p.Unread.Seconds()/max(p.Lookback.Seconds(), 1))
	// Nobody is harmed if this is not seen.
	_, _ = fmt.Fprintf(w, "\rread back %3.0f %% of %s, %d unfinished sessions so far %s", read, p.Lookback, p.Tracked, end)
}

func write(ctx context.Context, c Collector, own *prometheus.Registry, out io.Writer) error {
	scrape := prometheus.NewRegistry()
	if err := scrape.Register(c.Scrape(ctx)); err != nil {
		return fmt.Errorf("describe metrics: %w", err)
	}
	families, err := prometheus.Gatherers{own, scrape}.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	encoder := expfmt.NewEncoder(out, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return nil
}
