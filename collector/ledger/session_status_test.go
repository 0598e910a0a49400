package ledger

import (
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

func TestTheStateOfASession(t *testing.T) {
	jit := func(status string, revokeAt client.Time) *client.Review {
		return &client.Review{Type: client.ReviewJIT, Status: status, RevokeAt: revokeAt}
	}
	onetime := func(status string) *client.Review { return &client.Review{Type: client.ReviewOneTime, Status: status} }
	for _, tc := range []struct {
		name   string
		status string
		review *client.Review
		want   State
	}{
		{"open without a review runs", "open", nil, Running},
		{"done is finished", "done", nil, Finished},
		{"ready without a review is ready", "ready", nil, Ready},
		{"a new word is unknown", "paused", nil, Unknown},
		{"no word is unknown", "", nil, Unknown},
		{"rejected is finished though it is open", "open", onetime("REJECTED"), Finished},
		{"revoked is finished though it is ready", "ready", jit("REVOKED", at(time.Hour)), Finished},
		{"pending is pending though it is open", "open", onetime("PENDING"), Pending},
		{"a request given up is pending though it is done", "done", onetime("PENDING"), Pending},
		{"approved and open runs", "open", onetime("APPROVED"), Running},
		{"old gateways leave a running one ready", "ready", onetime("PROCESSING"), Running},
		{"done is finished though its review is processing", "done", onetime("PROCESSING"), Finished},
		{"approved and ready is ready", "ready", onetime("APPROVED"), Ready},
		{"access for a while is ready while it lasts", "ready", jit("APPROVED", at(time.Second)), Ready},
		{"access for a while expires on the instant", "ready", jit("APPROVED", at(0)), Expired},
		{"access without an end does not expire", "ready", jit("APPROVED", client.Time{}), Ready},
		{"one-time access does not expire", "ready", &client.Review{Type: "onetime", Status: "APPROVED", RevokeAt: at(-time.Hour)}, Ready},
		{"UNKNOWN is a word of old gateways and says nothing", "open", onetime("UNKNOWN"), Running},
		{"expired is finished though it is open", "open", onetime("EXPIRED"), Finished},
		{"expired is finished though it is ready", "ready", jit("EXPIRED", at(time.Hour)), Finished},
		{"a new word of a review is unknown, not running", "open", onetime("ESCALATED"), Unknown},
		{"nor ready", "ready", jit("ESCALATED", client.Time{}), Unknown},
		{"nor expired", "ready", jit("ESCALATED", at(0)), Unknown},
		{"nor is no word of a review", "open", onetime(""), Unknown},
		{"done is finished whatever the word of its review", "done", onetime("ESCALATED"), Finished},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := statusOf(&client.Session{Status: tc.status, Review: tc.review})
			if got := f.state(noon()); got != tc.want {
				t.Errorf("state %d, want %d", got, tc.want)
			}
		})
	}
}

func TestTheOutcomeOfASession(t *testing.T) {
	for _, tc := range []struct {
		name, verb string
		exit       *int
		review     string
		want       string
	}{
		{"exit 0", "exec", code(0), "", "success"},
		{"exit 1", "exec", code(1), "", "failure"},
		{"negative", "exec", code(-1), "", "failure"},
		{"an interactive session ends with 254", "connect", code(254), "", "disconnected"},
		{"254 of an execution is a block, a kill or a lost agent", "exec", code(254), "", "aborted"},
		{"254 of an unknown verb too", "stream", code(254), "", "aborted"},
		{"nobody knows", "exec", nil, "", "unknown"},
		{"rejected whatever the code", "exec", code(0), "REJECTED", "rejected"},
		{"revoked whatever the code", "connect", code(254), "REVOKED", "revoked"},
		{"expired whatever the code", "exec", code(0), "EXPIRED", "expired"},
		{"executed goes by the code", "exec", code(2), "EXECUTED", "failure"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := client.Session{Status: "done", Verb: tc.verb, ExitCode: tc.exit}
			if tc.review != "" {
				s.Review = &client.Review{Status: tc.review}
			}
			f := statusOf(&s)
			if got := f.outcome(); got != tc.want {
				t.Errorf("outcome %s, want %s", got, tc.want)
			}
		})
	}
}

