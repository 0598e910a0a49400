package gatewaytest

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Row is one session with every field that a gateway of either dialect sends, as it goes over the wire.
// It is for hand-made sessions ([Gateway.Add], [Gateway.Update]); the store keeps rows smaller.
type Row struct {
	// ID is any text; left empty, the gateway makes a UUID.
	ID string `json:"id"`
	// OrgID left empty is the gateway's.
	OrgID string `json:"org_id"`
	// Script is the input as the list shows it: null. What was typed is in the answer of /sessions/{id}.
	Script json.RawMessage `json:"script"`
	// ScriptSize is in bytes, -2 where unknown.
	ScriptSize int64 `json:"script_size"`
	// Labels, IntegrationsMetadata, Metadata and Metrics are free JSON; nil is null.
	Labels               json.RawMessage `json:"labels"`
	IntegrationsMetadata json.RawMessage `json:"integrations_metadata"`
	Metadata             json.RawMessage `json:"metadata"`
	Metrics              json.RawMessage `json:"metrics"`
	// User is the e-mail, UserID the subject that the filter `user` matches. All three empty: some user.
	User     string `json:"user"`
	UserID   string `json:"user_id"`
	UserName string `json:"user_name"`
	// Type, ConnectionSubtype and Connection are hoop's own words.
	Type              string `json:"type"`
	ConnectionSubtype string `json:"connection_subtype"`
	Connection        string `json:"connection"`
	// ResourceName and RoleName are sent by new gateways only; an empty RoleName becomes the connection's name.
	ResourceName string `json:"resource_name"`
	RoleName     string `json:"role_name"`
	// ConnectionTags nil is null.
	ConnectionTags map[string]string `json:"connection_tags"`
	// Review nil is null: none was asked for.
	Review *Review `json:"review"`
	// Verb left empty is exec.
	Verb string `json:"verb"`
	// Status left empty is open.
	Status string `json:"status"`
	// ExitCode nil is null. It is an int16 to the gateway.
	ExitCode *int `json:"exit_code"`
	// EventSize is in bytes.
	EventSize int64 `json:"event_size"`
	// CorrelationID is left out of the JSON where empty, as new gateways do; old ones never send it.
	CorrelationID string `json:"correlation_id"`
	// StartDate is also created_at, by which the gateway filters and sorts. Zero is now.
	StartDate time.Time `json:"start_date"`
	// EndDate zero is null.
	EndDate time.Time `json:"end_date"`
	// AIAnalysis, GuardrailsInfo and IdentityType are sent by new gateways only; an empty IdentityType becomes user.
	AIAnalysis     json.RawMessage `json:"ai_analysis"`
	GuardrailsInfo json.RawMessage `json:"guardrails_info"`
	IdentityType   string          `json:"identity_type"`

	// VisibleAt is when the row shows up in answers. Zero is now, so that a row with an older StartDate is one that
	// came late: set it to StartDate for one that has been there all along.
	VisibleAt time.Time `json:"-"`
}

// Review is the approval that a session had to ask for.
type Review struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// AccessDuration is in nanoseconds on the wire.
	AccessDuration time.Duration `json:"access_duration"`
	Status         string        `json:"status"`
	// RevokeAt zero is null.
	RevokeAt  time.Time `json:"revoke_at"`
	CreatedAt time.Time `json:"created_at"`
	// Groups decide.
	Groups     []Group         `json:"review_groups_data"`
	TimeWindow json.RawMessage `json:"time_window"`
	// The last three are sent by new gateways only; nil is null.
	AccessRequestRuleName json.RawMessage `json:"access_request_rule_name"`
	MinApprovals          json.RawMessage `json:"min_approvals"`
	ForceApprovalGroups   json.RawMessage `json:"force_approval_groups"`
}

// Group is one group's say in a review.
type Group struct {
	ID     string `json:"id"`
	Group  string `json:"group"`
	Status string `json:"status"`
	// ReviewedBy nil is null: nobody has decided.
	ReviewedBy *Owner `json:"reviewed_by"`
	// ReviewDate zero is null.
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

// clone copies the review, so that a caller who keeps the original cannot change the store.
func (v *Review) clone() *Review {
	if v == nil {
		return nil
	}
	c := *v
	c.Groups = slices.Clone(v.Groups)
	return &c
}

// rowOf is the row as the wire has it.
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
	if m := r.more; m != nil {
		out.Review = m.review.clone()
		if o := m.odd; o != nil {
			out.OrgID, out.Script, out.Labels, out.IntegrationsMetadata = o.orgID, o.script, o.labels, o.integrations
			out.CorrelationID, out.AIAnalysis, out.GuardrailsInfo, out.IdentityType = o.correlation, o.ai, o.guardrails, o.identity
			if o.metrics != nil {
				out.Metrics = o.metrics
			}
		}
	}
	return out
}

// set makes the stored row say what in says. Id, start and visibility are not its business: they never change.
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
	odd := odd{
		orgID: in.OrgID, script: orNil(in.Script), labels: orNil(in.Labels), integrations: orNil(in.IntegrationsMetadata),
		metrics: orNil(in.Metrics), correlation: in.CorrelationID, ai: orNil(in.AIAnalysis), guardrails: orNil(in.GuardrailsInfo),
		identity: in.IdentityType,
	}
	usual := string(odd.metrics) == string(appendMetrics(nil, r.size))
	r.mark(hasMetrics, usual)
	if usual {
		odd.metrics = nil
	}
	if in.Review != nil || r.more != nil || !odd.plain(g.cfg.OrgID) {
		m := r.extra()
		m.review = in.Review.clone()
		m.odd = nil
		if !odd.plain(g.cfg.OrgID) {
			m.odd = &odd
		}
	}
}

// orNil takes the JSON word null for what it means.
func orNil(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}
