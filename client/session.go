package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Time is a timestamp of the API: RFC 3339, UTC, microseconds for sessions and milliseconds for reviews.
// The zero Time stands for null, which the API uses for "has not happened".
type Time struct{ time.Time }

// UnmarshalJSON accepts null and "" (the API document's own example of an absent time) as the zero Time.
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
		// An offset can push a year that parses to one that cannot be written again.
		return fmt.Errorf("year %d of a timestamp is outside 1 to 9999", y)
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

// Words of the API that the exporter reasons about. Others may appear at any time and are kept as they come.
const (
	// StatusReady is an approved session that waits to be run; old gateways leave it there while it runs.
	StatusReady = "ready"
	// StatusOpen is a session that runs, or that waits for its review.
	StatusOpen = "open"
	// StatusDone is a session that ended or was given up.
	StatusDone = "done"

	// ReviewPending waits for a decision.
	ReviewPending = "PENDING"
	// ReviewApproved is decided: the session may run.
	ReviewApproved = "APPROVED"
	// ReviewRejected is decided: the session will not run.
	ReviewRejected = "REJECTED"
	// ReviewRevoked was approved, and taken back.
	ReviewRevoked = "REVOKED"
	// ReviewProcessing is a one-time review whose session runs.
	ReviewProcessing = "PROCESSING"
	// ReviewExecuted is a one-time review whose session has run.
	ReviewExecuted = "EXECUTED"
	// ReviewUnknown is the gateway's own "unable to know".
	ReviewUnknown = "UNKNOWN"

	// ReviewOneTime approves a single run.
	ReviewOneTime = "onetime"
	// ReviewJIT approves access for a while.
	ReviewJIT = "jit"

	// VerbConnect is interactive: a shell, a forwarded port.
	VerbConnect = "connect"
	// VerbExec is an ad-hoc execution.
	VerbExec = "exec"
)

// Session is one access to a connection: a row of GET /sessions.
type Session struct {
	// ID is unique for ever.
	ID string `json:"id"`
	// OrgID is the organisation that the credential belongs to.
	OrgID string `json:"org_id"`
	// ScriptSize is the input's size in bytes; -2 has been seen where it is not known.
	ScriptSize int64 `json:"script_size"`
	// User is the user's e-mail.
	User string `json:"user"`
	// UserID is the user's subject identifier; the filter `user` matches this one.
	UserID string `json:"user_id"`
	// UserName is the user's display name.
	UserName string `json:"user_name"`
	// Type is the connection's type, such as database.
	Type string `json:"type"`
	// ConnectionSubtype is the connection's subtype, such as postgres.
	ConnectionSubtype string `json:"connection_subtype"`
	// Connection is the connection's name.
	Connection string `json:"connection"`
	// ConnectionTags are the connection's tags; nil where the API says null.
	ConnectionTags map[string]string `json:"connection_tags"`
	// Review is nil where the session never asked for one.
	Review *Review `json:"review"`
	// Verb tells how the client uses the connection: connect or exec.
	Verb string `json:"verb"`
	// Status is ready, open or done. A session whose review is pending is open.
	Status string `json:"status"`
	// ExitCode is the process's exit status; nil where nobody knows. 254 means ended by gateway or client.
	ExitCode *int `json:"exit_code"`
	// EventSize is the size of the recorded stream in bytes; 0 until the session is done, and where it is not known.
	EventSize int64 `json:"event_size"`
	// StartDate is when the session was asked for (the wait for an approval comes after it). It never moves.
	StartDate Time `json:"start_date"`
	// EndDate is when it ended; zero while it runs, and for many that never ran.
	EndDate Time `json:"end_date"`

	// Details are the fields without bound. They are nil unless asked for with [ListOptions.Details].
	Details *SessionDetails `json:"-"`
}

// SessionDetails are a session's fields that have no bound in size or shape. Each is the JSON as it came, nil where absent.
type SessionDetails struct {
	// Script is the input, `{"data": "..."}`; set for the verb exec only.
	Script json.RawMessage `json:"script"`
	// Labels are deprecated in favour of Metrics and Metadata.
	Labels json.RawMessage `json:"labels"`
	// IntegrationsMetadata holds attributes of third-party services.
	IntegrationsMetadata json.RawMessage `json:"integrations_metadata"`
	// Metadata is free-form.
	Metadata json.RawMessage `json:"metadata"`
	// Metrics holds numbers that the gateway computed, such as event_size in bytes before any parsing.
	Metrics json.RawMessage `json:"metrics"`
	// EventStream is the recorded output: [relative time in ms, i|o|e, base64].
	EventStream json.RawMessage `json:"event_stream"`
}

// Review is the approval that a session had to ask for.
type Review struct {
	// ID identifies the review.
	ID string `json:"id"`
	// Type is onetime or jit.
	Type string `json:"type"`
	// AccessDuration is for how long a jit approval allows access. The API gives it in nanoseconds.
	AccessDuration time.Duration `json:"access_duration"`
	// Status is PENDING, APPROVED, REJECTED, REVOKED, PROCESSING, EXECUTED or UNKNOWN.
	Status string `json:"status"`
	// RevokeAt is when access expires. The gateway sets it at every approval, to then + AccessDuration.
	RevokeAt Time `json:"revoke_at"`
	// CreatedAt is when the review was asked for.
	CreatedAt Time `json:"created_at"`
	// Groups are those who have to decide.
	Groups []ReviewGroup `json:"review_groups_data"`
	// TimeWindow limits when an approved session may run; nil where there is no limit.
	TimeWindow *TimeWindow `json:"time_window"`
}

// ReviewGroup is one group's say in a review.
type ReviewGroup struct {
	// ID identifies the group's entry.
	ID string `json:"id"`
	// Group is the group's name.
	Group string `json:"group"`
	// Status is PENDING, APPROVED, REJECTED or REVOKED. It can still be PENDING when the review is not.
	Status string `json:"status"`
	// ReviewedBy is who decided; nil while nobody has.
	ReviewedBy *ReviewOwner `json:"reviewed_by"`
	// ReviewDate is when this group decided; zero while it has not.
	ReviewDate Time `json:"review_date"`
	// ForcedReview tells that this group decided for all.
	ForcedReview bool `json:"forced_review"`
}

// ReviewOwner is a person who decided.
type ReviewOwner struct {
	// ID is the subject identifier.
	ID string `json:"id"`
	// Name is the display name.
	Name string `json:"name"`
	// Email is the e-mail address.
	Email string `json:"email"`
	// SlackID is the Slack member ID, empty where unknown.
	SlackID string `json:"slack_id"`
}

// TimeWindow limits when an approved session may run.
type TimeWindow struct {
	// Type is time_range.
	Type string `json:"type"`
	// Configuration of a time_range has start_time and end_time as HH:MM.
	Configuration map[string]string `json:"configuration"`
}

// UserInfo is the answer of GET /userinfo: who the credential is.
type UserInfo struct {
	// ID is the subject identifier.
	ID string `json:"id"`
	// Role is admin, auditor, standard, ...: only admin and auditor see all sessions.
	Role string `json:"role"`
	// Groups are the user's groups.
	Groups []string `json:"groups"`
	// OrgID identifies the organisation: a credential sees one.
	OrgID string `json:"org_id"`
	// OrgName is the organisation's name.
	OrgName string `json:"org_name"`
}

// SeesAllSessions tells whether the role is one that the gateway shows every session of the organisation.
// Any other role gets fewer rows, without a word.
func (u UserInfo) SeesAllSessions() bool { return u.Role == "admin" || u.Role == "auditor" }
