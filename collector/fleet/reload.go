package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

// Reloader reads a configuration file again and applies it to a fleet. After a failure the last good configuration stays. It is safe for
// concurrent use.
type Reloader struct {
	fleet *Fleet
	path  string

	mu   sync.Mutex
	seen [sha256.Size]byte // of the content that was read last, so that the same content is not tried again

	successful, successAt, hash prometheus.Gauge
}

// NewReloader returns the reloader of the file that f was configured from. For a fleet without a configuration it only describes its
// metrics.
func NewReloader(f *Fleet, path string) *Reloader {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	r := &Reloader{
		fleet: f, path: path,
		successful: gauge("hoop_exporter_config_last_reload_successful",
			"1 if the exporter applied the configuration file when it last read it, else 0: then the last good one is in effect."),
		successAt: gauge("hoop_exporter_config_last_reload_success_timestamp_seconds",
			"Unix time in seconds, by the exporter's clock, at which a configuration file was last applied."),
		hash: gauge("hoop_exporter_config_hash",
			"First 48 bits of the SHA-256 of the configuration file in effect: processes with different values have different files."),
	}
	if c := f.Config(); c != nil {
		r.seen = c.Hash() // not that of the file as it is now: it may have changed since it was read
		r.recordApplied(c)
	}
	return r
}

// recordApplied records that a configuration is the current one.
func (r *Reloader) recordApplied(c *config.Config) {
	hash := c.Hash()
	r.successful.Set(1)
	r.successAt.Set(float64(time.Now().UnixMilli()) / 1e3)
	r.hash.Set(float64(binary.BigEndian.Uint64(hash[:8]) >> 16))
}

// Reload reads the file and applies it. The error says what is wrong with the file, and where.
func (r *Reloader) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.apply(config.Read(r.path))
}

// apply applies the content of the file, or reports err, which kept it from being read.
func (r *Reloader) apply(content []byte, err error) error {
	r.seen = sha256.Sum256(content)
	var c *config.Config
	if err == nil {
		c, err = config.Parse(r.path, content)
	}
	if err == nil {
		err = r.fleet.Apply(c)
	}
	if err != nil {
		r.successful.Set(0)
		level.Error(r.fleet.o.Logger).Log("msg", "the configuration file cannot be used: the last good one stays in effect", "file", r.path, "err", err)
		return fmt.Errorf("the configuration file cannot be used: the last good one stays in effect: %w", err)
	}
	r.recordApplied(c)
	return nil
}

// Run reloads the file at each signal, and, if interval is above 0, after every interval in which it has changed, until ctx ends.
func (r *Reloader) Run(ctx context.Context, signals <-chan os.Signal, interval time.Duration) error {
	var again <-chan time.Time
	if interval > 0 {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		again = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
			_ = r.Reload() // what is wrong is in the log and in the metrics
		case <-again:
			r.reloadIfChanged()
		}
	}
}

// reloadIfChanged reloads the file if its content is not what was read last. A file that cannot be read counts as an empty one.
func (r *Reloader) reloadIfChanged() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if content, err := config.Read(r.path); sha256.Sum256(content) != r.seen {
		_ = r.apply(content, err) // what is wrong is in the log and in the metrics
	}
}

// Describe implements prometheus.Collector.
func (r *Reloader) Describe(ch chan<- *prometheus.Desc) {
	r.each(func(g prometheus.Gauge) { g.Describe(ch) })
}

// Collect implements prometheus.Collector.
func (r *Reloader) Collect(ch chan<- prometheus.Metric) {
	r.each(func(g prometheus.Gauge) { g.Collect(ch) })
}

func (r *Reloader) each(f func(prometheus.Gauge)) {
	for _, g := range []prometheus.Gauge{r.successful, r.successAt, r.hash} {
		f(g)
	}
}
