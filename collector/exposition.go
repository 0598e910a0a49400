package collector

import (
	"fmt"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// exposition turns snapshots into metrics. It is immutable: any number of scrapes may use it at once.
type exposition struct {
	*families
	parts      histogramParts
	staleLimit time.Duration

	// Labels that are the same in every scrape.
	states                       [ledger.States]*dto.LabelPair
	runningLimits, overdueLimits []threshold
	measures                     [ledger.Measures]measure
	tagKeys, tagLabels           []string // sorted by label
}

// threshold is a Threshold with its label.
type threshold struct {
	label *dto.LabelPair
	after time.Duration
}

// measure is where a ledger.Measure is shown.
type measure struct {
	family
	unobserved []*dto.LabelPair
}

// newExposition fails where cfg would make series that no scrape can hold: two tag keys that become one label, an empty key, a threshold
// without name, below zero, or named twice.
func newExposition(cfg Config) (*exposition, error) {
	keys, labels, err := tagLabels(cfg.ConnectionTags)
	if err != nil {
		return nil, err
	}
	e := &exposition{
		families:   newFamilies(labels),
		parts:      histogramParts{classic: !cfg.NoClassicHistograms, native: !cfg.NoNativeHistograms, exemplars: !cfg.NoExemplars},
		staleLimit: cfg.StaleAfter,
		tagKeys:    keys, tagLabels: labels,
	}
	if e.runningLimits, err = thresholds(cfg.LongRunning); err != nil {
		return nil, fmt.Errorf("thresholds of long-running sessions: %w", err)
	}
	if e.overdueLimits, err = thresholds(cfg.Overdue); err != nil {
		return nil, fmt.Errorf("thresholds of overdue reviews: %w", err)
	}
	for state := range ledger.States {
		e.states[state] = labelPair(e.openSessions.label, state.String())
	}
	e.measures = [ledger.Measures]measure{
		ledger.EventSize:  {family: e.eventSize, unobserved: []*dto.LabelPair{labelPair("metric", "hoop_session_event_size_bytes")}},
		ledger.Duration:   {family: e.duration, unobserved: []*dto.LabelPair{labelPair("metric", "hoop_session_duration_seconds")}},
		ledger.ReviewWait: {family: e.reviewWait, unobserved: []*dto.LabelPair{labelPair("metric", "hoop_review_wait_seconds")}},
	}
	return e, nil
}

// CheckConnectionTags tells which keys of connection tags cannot be shown together.
func CheckConnectionTags(tags []string) error {
	_, _, err := tagLabels(tags)
	return err
}

// tagLabels returns the keys with their label names, sorted by label name.
func tagLabels(tags []string) (keys, labels []string, err error) {
	byLabel := map[string]string{}
	for _, key := range tags {
		if key == "" {
			return nil, nil, fmt.Errorf("connection tags to show as labels: a tag key is empty")
		}
		label := "tag_" + strings.Map(labelRune, key)
		if other, taken := byLabel[label]; taken {
			return nil, nil, fmt.Errorf("connection tags to show as labels: %q and %q both become the label %s; choose one of them", other, key, label)
		}
		byLabel[label] = key
		labels = append(labels, label)
	}
	slices.Sort(labels)
	for _, label := range labels {
		keys = append(keys, byLabel[label])
	}
	return keys, labels, nil
}

// labelRune is r where it may be in a label name, else an underscore.
func labelRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return r
	}
	return '_'
}

func thresholds(of []Threshold) ([]threshold, error) {
	var out []threshold
	names := map[string]bool{}
	for _, t := range of {
		switch {
		case t.Name == "":
			return nil, fmt.Errorf("the one of %v has no name", t.Duration)
		case t.Duration <= 0:
			return nil, fmt.Errorf("%q is not above zero", t.Name)
		case names[t.Name]:
			return nil, fmt.Errorf("%q is given twice", t.Name)
		}
		names[t.Name] = true
		out = append(out, threshold{label: labelPair("threshold", t.Name), after: t.Duration})
	}
	return out, nil
}
