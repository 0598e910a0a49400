package client

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// decodeRow decodes a page with one row, and returns the row and the names of the fields that could not be used.
func decodeRow(t *testing.T, row string) (Session, string) {
	t.Helper()
	var p SessionPage
	if err := decodePage(strings.NewReader(`{"data":[`+row+`]}`), 0, &p); err != nil {
		t.Fatalf("%v of %s", err, row)
	}
	if len(p.Sessions) != 1 {
		t.Fatalf("malformed: %v of %s", p.Malformed, row)
	}
	var names []string
	for _, f := range p.MalformedFields {
		if text := f.Err.Error(); !strings.Contains(text, f.Name) || len(text) > 250 {
			t.Errorf("error %q", text)
		}
		names = append(names, fmt.Sprint(f.Name, " ", f.Count))
	}
	return p.Sessions[0], strings.Join(names, ", ")
}

// Fields whose meaning is clear are read, in whatever form they come.
func TestFieldsInAnotherFormAreRead(t *testing.T) {
	eight, end := 8, Time{time.Date(2026, 8, 1, 10, 5, 0, 250e6, time.UTC)}
	review := func(change func(*Review)) func(*Session) {
		return func(s *Session) {
			s.Review = &Review{}
			change(s.Review)
		}
	}
	for row, want := range map[string]func(*Session){
		aRow("exit_code", `"8"`):                          func(s *Session) { s.ExitCode = &eight },
		aRow("exit_code", `8.0`):                          func(s *Session) { s.ExitCode = &eight },
		aRow("exit_code", `"8.00"`):                       func(s *Session) { s.ExitCode = &eight },
		aRow("event_size", `1.5e6`):                       func(s *Session) { s.EventSize = 1_500_000 },
		aRow("event_size", `"1500000"`):                   func(s *Session) { s.EventSize = 1_500_000 },
		aRow("connection", `42`):                          func(s *Session) { s.Connection = "42" },
		aRow("connection", `null`, "exit_code", `"8"`):    func(s *Session) { s.Connection, s.ExitCode = "", &eight },
		aRow("connection", ``):                            func(s *Session) { s.Connection = "" },
		aRow("end_date", `"2026-08-01 10:05:00.25"`):      func(s *Session) { s.EndDate = end },
		aRow("end_date", `"2026-08-01T10:05:00.25"`):      func(s *Session) { s.EndDate = end },
		aRow("end_date", `"2026-08-01 12:05:00.25+02"`):   func(s *Session) { s.EndDate = end },
		aRow("end_date", `"2026-08-01T12:05:00.25+0200"`): func(s *Session) { s.EndDate = end },
		aRow("end_date", `"2026-08-01t10:05:00.25z"`):     func(s *Session) { s.EndDate = end },
		aRow("end_date", `"2026-08-01 10:05:00.25 UTC"`):  func(s *Session) { s.EndDate = end },
		aRow("end_date", `"2026-08-01 10:05:00.25 +0000 UTC"`): func(s *Session) {
			s.EndDate = end
		},
		aRow("connection_tags", `{"team":7,"on":true,"none":null,"a":"b"}`): func(s *Session) {
			s.ConnectionTags = map[string]string{"team": "7", "on": "true", "none": "", "a": "b"}
		},
		aRow("review", `{"access_duration":"1.8e12","status":"PENDING"}`): review(func(r *Review) {
			r.AccessDuration, r.Status = 30*time.Minute, ReviewPending
		}),
		aRow("review", `{"created_at":"2026-08-01 10:05:00.25","review_groups_data":null}`): review(func(r *Review) { r.CreatedAt = end }),
		aRow("review", `{"review_groups_data":[{"group":"sre","reviewed_by":"somebody","review_date":"2026-08-01 10:05:00.25"}],"time_window":"always"}`): review(func(r *Review) {
			r.Groups = []ReviewGroup{{Group: "sre", ReviewDate: end}}
		}),
		aRow("review", `{"review_groups_data":[{"group":"sre","forced_review":"true"},{"group":"dba","forced_review":1},{"group":"cab","forced_review":null}]}`): review(func(r *Review) {
			r.Groups = []ReviewGroup{{Group: "sre", Forced: true}, {Group: "dba", Forced: true}, {Group: "cab"}}
		}),
		aRow("script_size", `"8"`):        func(s *Session) { s.ScriptSize = 8 },
		aRow("script_size", `-2.0`):       func(s *Session) { s.ScriptSize = UnknownScriptSize },
		aRow("identity_type", `"user"`):   func(s *Session) { s.Identity = IdentityUser },
		aRow("identity_type", `"\u0075"`): func(s *Session) { s.Identity = "u" },
		aRow("identity_type", `7`):        func(s *Session) { s.Identity = "7" },
		aRow("metrics", `{"truncated":"TRUE","data_masking":{"info_types":{"A":"3","B":2.0,"C":null},"transformed_bytes":"1e2","err_count":null}}`): func(s *Session) {
			s.Metrics = Metrics{Truncated: true, Masking: &Masking{InfoTypes: map[string]int64{"A": 3, "B": 2}, TransformedBytes: 100}}
		},
		aRow("metrics", `{"truncated":1,"data_masking":{}}`):                             func(s *Session) { s.Metrics = Metrics{Truncated: true, Masking: &Masking{}} },
		aRow("metrics", `{"data_masking":null,"bitmaps":[1,{}]}`, "guardrails_info", ``): func(*Session) {},
		aRow("guardrails_info", `[]`, "ai_analysis", `null`):                             func(*Session) {},
		aRow("guardrails_info", `[{"rule_name":7,"direction":"input"},{"rule_name":"7","direction":"input","rule":[]},null]`): func(s *Session) {
			s.Guardrails = Guardrails{{"7", "input", 2}, {"", "", 1}}
		},
		aRow("ai_analysis", `{"risk_level":2,"action":"allow_execution","title":{}}`): func(s *Session) { s.AI = &AIAnalysis{RiskLevel: "2", Action: "allow_execution"} },
		// These are not used, so their form does not matter.
		aRow("user_name", `{"first":"a"}`, "user", `[]`, "labels", `"8"`): func(*Session) {},
		aRow("review", `{"time_window":7,"review_groups_data":[{"reviewed_by":"a","id":2}]}`): review(func(r *Review) {
			r.Groups = []ReviewGroup{{}}
		}),
	} {
		base, _ := decodeRow(t, aRow())
		want(&base)
		if got, unusable := decodeRow(t, row); unusable != "" || !reflect.DeepEqual(got, base) {
			t.Errorf("%s\ngot  %+v\nwant %+v\nnot used: %s", row, got, base, unusable)
		}
	}
	var p SessionPage
	if err := decodePage(strings.NewReader(`{"data":[`+aRow("start_date", `"2026-08-01 10:00:00.5"`)+`]}`), 0, &p); err != nil || len(p.Sessions) != 1 {
		t.Errorf("a start in another form: %v, %+v", err, p.Malformed)
	}
}

