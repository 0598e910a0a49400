package gatewaytest

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Row is one session with every field that a gateway of either dialect sends. It is for sessions made by hand ([Gateway.Add],
// [Gateway.Update]) and for reading them; the store keeps rows in a smaller form.
type Row struct {
	// ID is any text. The default is a new UUID.
	ID string `json:"id"`
	// OrgID is the organization. The default is the gateway's.
	OrgID string `json:"org_id"`
	// Script is the input in a list; gateways send null there. The answer of /sessions/{id} has the real input.
	Script json.RawMessage `json:"script"`
	// ScriptSize is in bytes; -2 is unknown.
	ScriptSize int64 `json:"script_size"`
	// Labels, IntegrationsMetadata, Metadata and Metrics are any JSON; nil is null.
	Labels               json.RawMessage `json:"labels"`
	IntegrationsMetadata json.RawMessage `json:"integrations_metadata"`
	Metadata             json.RawMessage `json:"metadata"`
	Metrics              json.RawMessage `json:"metrics"`
	// User is the e-mail, UserID the subject identifier that the filter `user` matches. If all three are empty, the session has a
	// default user.
	User     string `json:"user"`
	UserID   string `json:"user_id"`
	UserName string `json:"user_name"`
	// Type, ConnectionSubtype and Connection describe the connection.
	Type              string `json:"type"`
	ConnectionSubtype string `json:"connection_subtype"`
	Connection        string `json:"connection"`
	// ResourceName and RoleName are sent by new gateways only. The default of RoleName is the connection's name.
	ResourceName string `json:"resource_name"`
	RoleName     string `json:"role_name"`
	// ConnectionTags are the tags; nil is null.
	ConnectionTags map[string]string `json:"connection_tags"`
	// Review is nil if none was requested.
	Review *Review `json:"review"`
	// Verb is connect or exec. The default is exec.
	Verb string `json:"verb"`
	// Status is open, ready or done. The default is open.
	Status string `json:"status"`
	// ExitCode is an int16 in the gateway; nil is null.
	ExitCode *int `json:"exit_code"`
	// EventSize is in bytes.
	EventSize int64 `json:"event_size"`
	// CorrelationID is left out of the JSON if it is empty. Old gateways never send it.
	CorrelationID string `json:"correlation_id"`
	// StartDate is also created_at, by which the gateway filters and sorts. The default is now.
	StartDate time.Time `json:"start_date"`
	// EndDate is when the session ended; zero is null.
	EndDate time.Time `json:"end_date"`
	// AIAnalysis, GuardrailsInfo and IdentityType are sent by new gateways only. The default of IdentityType is user.
	AIAnalysis     json.RawMessage `json:"ai_analysis"`
	GuardrailsInfo json.RawMessage `json:"guardrails_info"`
	IdentityType   string          `json:"identity_type"`

	// VisibleAt is when the row becomes visible in answers. The default is now, so a row with an older StartDate is late. Set it to
	// StartDate for a row that is not.
	VisibleAt time.Time `json:"-"`
}

// Review is the approval that a session needs.
type Review struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// AccessDuration is in nanoseconds on the wire.
	AccessDuration time.Duration `json:"access_duration"`
	Status         string        `json:"status"`
	// RevokeAt is when access expires; zero is null.
	RevokeAt  time.Time `json:"revoke_at"`
	CreatedAt time.Time `json:"created_at"`
	// Groups are the groups that have to decide.
	Groups     []Group         `json:"review_groups_data"`
	TimeWindow json.RawMessage `json:"time_window"`
	// The next three are sent by new gateways only; nil is null.
	AccessRequestRuleName json.RawMessage `json:"access_request_rule_name"`
	MinApprovals          json.RawMessage `json:"min_approvals"`
	ForceApprovalGroups   json.RawMessage `json:"force_approval_groups"`

	stored string // the status that the filter matches, if it is another
}

// Group is the decision of one group in a review.
type Group struct {
	ID     string `json:"id"`
	Group  string `json:"group"`
	Status string `json:"status"`
	// ReviewedBy is the person who decided; nil is null.
	ReviewedBy *Owner `json:"reviewed_by"`
	// ReviewDate is when the group decided; zero is null.
	ReviewDate   time.Time `json:"review_date"`
	ForcedReview bool      `json:"forced_review"`
}

