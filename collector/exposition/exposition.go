// Package exposition turns snapshots of the ledger into metrics.
//
// A metric family is one row in one of the lists of families: its name, its help, its labels and the function that sends its series. The
// lists are grouped by subject: gateway.go, connections.go, sessions.go, reviews.go, histograms.go, protection.go, decisions.go and
// exporter.go. Descriptors and label names follow from the rows. What the exporter counts while it works, not from snapshots, is in
// instruments.go.
package exposition

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// Options are what can be chosen about metrics.
type Options struct {
	// LongRunning and Overdue are the thresholds of hoop_long_running_sessions and hoop_overdue_reviews.
	LongRunning, Overdue []Threshold
	// ConnectionTags are the tag keys that become labels of hoop_connection_info.
	ConnectionTags []string
	// StaleAfter is the value of hoop_exporter_stale_after_seconds. Whether gauges are withheld is decided by the caller, in [View].
	StaleAfter time.Duration
	// NoExemplars leaves out exemplars, NoNativeHistograms and NoClassicHistograms one kind of bucket.
	NoExemplars, NoNativeHistograms, NoClassicHistograms bool
	// NoDataProtection and NoDecisions leave out the families about the protection of data, and about the decisions of groups.
	NoDataProtection, NoDecisions bool
}

// Exposition turns snapshots into metrics. It is immutable: any number of scrapes may use it at the same time.
type Exposition struct {
	families []describedFamily
	parts    histogramParts
}

// describedFamily is a family with its descriptor.
type describedFamily struct {
	family
	desc *prometheus.Desc
}

// New returns an exposition with these options. It fails if they would make series that no scrape can contain: two tag keys that become one
// label, an empty key, or a threshold that has no name, is not above zero, or is given twice.
func New(o Options) (*Exposition, error) {
	tags, err := tagLabels(o.ConnectionTags)
	if err != nil {
		return nil, err
	}
	if err := checkThresholds(o.LongRunning); err != nil {
		return nil, fmt.Errorf("thresholds of long-running sessions: %w", err)
	}
	if err := checkThresholds(o.Overdue); err != nil {
		return nil, fmt.Errorf("thresholds of overdue reviews: %w", err)
	}
	e := &Exposition{parts: histogramParts{classic: !o.NoClassicHistograms, native: !o.NoNativeHistograms, exemplars: !o.NoExemplars}}
	for _, f := range families(o, tags) {
		desc := prometheus.NewDesc(f.name, f.help, f.labels, nil)
		if err := desc.Err(); err != nil {
			return nil, fmt.Errorf("describing %s: %w", f.name, err)
		}
		e.families = append(e.families, describedFamily{f, desc})
	}
	return e, nil
}

// families are all rows.
func families(o Options, tags []tag) []family {
	observed := measureFamilies()
	if !o.NoDataProtection {
		observed = append(observed, protectionFamilies()...)
	}
	if !o.NoDecisions {
		observed = append(observed, decisionFamilies()...)
	}
	return slices.Concat(
		gatewayFamilies(),
		connectionFamilies(tags),
		sessionGauges(o.LongRunning), sessionCounters(),
		reviewGauges(o.Overdue), reviewCounters(),
		observed,
		exporterGauges(o.StaleAfter), exporterCounters(observed),
	)
}

// LabelNames returns the names of all labels that series of a collector can have, sorted, without the tag_... of connection tags.
func LabelNames() []string {
	names := append(instrumentLabels(), model.BucketLabel)
	for _, f := range families(Options{}, nil) {
		names = append(names, f.labels...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// View is what a scrape shows besides the snapshot.
type View struct {
	// Now is the current time by the gateway's clock. Ages of long-running sessions and overdue reviews are measured against it.
	Now time.Time
	// Counted is the snapshot whose counters and histograms are shown; nil: the one whose gauges are shown.
	Counted *ledger.Snapshot
	// Up says whether the last ended refresh succeeded.
	Up bool
	// Withheld says that no refresh has succeeded for so long that gauges would be out of date. Then the gateway is not up either.
	Withheld bool
	// Version is the version in the gateway's last answer; "" if that had none, and before the first answer.
	Version string
	// VisibilityLimited says that the gateway shows only part of the sessions to the credential's role.
	VisibilityLimited bool
	// RefreshError is why the last refresh failed, as a word for a label; "" if it succeeded, and before the first.
	RefreshError string
	// CredentialExpiry is when the credential expires; zero if that is not known.
	CredentialExpiry time.Time
	// Agents are the gateway's agents: each pair of name and version occurs once.
	Agents []Agent
	// LastSuccess is when a refresh last succeeded, by the exporter's clock; zero before the first.
	LastSuccess time.Time
}

// Agent is an agent of the gateway.
type Agent struct {
	Name, Version string
	// Up says that it is connected.
	Up bool
}

// Describe sends the descriptors of all families.
func (e *Exposition) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range e.families {
		ch <- f.desc
	}
}

// Collect sends everything that a scrape shows. s is nil before the first snapshot: then only what is known without one is sent.
func (e *Exposition) Collect(ch chan<- prometheus.Metric, s *ledger.Snapshot, v View) {
	if v.Counted == nil {
		v.Counted = s
	}
	to := &sender{View: v, snapshot: s, parts: e.parts, ch: ch}
	for i := range e.families {
		to.family = &e.families[i]
		to.family.send(to)
	}
}
