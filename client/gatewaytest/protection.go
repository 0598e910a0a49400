package gatewaytest

import (
	"encoding/json"
	"strconv"
)

// protection is what the API says about the protection of data in a session, as far as metrics depend on it.
type protection struct {
	masking   *masking // nil: not reported
	truncated bool
	matches   []match
	ai        *analysis // nil: none
	identity  string    // "": not reported
}

// masking is what was masked.
type masking struct {
	InfoTypes map[string]int64 `json:"info_types"`
	Bytes     int64            `json:"transformed_bytes"`
	Errors    int64            `json:"err_count"`
}

// match is a guardrail that matched.
type match struct {
	Rule      string `json:"rule_name"`
	Direction string `json:"direction"`
}

// analysis is what an AI thought of the input.
type analysis struct {
	Risk   string `json:"risk_level"`
	Action string `json:"action"`
}

// protectionOf returns what an answer says about the protection of data, for the status f of a row at a moment. old is true for an answer
// of an old gateway. Once the session has finished, the result does not depend on the moment.
func (g *Gateway) protectionOf(r *row, f sessionStatus, at int64, old bool) protection {
	var p protection
	switch {
	case f.flags&simulated != 0:
		p = r.simulatedProtection(f, at)
	case f.handmade != nil:
		p = f.handmade.protection()
	default:
		p.identity = identityUser
	}
	if old {
		p.matches, p.ai, p.identity = nil, nil, ""
	}
	return p
}

// protection reads what a handmade row says about the protection of data. What has another form is absent.
func (o *handmade) protection() protection {
	var metrics struct {
		Masking   *masking `json:"data_masking"`
		Truncated bool     `json:"truncated"`
	}
	p := protection{identity: o.identity}
	_ = json.Unmarshal(o.metrics, &metrics) // what has another form is absent
	p.masking, p.truncated = metrics.Masking, metrics.Truncated
	_ = json.Unmarshal(o.guardrails, &p.matches)
	if ai := new(analysis); json.Unmarshal(o.ai, ai) == nil {
		p.ai = ai
	}
	return p
}

// appendMetrics appends the metrics of a session: with the size, and with what was masked if that is reported.
func (p protection) appendMetrics(b []byte, size int64) []byte {
	if p.masking == nil && !p.truncated {
		return appendMetrics(b, size)
	}
	b = append(b, '{')
	if p.masking != nil {
		b = append(p.masking.append(append(b, `"data_masking":`...)), ',')
	}
	b = strconv.AppendInt(append(b, `"event_size":`...), size, 10)
	return append(strconv.AppendBool(append(b, `,"truncated":`...), p.truncated), '}')
}

func (m *masking) append(b []byte) []byte {
	b = append(b, `{"info_types":{`...)
	total, first := int64(0), true
	for _, name := range infoTypes() {
		n := m.InfoTypes[name]
		if n == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		total += n
		b = strconv.AppendInt(append(appendString(b, name), ':'), n, 10)
	}
	b = strconv.AppendInt(append(b, `},"total_redact_count":`...), total, 10)
	b = strconv.AppendInt(append(b, `,"transformed_bytes":`...), m.Bytes, 10)
	return append(strconv.AppendInt(append(b, `,"err_count":`...), m.Errors, 10), '}')
}

// appendGuardrails appends the guardrails that matched, with made-up words and messages, or null.
func (p protection) appendGuardrails(b []byte) []byte {
	if p.matches == nil {
		return append(b, "null"...)
	}
	for i, m := range p.matches {
		b = append(b, "[,"[min(i, 1)])
		b = appendString(append(b, `{"rule_name":`...), m.Rule)
		b = appendString(append(b, `,"direction":`...), m.Direction)
		b = append(b, `,"matched_words":["`+simulatedText+`"],"message":"`+simulatedText+`","rule":{"type":"deny_words_list","words":["`+simulatedText+`"]}}`...)
	}
	return append(b, ']')
}

// appendAI appends the analysis of the input, with a made-up title and explanation, or null.
func (p protection) appendAI(b []byte) []byte {
	if p.ai == nil {
		return append(b, "null"...)
	}
	b = appendString(append(b, `{"risk_level":`...), p.ai.Risk)
	b = appendString(append(b, `,"action":`...), p.ai.Action)
	return append(b, `,"title":"`+simulatedText+`","explanation":"`+simulatedText+`"}`...)
}
