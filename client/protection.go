package client

import (
	"encoding/json"
	"errors"
	"fmt"
)

// What a session reports about the protection of data. It holds counts, names of rules and types, and words of the API. It never holds what
// was masked or matched, nor messages, titles or explanations: no type of this package has a field for these.

// UnknownScriptSize is the ScriptSize of a session whose input has an unknown size.
const UnknownScriptSize = -2

// Metrics are what the gateway measured of a session. New gateways also send them while the session runs. Then they only grow.
type Metrics struct {
	// Masking is what was masked in the session's output; nil if the gateway does not report it.
	Masking *Masking `json:"data_masking"`
	// Truncated is true if the recording was cut, so the audit trail is incomplete.
	Truncated bool `json:"truncated"`
}

// Masking is what was masked in a session's output.
type Masking struct {
	// InfoTypes counts what was masked by its type, such as EMAIL_ADDRESS. The API does not promise that a count is positive.
	InfoTypes map[string]int64 `json:"info_types"`
	// TransformedBytes is the size of what was masked in bytes.
	TransformedBytes int64 `json:"transformed_bytes"`
	// ErrCount is how often the masking failed.
	ErrCount int64 `json:"err_count"`
}

// GuardrailMatch counts how often a rule matched in one direction.
type GuardrailMatch struct {
	// Rule is the rule's name.
	Rule string
	// Direction is input or output.
	Direction string
	// Count is at least 1.
	Count int
}

// Guardrails are the guardrail matches of a session. Each pair of rule and direction occurs once, in the order of the first matches.
type Guardrails []GuardrailMatch

// UnmarshalJSON reads the API's list of matches one at a time, because it can be long. It returns an error if a match has an unusual form;
// then the row is read field by field.
func (g *Guardrails) UnmarshalJSON(list []byte) error {
	*g = nil
	if isNull(list) {
		return nil
	}
	return eachItem(list, 0, func(dec *json.Decoder) error {
		var match struct {
			Rule      string `json:"rule_name"`
			Direction string `json:"direction"`
		}
		if err := dec.Decode(&match); err != nil {
			return errors.New("a guardrail match has an unknown form")
		}
		if max(len(match.Rule), len(match.Direction)) > maxWordBytes || !g.add(match.Rule, match.Direction) {
			return errors.New("a guardrail match cannot be kept")
		}
		return nil
	})
}

// add counts a match. The result is false if there are too many different ones.
func (g *Guardrails) add(rule, direction string) bool {
	for i := range *g {
		if m := &(*g)[i]; m.Rule == rule && m.Direction == direction {
			m.Count++
			return true
		}
	}
	if len(*g) == maxMatches {
		return false
	}
	*g = append(*g, GuardrailMatch{rule, direction, 1})
	return true
}

// AIAnalysis is what an AI thought of a session's input before the session ran.
type AIAnalysis struct {
	// RiskLevel is low, medium, high or another word.
	RiskLevel string `json:"risk_level"`
	// Action is allow_execution or block_execution.
	Action string `json:"action"`
}

// Identity is the kind of a session's user: [IdentityUser], [IdentityMachine] or another word; empty if the gateway does not report it.
type Identity string

// UnmarshalJSON reads the usual words without an allocation, because nearly every row has one of them.
func (i *Identity) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case `"` + IdentityUser + `"`:
		*i = IdentityUser
	case `"` + IdentityMachine + `"`:
		*i = IdentityMachine
	default:
		return json.Unmarshal(text, (*string)(i))
	}
	return nil
}

func (m *Masking) fits() bool {
	for name := range m.InfoTypes {
		if len(name) > maxWordBytes {
			return false
		}
	}
	return len(m.InfoTypes) <= maxItems
}

func (a *AIAnalysis) fits() bool { return max(len(a.RiskLevel), len(a.Action)) <= maxWordBytes }

// metrics reads what the gateway measured.
func (f fieldReader) metrics(name string, raw json.RawMessage) Metrics {
	if isNull(raw) {
		return Metrics{}
	}
	var row struct {
		Masking   json.RawMessage `json:"data_masking"`
		Truncated json.RawMessage `json:"truncated"`
	}
	if !f.object(name, raw, &row) {
		return Metrics{}
	}
	return Metrics{Masking: f.masking(name+".data_masking", row.Masking), Truncated: f.flag(name+".truncated", row.Truncated, false)}
}

// masking reads what was masked; nil if the gateway does not report it.
func (f fieldReader) masking(name string, raw json.RawMessage) *Masking {
	if isNull(raw) {
		return nil
	}
	var row struct {
		InfoTypes        json.RawMessage `json:"info_types"`
		TransformedBytes json.RawMessage `json:"transformed_bytes"`
		ErrCount         json.RawMessage `json:"err_count"`
	}
	if !f.object(name, raw, &row) {
		return nil
	}
	m := &Masking{InfoTypes: f.counts(name+".info_types", row.InfoTypes)}
	m.TransformedBytes, _ = f.integer(name+".transformed_bytes", row.TransformedBytes)
	m.ErrCount, _ = f.integer(name+".err_count", row.ErrCount)
	return m
}

// counts reads an object of whole numbers. What is not a whole number is left out.
func (f fieldReader) counts(name string, raw json.RawMessage) map[string]int64 {
	return entriesOf(f, name, raw, func(raw json.RawMessage) (int64, bool) { return f.integer(name, raw) })
}

// guardrails reads the guardrail matches. One that is not an object is left out, and so are those beyond the limit.
func (f fieldReader) guardrails(name string, raw json.RawMessage) Guardrails {
	if isNull(raw) {
		return nil
	}
	var g Guardrails
	err := eachItem(raw, 0, func(dec *json.Decoder) error {
		var match struct {
			Rule      json.RawMessage `json:"rule_name"`
			Direction json.RawMessage `json:"direction"`
		}
		if err := dec.Decode(&match); err != nil {
			f.unusable(name, "an entry is not an object")
			return nil //nolint:nilerr // the other entries can be used
		}
		if !g.add(f.word(name+".rule_name", match.Rule), f.word(name+".direction", match.Direction)) {
			f.unusable(name, fmt.Sprintf("it has more than %d rules", maxMatches))
		}
		return nil
	})
	if err != nil {
		f.unusable(name, err.Error())
	}
	return g
}

// aiAnalysis reads the analysis of an input; nil if there is none.
func (f fieldReader) aiAnalysis(name string, raw json.RawMessage) *AIAnalysis {
	if isNull(raw) {
		return nil
	}
	var row struct {
		RiskLevel json.RawMessage `json:"risk_level"`
		Action    json.RawMessage `json:"action"`
	}
	if !f.object(name, raw, &row) {
		return nil
	}
	return &AIAnalysis{RiskLevel: f.word(name+".risk_level", row.RiskLevel), Action: f.word(name+".action", row.Action)}
}
