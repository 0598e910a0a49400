// Package oneshot runs a collector until its backfill is complete, and writes its metrics.
package oneshot

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

// Collector is the part of collector.Collector that Run needs.
type Collector interface {
	Run(ctx context.Context) error
	Refresh(ctx context.Context) error
	Baseline(ctx context.Context) error
	Progress() collector.Progress
	Scrape(ctx context.Context) prometheus.Collector
}

// Options are the options of Run.
type Options struct {
	// Registry has further metrics to write.
	Registry *prometheus.Registry
	// GiveUpAfter is how long refreshes may fail during the backfill.
	GiveUpAfter time.Duration
	// Progress gets a line with the progress of the backfill; nil: none is written.
	Progress io.Writer
}

// Run runs the collector, waits for the whole backfill and writes the metrics to out in the text format. Where the gateway
// fails, it writes the metrics too, since they say so, and returns the error.
func Run(ctx context.Context, c Collector, o Options, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running errgroup.Group
	running.Go(func() error { return c.Run(ctx) })
	err := backfill(ctx, c, o)
	if ctx.Err() == nil {
		err = errors.Join(err, write(ctx, c, o.Registry, out))
	}
	cancel()
	return errors.Join(err, running.Wait())
}

// backfill waits until everything has been read. It returns at once if the first refresh fails, but waits for a gateway that fails for a
// while later.
func backfill(ctx context.Context, c Collector, o Options) error {
	if err := c.Refresh(ctx); err != nil {
		return err
	}
	for lastSuccess := time.Now(); ; {
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
			lastSuccess = time.Now()
		} else if time.Since(lastSuccess) >= o.GiveUpAfter {
			return fmt.Errorf("backfill: %w", err)
		}
	}
}

// Terminal returns w if it is a terminal, so that somebody can watch the progress; otherwise nil.
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

// report writes the progress over the line that it wrote before.
func report(w io.Writer, p collector.Progress, done bool) {
	end := ""
	if done {
		end = "\n"
	}
	read := 100 * (1 - p.Unread.Seconds()/max(p.Lookback.Seconds(), 1))
	_, _ = fmt.Fprintf(w, "\rbackfill: %3.0f %% of %s, %d unfinished sessions so far %s", read, p.Lookback, p.Tracked, end)
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