// A field that cannot be used is absent and counted. The row is there, with everything else.
func TestFieldsThatCannotBeUsedAreAbsent(t *testing.T) {
	long := `"` + strings.Repeat("x", 1025) + `"`
	groups := func(text string) string { return aRow("review", `{"review_groups_data":`+text+`}`) }
	for row, want := range map[string]string{
		aRow("exit_code", `"none"`):                                     "exit_code 1",
		aRow("exit_code", `1.5`):                                        "exit_code 1",
		aRow("exit_code", `true`):                                       "exit_code 1",
		aRow("exit_code", `"0x8"`):                                      "exit_code 1",
		aRow("event_size", `1e999`):                                     "event_size 1",
		aRow("event_size", `"Inf"`):                                     "event_size 1",
		aRow("event_size", `[8]`):                                       "event_size 1",
		aRow("end_date", `"yesterday"`):                                 "end_date 1",
		aRow("end_date", `1785578400`):                                  "end_date 1",
		aRow("end_date", `{}`):                                          "end_date 1",
		aRow("end_date", `"9999-12-31T23:59:59-01:00"`):                 "end_date 1",
		aRow("end_date", `"2026-08-01 10:05:00 CEST"`):                  "end_date 1",
		aRow("connection", `{}`):                                        "connection 1",
		aRow("connection", long):                                        "connection 1",
		aRow("org_id", `[]`):                                            "org_id 1",
		aRow("type", long):                                              "type 1",
		aRow("connection_subtype", long):                                "connection_subtype 1",
		aRow("verb", long, "status", long, "user_id", long):             "user_id 1, verb 1, status 1",
		aRow("connection_tags", `["a"]`):                                "connection_tags 1",
		aRow("connection_tags", `"a=b"`):                                "connection_tags 1",
		aRow("connection_tags", manyTags(1001)):                         "connection_tags 1",
		aRow("connection_tags", `{"a":{},"b":[],`+long+`:"","c":"d"}`):  "connection_tags 3",
		aRow("connection_tags", `{"team":`+long+`}`):                    "connection_tags 1",
		aRow("review", `"PENDING"`):                                     "review 1",
		aRow("review", `{"id":`+long+`,"status":{},"type":[]}`):         "review.id 1, review.type 1, review.status 1",
		aRow("review", `{"access_duration":"30m","revoke_at":"never"}`): "review.revoke_at 1, review.access_duration 1",
		aRow("review", `{"created_at":"?"}`):                            "review.created_at 1",
		groups(`{}`):                                                    "review.review_groups_data 1",
		groups(`[{}` + strings.Repeat(`,{}`, 1000) + `]`):               "review.review_groups_data 1",
		groups(`["sre",{"group":[]},{"group":{},"status":` + long + `,"review_date":7}]`): "review.review_groups_data 1, review.review_groups_data.group 2, " +
			"review.review_groups_data.status 1, review.review_groups_data.review_date 1",
		groups(`[{"forced_review":2},{"forced_review":[]}]`):                                                 "review.review_groups_data.forced_review 2",
		aRow("script_size", `"large"`, "identity_type", long):                                                "script_size 1, identity_type 1",
		aRow("identity_type", `{}`):                                                                          "identity_type 1",
		aRow("metrics", `[]`):                                                                                "metrics 1",
		aRow("metrics", `{"truncated":"a bit","data_masking":7}`):                                            "metrics.data_masking 1, metrics.truncated 1",
		aRow("metrics", `{"data_masking":{"info_types":[],"transformed_bytes":"x","err_count":{}}}`):         "metrics.data_masking.info_types 1, metrics.data_masking.transformed_bytes 1, metrics.data_masking.err_count 1",
		aRow("metrics", `{"data_masking":{"info_types":{"A":"x","B":1.5,"C":1e99,`+long+`:1}}}`):             "metrics.data_masking.info_types 4",
		aRow("metrics", `{"data_masking":{"info_types":`+strings.ReplaceAll(manyTags(1001), `""`, `1`)+`}}`): "metrics.data_masking.info_types 1",
		aRow("guardrails_info", `{}`):                                                                        "guardrails_info 1",
		aRow("guardrails_info", `"none"`):                                                                    "guardrails_info 1",
		aRow("guardrails_info", `["a",{"rule_name":[]},{"rule_name":`+long+`,"direction":{}}]`):              "guardrails_info 1, guardrails_info.rule_name 2, guardrails_info.direction 1",
		aRow("ai_analysis", `[]`):                                                                            "ai_analysis 1",
		aRow("ai_analysis", `{"risk_level":{},"action":`+long+`}`):                                           "ai_analysis.risk_level 1, ai_analysis.action 1",
	} {
		got, unusable := decodeRow(t, row)
		if unusable != want || got.ID != "s1" || got.StartDate.IsZero() {
			t.Errorf("%.100s: not used: %s, want %s; %+v", row, unusable, want, got)
		}
		if !strings.Contains(want, "connection 1") && got.Connection != "pg" || got.ExitCode != nil || got.EventSize != 0 || !got.EndDate.IsZero() || !got.fits() {
			t.Errorf("%.100s: got %+v", row, got)
		}
	}
}