// Owner is a person who decided.
type Owner struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Email   string `json:"email"`
	SlackID string `json:"slack_id"`
}

// clone returns a copy, so that a caller cannot change the review in the store.
func (v *Review) clone() *Review {
	if v == nil {
		return nil
	}
	c := *v
	c.Groups = slices.Clone(v.Groups)
	return &c
}

// rowOf returns a stored row as a [Row].
func (g *Gateway) rowOf(r *row) Row {
	c, u := g.conns.at(r.conn), g.users.at(r.user)
	out := Row{
		ID: r.idString(), OrgID: g.cfg.OrgID, ScriptSize: int64(r.script), Metadata: g.blobs.raw(r.meta),
		User: u.email, UserID: u.id, UserName: u.name,
		Type: c.kind, ConnectionSubtype: c.subtype, Connection: c.name, ResourceName: c.resource, RoleName: c.role,
		ConnectionTags: maps.Clone(c.tags), Verb: g.words.at(uint32(r.verb)), Status: g.words.at(uint32(r.status)),
		EventSize: r.size, StartDate: timeOf(r.start), EndDate: timeOf(r.end), IdentityType: identityUser, VisibleAt: timeOf(r.visible),
	}
	if r.exit != noExit {
		code := int(r.exit)
		out.ExitCode = &code
	}
	if r.is(hasMetrics) {
		out.Metrics = appendMetrics(nil, r.size)
	}
	if r.is(simulated) {
		p := g.protectionOf(r, g.statusOf(r), g.now, false)
		out.Metrics, out.IdentityType = g.metrics(r, p), p.identity
		if p.matches != nil {
			out.GuardrailsInfo = p.appendGuardrails(nil)
		}
		if p.ai != nil {
			out.AIAnalysis = p.appendAI(nil)
		}
	}
	if m := r.extra; m != nil {
		out.Review = m.review.clone()
		if o := m.handmade; o != nil {
			out.OrgID, out.Script, out.Labels, out.IntegrationsMetadata = o.orgID, o.script, o.labels, o.integrations
			out.CorrelationID, out.AIAnalysis, out.GuardrailsInfo, out.IdentityType = o.correlation, o.ai, o.guardrails, o.identity
			if o.metrics != nil {
				out.Metrics = o.metrics
			}
		}
	}
	return out
}

// metrics returns the metrics of a simulated row; nil is null.
func (g *Gateway) metrics(r *row, p protection) json.RawMessage {
	if !r.is(hasMetrics) && p.masking == nil {
		return nil
	}
	return p.appendMetrics(nil, r.size)
}

// set sets the stored row to in, except for the id, the start and the visibility.
func (g *Gateway) set(r *row, in Row) {
	r.size, r.end, r.script = in.EventSize, microsOf(in.EndDate), int32(in.ScriptSize)
	r.conn = g.conns.intern(connKey{in.Connection, in.Type, in.ConnectionSubtype, in.ResourceName, in.RoleName, tagsJSON(in.ConnectionTags)})
	r.user = g.users.intern(userKey{in.User, in.UserID, in.UserName})
	r.meta = g.blobs.intern(string(orNil(in.Metadata)))
	r.verb, r.status = uint16(g.words.intern(in.Verb)), uint16(g.words.intern(in.Status))
	r.exit = noExit
	if in.ExitCode != nil {
		r.exit = int16(*in.ExitCode)
	}
	handmade := handmade{
		orgID: in.OrgID, script: orNil(in.Script), labels: orNil(in.Labels), integrations: orNil(in.IntegrationsMetadata),
		metrics: orNil(in.Metrics), correlation: in.CorrelationID, ai: orNil(in.AIAnalysis), guardrails: orNil(in.GuardrailsInfo),
		identity: in.IdentityType,
	}
	usual := string(handmade.metrics) == string(appendMetrics(nil, r.size))
	r.mark(hasMetrics, usual)
	r.mark(simulated, false)
	if usual {
		handmade.metrics = nil
	}
	if in.Review != nil || r.extra != nil || !handmade.isDefault(g.cfg.OrgID) {
		m := r.ensureExtra()
		m.review = in.Review.clone()
		m.handmade = nil
		if !handmade.isDefault(g.cfg.OrgID) {
			m.handmade = &handmade
		}
	}
}

// orNil returns nil for the JSON word null.
func orNil(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}