func TestTheDecisionOfAReview(t *testing.T) {
	group := func(status string, d time.Duration) client.ReviewGroup {
		return client.ReviewGroup{Group: "sre", Status: status, ReviewDate: at(d)}
	}
	for _, tc := range []struct {
		name   string
		review client.Review
		want   time.Duration // after noon; -1: none
	}{
		{"the end of access less its duration", client.Review{Status: "APPROVED", RevokeAt: at(time.Hour), AccessDuration: 50 * time.Minute}, 10 * time.Minute},
		{"a one-time approval has no duration", client.Review{Status: "EXECUTED", RevokeAt: at(time.Minute)}, time.Minute},
		{"which goes before the groups' dates", client.Review{Status: "APPROVED", RevokeAt: at(time.Minute), Groups: []client.ReviewGroup{group("APPROVED", time.Hour)}}, time.Minute},
		{"but not where it was rejected", client.Review{Status: "REJECTED", RevokeAt: at(time.Minute), Groups: []client.ReviewGroup{group("REJECTED", time.Hour)}}, time.Hour},
		{"the first rejection decides", client.Review{Status: "REJECTED", Groups: []client.ReviewGroup{group("REJECTED", 2*time.Hour), group("REJECTED", time.Hour), group("APPROVED", time.Minute)}}, time.Hour},
		{"the last approval decides", client.Review{Status: "APPROVED", Groups: []client.ReviewGroup{group("APPROVED", time.Hour), group("APPROVED", 2*time.Hour), {Group: "dba", Status: "PENDING"}}}, 2 * time.Hour},
		{"pending is not decided though one group approved", client.Review{Status: "PENDING", Groups: []client.ReviewGroup{group("APPROVED", time.Hour)}}, -1},
		{"expired while it waited", client.Review{Status: "EXPIRED", Groups: []client.ReviewGroup{group("APPROVED", time.Hour), {Group: "dba", Status: "PENDING"}}}, -1},
		{"a new word while groups decide", client.Review{Status: "ESCALATED", Groups: []client.ReviewGroup{group("APPROVED", time.Hour), {Group: "dba", Status: "PENDING"}}}, -1},
		{"expired after its approval", client.Review{Status: "EXPIRED", RevokeAt: at(time.Hour), AccessDuration: 50 * time.Minute, Groups: []client.ReviewGroup{{Group: "dba", Status: "PENDING"}}}, 10 * time.Minute},
		{"expired after all groups approved", client.Review{Status: "EXPIRED", Groups: []client.ReviewGroup{group("APPROVED", time.Hour), group("APPROVED", 2*time.Hour)}}, 2 * time.Hour},
		{"no date tells", client.Review{Status: "PROCESSING", Groups: []client.ReviewGroup{{Group: "sre", Status: "APPROVED"}}}, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := noon().Add(tc.want)
			if tc.want < 0 {
				want = time.Time{}
			}
			if got := decisionTime(&tc.review); !got.Equal(want) {
				t.Errorf("decided at %v, want %v", got, want)
			}
		})
	}
}

func TestWhenAReviewIsFinal(t *testing.T) {
	done := noon().Add(-30 * time.Second) // when the session was first seen finished
	for _, tc := range []struct {
		name   string
		status string
		end    client.Time
		review client.Review
		want   bool
	}{
		{"pending never rests", "done", at(-time.Hour), client.Review{Status: "PENDING"}, false},
		{"rejected rests", "open", client.Time{}, client.Review{Status: "REJECTED"}, true},
		{"expired rests", "open", client.Time{}, client.Review{Status: "EXPIRED"}, true},
		{"a new word rests with its session", "done", at(-time.Second), client.Review{Status: "ESCALATED"}, true},
		{"and not before", "open", client.Time{}, client.Review{Status: "ESCALATED"}, false},
		{"executed rests", "done", client.Time{}, client.Review{Status: "EXECUTED"}, true},
		{"approved for a while rests when that has passed", "open", client.Time{}, client.Review{Type: "jit", Status: "APPROVED", RevokeAt: at(0)}, true},
		{"and not before, though the session is done", "done", at(-time.Hour), client.Review{Type: "jit", Status: "APPROVED", RevokeAt: at(time.Second)}, false},
		{"approved once rests with its session", "done", at(-time.Second), client.Review{Type: "onetime", Status: "APPROVED"}, true},
		{"and not before", "ready", client.Time{}, client.Review{Type: "onetime", Status: "APPROVED"}, false},
		{"processing gets a minute", "done", at(-59 * time.Second), client.Review{Status: "PROCESSING"}, false},
		{"and rests then", "done", at(-60 * time.Second), client.Review{Status: "PROCESSING"}, true},
		{"a minute from when it was seen done where no end is told", "done", client.Time{}, client.Review{Status: "PROCESSING"}, false},
		{"an end in the future is not waited for", "done", at(time.Hour), client.Review{Status: "UNKNOWN"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := statusOf(&client.Session{Status: tc.status, EndDate: tc.end, Review: &tc.review})
			if got := f.reviewFinal(noon(), done); got != tc.want {
				t.Errorf("at rest: %v, want %v", got, tc.want)
			}
		})
	}
}
