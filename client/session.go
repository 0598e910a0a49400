package client

import (
	"bytes"
	"fmt"
	"time"
)

// Time is a timestamp of the API: RFC 3339, UTC, microseconds for sessions and milliseconds for reviews.
// The zero Time stands for null, which the API uses for "has not happened".
type Time struct{ time.Time }

// UnmarshalJSON reads null and "" as the zero Time. The API document uses "" in its own example of an absent time.
func (t *Time) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) || bytes.Equal(b, []byte(`""`)) {
		*t = Time{}
		return nil
	}
	var v time.Time
	if err := v.UnmarshalJSON(b); err != nil {
		return err
	}
	v = v.UTC()
	if y := v.Year(); y < 1 || y > 9999 {
		// The zone's offset can move a valid year to one that RFC 3339 cannot write.
		return fmt.Errorf("a timestamp is in year %d, outside 1 to 9999", y)
	}
	t.Time = v
	return nil
}

// MarshalJSON writes null for the zero Time.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.Time.MarshalJSON()
}

// Words of the API that the exporter knows. The API may send other words at any time; they are kept unchanged.
const (
	// StatusReady is an approved session that waits to be run. Old gateways also show it while the session runs.
	StatusReady = "ready"
	// StatusOpen is a session that runs or waits for its review.
	StatusOpen = "open"
	// StatusDone is a session that ended, or whose client gave up waiting.
	StatusDone = "done"

	// ReviewPending is a review that waits for a decision.
	ReviewPending = "PENDING"
	// ReviewApproved is an approved review: the session may run.
	ReviewApproved = "APPROVED"
	// ReviewRejected is a rejected review: the session will not run.
	ReviewRejected = "REJECTED"
	// ReviewRevoked is a review whose approval was revoked.
	ReviewRevoked = "REVOKED"
	// ReviewExpired is a review whose deadline has passed. Gateways after 1.148 report it; it can follow PENDING and APPROVED.
	ReviewExpired = "EXPIRED"
	// ReviewProcessing is a one-time review whose session runs.
	ReviewProcessing = "PROCESSING"
	// ReviewExecuted is a one-time review whose session has ended.
	ReviewExecuted = "EXECUTED"
	// ReviewUnknown is what the gateway sends if it does not know the status itself.
	ReviewUnknown = "UNKNOWN"

	// ReviewOneTime is a review that approves a single run.
	ReviewOneTime = "onetime"
	// ReviewJIT is a review that approves access for a limited time.
	ReviewJIT = "jit"

	// VerbConnect is an interactive session: a shell or a forwarded port.
	VerbConnect = "connect"
	// VerbExec is a single execution of a script or command.
	VerbExec = "exec"

	// IdentityUser is a session of a person.
	IdentityUser = "user"
	// IdentityMachine is a session of a machine.
	IdentityMachine = "machine"
)

// Session is one access to a connection: a row of GET /sessions. Every Session of a [SessionPage] has an ID and a StartDate. Any other
// field is its zero value if the API sends null, nothing, or something that cannot be used; see [SessionPage.MalformedFields]. Fields that
// the exporter does not use are not read.
type Session struct {
	// ID is unique and never reused. A UUID is in lower case.
	ID string `json:"id"`
	// OrgID is the organization that the credential belongs to.
	OrgID string `json:"org_id"`
	// UserID is the user's subject identifier, which [Filters].User matches.
	UserID string `json:"user_id"`
	// Type is the connection's type, such as database.
	Type string `json:"type"`
	// ConnectionSubtype is the connection's subtype, such as postgres.
	ConnectionSubtype string `json:"connection_subtype"`
	// Connection is the connection's name.
	Connection string `json:"connection"`
	// ConnectionTags are the connection's tags; nil if the API sends null.
	ConnectionTags map[string]string `json:"connection_tags"`
	// Review is nil if the session did not request a review.
	Review *Review `json:"review"`
	// Verb is how the client uses the connection: connect or exec.
	Verb string `json:"verb"`
	// Status is ready, open or done. A session whose review is pending is open.
	Status string `json:"status"`
	// ExitCode is the exit status of the process; nil if it is unknown. 254 means that the gateway or the client ended the session.
	ExitCode *int `json:"exit_code"`
	// EventSize is the size of the recorded stream in bytes. It is 0 until the session is done, and if the size is unknown.
	EventSize int64 `json:"event_size"`
	// ScriptSize is the size of the input in bytes. It is [UnknownScriptSize] if the size is unknown, and 0 if there is no input.
	ScriptSize int64 `json:"script_size"`
	// Metrics are what the gateway measured. On old gateways they are empty until the session is done.
	Metrics Metrics `json:"metrics"`
	// Guardrails are the rules that matched; nil if none did. Old gateways do not send them.
	Guardrails Guardrails `json:"guardrails_info"`
	// AI is the analysis of the input; nil if there was none. Old gateways do not send it.
	AI *AIAnalysis `json:"ai_analysis"`
	// Identity is user or machine. Old gateways do not send it.
	Identity Identity `json:"identity_type"`
	// StartDate is when the session was requested, before any wait for an approval. It never changes.
	StartDate Time `json:"start_date"`
	// EndDate is when the session ended. It is zero while the session runs, and for most sessions that never ran.
	EndDate Time `json:"end_date"`
}

// Review is the approval that a session needs.
type Review struct {
	// ID identifies the review. A UUID is in lower case.
	ID string `json:"id"`
	// Type is onetime or jit.
	Type string `json:"type"`
	// AccessDuration is how long a jit approval allows access. The API sends nanoseconds.
	AccessDuration time.Duration `json:"access_duration"`
	// Status is PENDING, APPROVED, REJECTED, REVOKED, EXPIRED, PROCESSING, EXECUTED or UNKNOWN.
	Status string `json:"status"`
	// RevokeAt is when access expires. The gateway sets it at every approval: the time of the approval plus AccessDuration.
	RevokeAt Time `json:"revoke_at"`
	// CreatedAt is when the review was requested.
	CreatedAt Time `json:"created_at"`
	// Groups are the groups that have to decide.
	Groups []ReviewGroup `json:"review_groups_data"`
}

// ReviewGroup is the decision of one group in a review.
type ReviewGroup struct {
	// Group is the group's name.
	Group string `json:"group"`
	// Status is PENDING, APPROVED, REJECTED or REVOKED. It can stay PENDING after the review has been decided.
	Status string `json:"status"`
	// ReviewDate is when this group decided; zero before the decision.
	ReviewDate Time `json:"review_date"`
	// Forced is true if this group's approval was enough without the others: an emergency approval.
	Forced bool `json:"forced_review"`
}

// UserInfo is the answer of GET /userinfo: the user that the credential belongs to.
type UserInfo struct {
	// ID is the subject identifier.
	ID string `json:"id"`
	// Role is admin, auditor, standard or another word. See [UserInfo.SeesAllSessions].
	Role string `json:"role"`
	// OrgID identifies the organization. A credential sees exactly one. A UUID is in lower case.
	OrgID string `json:"org_id"`
	// OrgName is the organization's name.
	OrgName string `json:"org_name"`
}

// SeesAllSessions reports whether the gateway shows every session of the organization to this role.
// Other roles get fewer rows, and no error.
func (u UserInfo) SeesAllSessions() bool { return u.Role == "admin" || u.Role == "auditor" }
