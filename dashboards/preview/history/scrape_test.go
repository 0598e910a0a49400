package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

var nopLogger = slog.New(slog.DiscardHandler)

// target is what Prometheus would scrape. It is scraped at times that only grow.
type target struct {
	path    string
	labels  []labels.Label
	handler http.Handler
	symbols *labels.SymbolTable
	seen    map[string]labels.Labels // the series of the last scrape, for marks of staleness
}

func newTarget(path, job, instance string, more ...labels.Label) *target {
	own := append([]labels.Label{{Name: "job", Value: job}, {Name: "instance", Value: instance}}, more...)
	return &target{path: path, labels: own, symbols: labels.NewSymbolTable(), seen: map[string]labels.Labels{}}
}

// scrape appends all that the target shows at now, as Prometheus does with scrape_native_histograms.
func (t *target) scrape(app storage.Appender, now time.Time) error {
	contentType, body, err := get(context.Background(), t.handler, t.path)
	if err != nil {
		return err
	}
	p, err := textparse.New(body, contentType, t.symbols, textparse.ParserOptions{})
	if err != nil {
		return err
	}
	at, seen := now.UnixMilli(), map[string]labels.Labels{}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if entry == textparse.EntrySeries || entry == textparse.EntryHistogram {
			series, err := t.sample(app, p, entry, at)
			if err != nil {
				return err
			}
			seen[series.String()] = series
		}
	}
	up := t.label(labels.FromStrings(labels.MetricName, "up"))
	if _, err := app.Append(0, up, at, 1); err != nil {
		return err
	}
	for key, series := range t.seen {
		if _, ok := seen[key]; !ok {
			if _, err := app.Append(0, series, at, math.Float64frombits(value.StaleNaN)); err != nil {
				return err
			}
		}
	}
	t.seen = seen
	return nil
}

// sample appends the current sample of p with its exemplars.
func (t *target) sample(app storage.Appender, p textparse.Parser, entry textparse.Entry, at int64) (labels.Labels, error) {
	var raw labels.Labels
	p.Labels(&raw)
	series := t.label(raw)
	var ref storage.SeriesRef
	var err error
	if entry == textparse.EntrySeries {
		_, _, v := p.Series()
		ref, err = app.Append(0, series, at, v)
	} else {
		_, _, h, fh := p.Histogram()
		ref, err = app.AppendHistogram(0, series, at, h, fh)
	}
	if err != nil {
		return series, fmt.Errorf("%s: %w", series, err)
	}
	var e exemplar.Exemplar
	for p.Exemplar(&e) {
		if !e.HasTs {
			e.Ts = at
		}
		// As in Prometheus, an exemplar that is out of order is left out.
		_, _ = app.AppendExemplar(ref, series, e)
		e = exemplar.Exemplar{}
	}
	return series, nil
}

// label adds the labels of the target, as Prometheus does with honor_labels: false.
func (t *target) label(series labels.Labels) labels.Labels {
	b := labels.NewBuilder(series.Copy())
	for _, own := range t.labels {
		if existing := series.Get(own.Name); existing != "" {
			b.Set("exported_"+own.Name, existing)
		}
		b.Set(own.Name, own.Value)
	}
	return b.Labels()
}

// ruleSet is the project's recording and alerting rules.
type ruleSet struct{ groups []*rules.Group }

func newRules(t *testing.T, db *tsdb.DB, file string) ruleSet {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{Logger: nopLogger, MaxSamples: 5_000_000, Timeout: time.Hour, LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{})})
	m := rules.NewManager(&rules.ManagerOptions{
		Context: t.Context(), Logger: nopLogger, AppendableV2: db, Queryable: db, QueryFunc: rules.EngineQueryFunc(engine, db),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, ExternalURL: &url.URL{},
	})
	groups, errs := m.LoadGroups(2*time.Minute, labels.EmptyLabels(), "", nil, false, file)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var s ruleSet
	for _, g := range groups {
		for _, r := range g.AlertingRules() {
			r.SetRestored(true) // there is no earlier state, and ALERTS is written only after it was looked for
		}
		s.groups = append(s.groups, g)
	}
	return s
}

// evaluate evaluates the rules every other minute.
func (s ruleSet) evaluate(ctx context.Context, now time.Time) {
	if now.Truncate(2 * time.Minute).Equal(now) {
		for _, g := range s.groups {
			g.Eval(ctx, now)
		}
	}
}