// The page's own fields are read in another form, too. If one cannot be used, the page does not look like the last one, and the total is
// not exact.
func TestAPageInAnotherFormIsRead(t *testing.T) {
	for text, want := range map[string]string{
		`"total":1.0,"has_next_page":0,"total_is_capped":"false"`: "total 1, more false, capped false",
		`"total":"57","has_next_page":1`:                          "total 57, more true, capped false",
		`"total":1e2,"has_next_page":"True"`:                      "total 100, more true, capped false",
		`"has_next_page":"yes"`:                                   "more true, capped false, not used: has_next_page",
		`"has_next_page":{}`:                                      "more true, capped false, not used: has_next_page",
		`"has_next_page":2,"total":"many"`:                        "more true, capped false, not used: has_next_page, total",
		`"total":[1],"total_is_capped":{}`:                        "more false, capped true, not used: total_is_capped, total",
		`"total":1e999`:                                           "more false, capped false, not used: total",
		`"total":-1,"has_next_page":null`:                         "more false, capped false",
	} {
		var p SessionPage
		if err := decodePage(iotest.OneByteReader(strings.NewReader(`{`+text+`,"data":[`+aRow()+`]}`)), 0, &p); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got, unusable []string
		if p.Total != nil {
			got = append(got, fmt.Sprint("total ", *p.Total))
		}
		got = append(got, fmt.Sprint("more ", p.HasNextPage), fmt.Sprint("capped ", p.TotalIsCapped))
		for _, f := range p.MalformedFields {
			unusable = append(unusable, f.Name)
		}
		if unusable != nil {
			got = append(got, "not used: "+strings.Join(unusable, ", "))
		}
		if s := strings.Join(got, ", "); s != want || len(p.Sessions) != 1 {
			t.Errorf("%s: %s, want %s", text, s, want)
		}
	}
	var p SessionPage
	if err := decodePage(strings.NewReader(`{"data":[],"has_next_page":"yes"}`), 0, &p); err != nil || !p.HasNextPage {
		t.Errorf("the page looks like the last one: %v, %+v", err, p)
	}
}
