package promql_test

import (
	"strings"
	"testing"

	"github.com/hoop-exporter/hoop_exporter/deploy/prometheus/promql"
)

func TestCheckFindsUnknownNames(t *testing.T) {
	v, err := promql.New("team")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Record("gateway:hoop_up:min"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ query, wrong string }{
		"gauge":                {`sum by (connection) (hoop_open_sessions{state="running", job="hoop"})`, ""},
		"counter":              {`increase(hoop_sessions_finished_total{outcome=~"failure|aborted"}[1h])`, ""},
		"classic histogram":    {`histogram_quantile(0.9, sum by (le) (rate(hoop_review_wait_seconds_bucket[1d])))`, ""},
		"native histogram":     {`histogram_quantile(0.9, sum(rate(hoop_review_wait_seconds[1d])))`, ""},
		"tag":                  {`hoop_open_sessions * on (connection) group_left (tag_team) hoop_connection_info`, ""},
		"recorded":             {`gateway:hoop_up:min{instance="gw"} == 0`, ""},
		"variable":             {`hoop_open_sessions{state=~"(running|ready)", connection=~".*"}`, ""},
		"version":              {`count by (version) (hoop_exporter_build_info)`, ""},
		"of the process":       {`changes(process_start_time_seconds[1h])`, ""},
		"subquery":             {`max_over_time(hoop_up[1h:1m])`, ""},
		"not PromQL":           {`sum by (`, "parse error"},
		"unknown metric":       {`hoop_open_session`, `no metric "hoop_open_session"`},
		"metric by a pattern":  {`{__name__=~"hoop_.*"}`, `no metric ""`},
		"not recorded":         {`gateway:hoop_up:max`, "no metric"},
		"no histogram":         {`rate(hoop_up_sum[5m])`, "no metric"},
		"unknown label":        {`hoop_open_sessions{status="running"}`, "hoop_open_sessions has no label status"},
		"state there is not":   {`hoop_open_sessions{state="open"}`, `no state "open"`},
		"outcome of a list":    {`hoop_sessions_finished_total{outcome=~"failure|failed"}`, `no outcome "failed"`},
		"status in lower case": {`hoop_open_reviews{status="pending"}`, `no status "pending"`},
		"group of nothing":     {`sum by (group) (hoop_open_sessions)`, "nothing in it has a label group"},
		"match on nothing":     {`hoop_up / on (connection) hoop_up`, "nothing in it has a label connection"},
		"include of nothing":   {`hoop_open_sessions * on (connection) group_left (tag_owner) hoop_connection_info`, "label tag_owner"},
		"rate of a gauge":      {`rate(hoop_open_sessions[5m])`, "rate of hoop_open_sessions, which is no counter"},
		"rate of a rule":       {`increase(gateway:hoop_up:min[5m])`, "which is no counter"},
	} {
		t.Run(name, func(t *testing.T) {
			switch err := v.Check(test.query); {
			case test.wrong == "" && err != nil:
				t.Error(err)
			case test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)):
				t.Errorf("got %v, want what says %q", err, test.wrong)
			}
		})
	}
}

func TestNamesOfRecordingRulesAreChecked(t *testing.T) {
	for name, test := range map[string]struct{ record, wrong string }{
		"no level":     {"hoop_up", "not level:metric:operation"},
		"other level":  {"team:hoop_up:min", "no level team"},
		"exists":       {"gateway:hoop_up:min", "recorded twice"},
		"as it should": {"gateway:hoop_up:max", ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := promql.Vocabulary{"gateway:hoop_up:min": {}}
			err := v.Record(test.record)
			if test.wrong == "" && err != nil || test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
				t.Errorf("got %v, want %q", err, test.wrong)
			}
		})
	}
}
