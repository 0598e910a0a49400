package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// books compare what an exporter shows now with all that it has ever shown.
type books struct {
	last    map[string]float64
	created map[string]time.Time
}

func newBooks() *books { return &books{map[string]float64{}, map[string]time.Time{}} }

// enter adds a scrape, and returns what is wrong with it.
func (b *books) enter(s collectortest.Series) (wrong []string) {
	up := s.Values["hoop_up"] == 1
	for k, before := range b.last {
		if v, ok := s.Values[k]; ok && v < before {
			wrong = append(wrong, fmt.Sprintf("%s fell from %v to %v", k, before, v))
		} else if !ok && up {
			wrong = append(wrong, k+" is gone")
		}
	}
	for k, before := range b.created {
		if at, ok := s.Created[k]; ok && !at.Equal(before) {
			wrong = append(wrong, fmt.Sprintf("%s was created at %v and then at %v", k, before, at))
		}
	}
	for k := range s.Cumulative {
		if kept(k) {
			b.last[k] = max(b.last[k], s.Values[k])
		}
	}
	for k, at := range s.Created {
		if _, ok := b.created[k]; !ok && kept(k) {
			b.created[k] = at
		}
	}
	if n := collectortest.Sum(s.Values, "promhttp_metric_handler_errors_total"); n > 0 {
		wrong = append(wrong, fmt.Sprintf("%v scrapes failed in part", n))
	}
	slices.Sort(wrong)
	return wrong
}

// kept reports whether a series outlives the process.
func kept(key string) bool {
	family, _, _ := strings.Cut(key, "{")
	switch family {
	case "hoop_exporter_lost_sessions_total", "hoop_exporter_abandoned_sessions_total", "hoop_exporter_malformed_sessions_total",
		"hoop_exporter_unobserved_total":
		return true
	default:
		return strings.HasPrefix(family, "hoop_") && !strings.HasPrefix(family, "hoop_exporter_")
	}
}

// exceeds returns what a scrape counts that had not happened, by what the gateway knew later.
func exceeds(s collectortest.Series, truth gatewaytest.Truth) (wrong []string) {
	for _, k := range slices.Sorted(maps.Keys(s.Cumulative)) {
		if !kept(k) || strings.HasPrefix(k, "hoop_exporter_") {
			continue
		}
		if v, want := s.Values[k], truth.Samples[k]; v > want && !collectortest.Equal(v, want) {
			wrong = append(wrong, fmt.Sprintf("%s is %v, and only %v happened", k, v, want))
		}
	}
	return wrong
}

// differs returns where a scrape is not the truth.
func differs(s collectortest.Series, truth gatewaytest.Truth) (wrong []string) {
	keys := map[string]bool{}
	for k := range truth.Samples {
		keys[k] = true
	}
	for k := range s.Values {
		keys[k] = keys[k] || strings.HasPrefix(k, "hoop_") && !strings.HasPrefix(k, "hoop_exporter_") && k != "hoop_up"
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if !keys[k] {
			continue
		}
		v, ok := s.Values[k]
		want, okWant := truth.Samples[k]
		if ok != okWant || !collectortest.Equal(v, want) {
			wrong = append(wrong, fmt.Sprintf("%s is %v (%v), want %v (%v)", k, v, ok, want, okWant))
		}
	}
	return wrong
}

// few is a list that is short enough to be read.
func few(list []string) string {
	if n := len(list); n > 20 {
		list = append(list[:20:20], fmt.Sprintf("... and %d more", n-20))
	}
	return strings.Join(list, "\n")
}

// A check that finds nothing proves nothing unless it finds what is wrong.
func TestBooksFindWhatIsWrong(t *testing.T) {
	const series = `hoop_sessions_started_total{connection="a"}`
	shown := func(key string, v float64, created int64, up float64) collectortest.Series {
		return collectortest.Series{
			Values: map[string]float64{key: v, "hoop_up": up}, Cumulative: map[string]bool{key: true},
			Created: map[string]time.Time{key: time.Unix(created, 0)},
		}
	}
	for _, test := range []struct {
		name  string
		then  collectortest.Series
		wrong string
	}{
		{"more", shown(series, 4, 100, 1), ""},
		{"the same", shown(series, 3, 100, 1), ""},
		{"less", shown(series, 2, 100, 1), series + " fell from 3 to 2"},
		{"created again", shown(series, 3, 200, 1), series + " was created at "},
		{"gone", shown("hoop_other_total", 1, 100, 1), series + " is gone"},
		{"nothing is shown before the gateway answers", shown("hoop_other_total", 1, 100, 0), ""},
		{"a scrape that failed in part", shown("promhttp_metric_handler_errors_total", 1, 100, 0), "1 scrapes failed in part"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBooks()
			if wrong := b.enter(shown(series, 3, 100, 1)); wrong != nil {
				t.Fatal(wrong)
			}
			if wrong := few(b.enter(test.then)); !strings.HasPrefix(wrong, test.wrong) || test.wrong == "" && wrong != "" {
				t.Errorf("finds %q, want %q", wrong, test.wrong)
			}
		})
	}
	b := newBooks()
	b.enter(shown("hoop_exporter_refreshes_total", 7, 100, 1))
	if wrong := b.enter(shown("hoop_exporter_refreshes_total", 1, 200, 1)); wrong != nil {
		t.Errorf("what a process counts of itself begins again with it: %v", wrong)
	}
}

func TestComparisonsFindWhatIsWrong(t *testing.T) {
	s := collectortest.Series{
		Values:     map[string]float64{"hoop_a_total": 2, "hoop_b": 1, "hoop_up": 1, "hoop_exporter_c_total": 9, "go_d": 3},
		Cumulative: map[string]bool{"hoop_a_total": true, "hoop_exporter_c_total": true},
	}
	for _, test := range []struct {
		name             string
		truth            map[string]float64
		exceeds, differs string
	}{
		{"equal", map[string]float64{"hoop_a_total": 2, "hoop_b": 1}, "", ""},
		{"not counted yet", map[string]float64{"hoop_a_total": 3, "hoop_b": 1}, "", "hoop_a_total is 2 (true), want 3 (true)"},
		{"counted twice", map[string]float64{"hoop_a_total": 1, "hoop_b": 1}, "hoop_a_total is 2, and only 1 happened", "hoop_a_total is 2 (true), want 1 (true)"},
		{"a gauge", map[string]float64{"hoop_a_total": 2, "hoop_b": 0}, "", "hoop_b is 1 (true), want 0 (true)"},
		{"missing", map[string]float64{"hoop_a_total": 2, "hoop_b": 1, "hoop_e": 0}, "", "hoop_e is 0 (false), want 0 (true)"},
		{"made up", map[string]float64{"hoop_b": 1}, "hoop_a_total is 2, and only 0 happened", "hoop_a_total is 2 (true), want 0 (false)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			truth := gatewaytest.Truth{Samples: test.truth}
			if got := few(exceeds(s, truth)); got != test.exceeds {
				t.Errorf("exceeds: %q, want %q", got, test.exceeds)
			}
			if got := few(differs(s, truth)); got != test.differs {
				t.Errorf("differs: %q, want %q", got, test.differs)
			}
		})
	}
}
