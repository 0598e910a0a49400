package gatewaytest

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// The JSON of a session, with the keys in the order of the recorded answers. It is not encoded by encoding/json because a benchmark of the
// exporter must not spend its time in the simulation.

// appendRow appends a session. script is the input as JSON; nil is null, as in lists.
func (g *Gateway) appendRow(b []byte, r *row, script []byte) []byte {
	var o handmade
	orgID, identity := g.cfg.OrgID, identityUser
	if r.extra != nil && r.extra.handmade != nil {
		o = *r.extra.handmade
		orgID, identity = o.orgID, o.identity
	}
	if o.script != nil {
		script = o.script
	}
	b = append(b, `{"id":`...)
	if r.extra != nil && r.extra.id != "" {
		b = appendString(b, r.extra.id)
	} else {
		b = append(appendKey(append(b, '"'), r.id), '"')
	}
	b = appendString(append(b, `,"org_id":`...), orgID)
	b = appendRaw(append(b, `,"script":`...), script)
	b = strconv.AppendInt(append(b, `,"script_size":`...), int64(r.script), 10)
	b = appendRaw(append(b, `,"labels":`...), o.labels)
	b = appendRaw(append(b, `,"integrations_metadata":`...), o.integrations)
	b = appendRaw(append(b, `,"metadata":`...), g.blobs.raw(r.meta))
	b = append(b, `,"metrics":`...)
	var p protection
	switch {
	case r.is(simulated):
		p = g.protectionOf(r, g.statusOf(r), g.now, g.cfg.Dialect == Old)
		b = appendRaw(b, g.metrics(r, p))
	case r.is(hasMetrics):
		b = appendMetrics(b, r.size)
	default:
		b = appendRaw(b, o.metrics)
	}
	b = append(b, g.users.values[r.user].json...)
	b = append(b, g.conns.values[r.conn].json...)
	b = g.appendReview(append(b, `,"review":`...), r.review())
	b = appendString(append(b, `,"verb":`...), g.words.at(uint32(r.verb)))
	b = appendString(append(b, `,"status":`...), g.words.at(uint32(r.status)))
	b = append(b, `,"exit_code":`...)
	if r.exit == noExit {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(r.exit), 10)
	}
	b = strconv.AppendInt(append(b, `,"event_size":`...), r.size, 10)
	if g.cfg.Dialect >= New2026 && o.correlation != "" {
		b = appendString(append(b, `,"correlation_id":`...), o.correlation)
	}
	b = appendTime(append(b, `,"start_date":`...), timeOf(r.start))
	b = appendTime(append(b, `,"end_date":`...), timeOf(r.end))
	switch {
	case g.cfg.Dialect == Old:
	case r.is(simulated):
		b = p.appendAI(append(b, `,"ai_analysis":`...))
		b = p.appendGuardrails(append(b, `,"guardrails_info":`...))
		b = appendString(append(b, `,"identity_type":`...), p.identity)
	default:
		b = appendRaw(append(b, `,"ai_analysis":`...), o.ai)
		b = appendRaw(append(b, `,"guardrails_info":`...), o.guardrails)
		b = appendString(append(b, `,"identity_type":`...), identity)
	}
	return append(b, '}')
}

func (g *Gateway) appendReview(b []byte, v *Review) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	b = appendString(append(b, `{"id":`...), v.ID)
	b = appendString(append(b, `,"type":`...), v.Type)
	b = strconv.AppendInt(append(b, `,"access_duration":`...), int64(v.AccessDuration), 10)
	b = appendString(append(b, `,"status":`...), v.Status)
	b = appendTime(append(b, `,"revoke_at":`...), v.RevokeAt)
	b = appendTime(append(b, `,"created_at":`...), v.CreatedAt)
	b = append(b, `,"review_groups_data":`...)
	if v.Groups == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, '[')
		for i, group := range v.Groups {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendGroup(b, group)
		}
		b = append(b, ']')
	}
	b = appendRaw(append(b, `,"time_window":`...), v.TimeWindow)
	if g.cfg.Dialect >= New2026 {
		b = appendRaw(append(b, `,"access_request_rule_name":`...), v.AccessRequestRuleName)
		b = appendRaw(append(b, `,"min_approvals":`...), v.MinApprovals)
		b = appendRaw(append(b, `,"force_approval_groups":`...), v.ForceApprovalGroups)
	}
	return append(b, '}')
}

func appendGroup(b []byte, g Group) []byte {
	b = appendString(append(b, `{"id":`...), g.ID)
	b = appendString(append(b, `,"group":`...), g.Group)
	b = appendString(append(b, `,"status":`...), g.Status)
	b = append(b, `,"reviewed_by":`...)
	if by := g.ReviewedBy; by == nil {
		b = append(b, "null"...)
	} else {
		b = appendString(append(b, `{"id":`...), by.ID)
		b = appendString(append(b, `,"name":`...), by.Name)
		b = appendString(append(b, `,"email":`...), by.Email)
		b = appendString(append(b, `,"slack_id":`...), by.SlackID)
		b = append(b, '}')
	}
	b = appendTime(append(b, `,"review_date":`...), g.ReviewDate)
	b = strconv.AppendBool(append(b, `,"forced_review":`...), g.ForcedReview)
	return append(b, '}')
}

func appendConn(b []byte, d Dialect, k connKey) []byte {
	b = appendString(append(b, `,"type":`...), k.kind)
	b = appendString(append(b, `,"connection_subtype":`...), k.subtype)
	b = appendString(append(b, `,"connection":`...), k.name)
	if d >= New2026 {
		b = appendString(append(b, `,"resource_name":`...), k.resource)
		b = appendString(append(b, `,"role_name":`...), k.role)
	}
	return appendRaw(append(b, `,"connection_tags":`...), []byte(k.tags))
}

func appendUser(b []byte, k userKey) []byte {
	b = appendString(append(b, `,"user":`...), k.email)
	b = appendString(append(b, `,"user_id":`...), k.id)
	return appendString(append(b, `,"user_name":`...), k.name)
}

func appendMetrics(b []byte, size int64) []byte {
	b = strconv.AppendInt(append(b, `{"event_size":`...), size, 10)
	return append(b, `,"truncated":false}`...)
}

// appendTime appends RFC 3339 in UTC without trailing zeros, as gateways do.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	b = t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano)
	return append(b, '"')
}

func appendRaw(b []byte, raw []byte) []byte {
	if len(raw) == 0 {
		return append(b, "null"...)
	}
	return append(b, raw...)
}

// appendString appends a JSON string. It uses encoding/json only for strings that need an escape.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...) // cannot happen: a string always marshals
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendKey(b []byte, k key) []byte {
	b = append(hex.AppendEncode(b, k[:4]), '-')
	b = append(hex.AppendEncode(b, k[4:6]), '-')
	b = append(hex.AppendEncode(b, k[6:8]), '-')
	b = append(hex.AppendEncode(b, k[8:10]), '-')
	return hex.AppendEncode(b, k[10:])
}
