package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// lenientSession has the fields of a row as text. A row is decoded with it only after encoding/json has rejected it, so that healthy rows
// cost no more.
type lenientSession struct {
	ID                json.RawMessage `json:"id"`
	OrgID             json.RawMessage `json:"org_id"`
	UserID            json.RawMessage `json:"user_id"`
	Type              json.RawMessage `json:"type"`
	ConnectionSubtype json.RawMessage `json:"connection_subtype"`
	Connection        json.RawMessage `json:"connection"`
	ConnectionTags    json.RawMessage `json:"connection_tags"`
	Review            json.RawMessage `json:"review"`
	Verb              json.RawMessage `json:"verb"`
	Status            json.RawMessage `json:"status"`
	ExitCode          json.RawMessage `json:"exit_code"`
	EventSize         json.RawMessage `json:"event_size"`
	ScriptSize        json.RawMessage `json:"script_size"`
	Metrics           json.RawMessage `json:"metrics"`
	Guardrails        json.RawMessage `json:"guardrails_info"`
	AI                json.RawMessage `json:"ai_analysis"`
	Identity          json.RawMessage `json:"identity_type"`
	StartDate         json.RawMessage `json:"start_date"`
	EndDate           json.RawMessage `json:"end_date"`
}

// decodeLenient decodes a row field by field. It returns an error only for a row without id or start. raw is valid JSON.
func decodeLenient(raw []byte, page *SessionPage, s *Session) error {
	var row lenientSession
	if err := json.Unmarshal(raw, &row); err != nil {
		return errors.New("it is not an object")
	}
	var err error
	if s.ID, err = idOf(row.ID); err != nil {
		return err
	}
	if s.StartDate, err = startOf(row.StartDate); err != nil {
		return err
	}
	f := fieldReader{page, s.ID}
	s.OrgID = f.word("org_id", row.OrgID)
	s.UserID = f.word("user_id", row.UserID)
	s.Type = f.word("type", row.Type)
	s.ConnectionSubtype = f.word("connection_subtype", row.ConnectionSubtype)
	s.Connection = f.word("connection", row.Connection)
	s.ConnectionTags = f.tags("connection_tags", row.ConnectionTags)
	s.Review = f.review("review", row.Review)
	s.Verb = f.word("verb", row.Verb)
	s.Status = f.word("status", row.Status)
	if code, ok := f.integer("exit_code", row.ExitCode); ok {
		s.ExitCode = new(int(code))
	}
	s.EventSize, _ = f.integer("event_size", row.EventSize)
	s.ScriptSize, _ = f.integer("script_size", row.ScriptSize)
	s.Metrics = f.metrics("metrics", row.Metrics)
	s.Guardrails = f.guardrails("guardrails_info", row.Guardrails)
	s.AI = f.aiAnalysis("ai_analysis", row.AI)
	s.Identity = Identity(f.word("identity_type", row.Identity))
	s.EndDate = f.moment("end_date", row.EndDate)
	return nil
}

// idOf reads an id, which must be a text: it has to be the same in every answer.
func idOf(raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "", errors.New("id is missing")
	}
	var id string
	if json.Unmarshal(raw, &id) != nil {
		return "", errors.New("id is not a string")
	}
	return id, checkID(id)
}

func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("id is missing")
	case len(id) > maxIDBytes:
		return fmt.Errorf("id has %d bytes, more than %d", len(id), maxIDBytes)
	}
	return nil
}

func startOf(raw json.RawMessage) (Time, error) {
	if isNull(raw) {
		return Time{}, errors.New("start_date is missing")
	}
	t, err := timeOf(raw)
	switch {
	case err != nil:
		return Time{}, fmt.Errorf("start_date cannot be used: %w", err)
	case t.IsZero():
		return Time{}, errors.New("start_date is missing")
	}
	return t, nil
}

// tags reads an object of texts. A tag whose value is not text is left out.
func (f fieldReader) tags(name string, raw json.RawMessage) map[string]string {
	return entriesOf(f, name, raw, func(raw json.RawMessage) (string, bool) {
		if isNull(raw) {
			return "", true
		}
		value, err := wordOf(raw)
		if err != nil {
			f.unusable(name, "a value cannot be used: "+err.Error())
		}
		return value, err == nil
	})
}

// entriesOf reads an object whose values are all of one type; nil if there is none. An entry whose key or value cannot be used is left out.
func entriesOf[T any](f fieldReader, name string, raw json.RawMessage, value func(json.RawMessage) (T, bool)) map[string]T {
	if isNull(raw) {
		return nil
	}
	out := map[string]T{}
	err := eachMember(raw, func(key string, raw json.RawMessage) {
		if err := checkWord(key); err != nil {
			f.unusable(name, "a key cannot be used: "+err.Error())
		} else if v, ok := value(raw); ok {
			out[key] = v
		}
	})
	if err != nil {
		f.unusable(name, err.Error())
		return nil
	}
	return out
}

// object reads an object into a pointer. The result is false if it cannot be used.
func (f fieldReader) object(name string, raw json.RawMessage, into any) bool {
	if json.Unmarshal(raw, into) != nil {
		f.unusable(name, "it is not an object")
		return false
	}
	return true
}

// review reads a review; nil if there is none.
func (f fieldReader) review(name string, raw json.RawMessage) *Review {
	if isNull(raw) {
		return nil
	}
	var row struct {
		ID             json.RawMessage `json:"id"`
		Type           json.RawMessage `json:"type"`
		AccessDuration json.RawMessage `json:"access_duration"`
		Status         json.RawMessage `json:"status"`
		RevokeAt       json.RawMessage `json:"revoke_at"`
		CreatedAt      json.RawMessage `json:"created_at"`
		Groups         json.RawMessage `json:"review_groups_data"`
	}
	if !f.object(name, raw, &row) {
		return nil
	}
	r := &Review{
		ID: f.word(name+".id", row.ID), Type: f.word(name+".type", row.Type), Status: f.word(name+".status", row.Status),
		RevokeAt: f.moment(name+".revoke_at", row.RevokeAt), CreatedAt: f.moment(name+".created_at", row.CreatedAt),
		Groups: f.groups(name+".review_groups_data", row.Groups),
	}
	if n, ok := f.integer(name+".access_duration", row.AccessDuration); ok {
		r.AccessDuration = time.Duration(n)
	}
	return r
}

// groups reads the decisions of groups. One that is not an object is left out.
func (f fieldReader) groups(name string, raw json.RawMessage) []ReviewGroup {
	if isNull(raw) {
		return nil
	}
	var groups []ReviewGroup
	err := eachItem(raw, maxItems, func(dec *json.Decoder) error {
		var row struct {
			Group      json.RawMessage `json:"group"`
			Status     json.RawMessage `json:"status"`
			ReviewDate json.RawMessage `json:"review_date"`
			Forced     json.RawMessage `json:"forced_review"`
		}
		if err := dec.Decode(&row); err != nil {
			f.unusable(name, "an entry is not an object")
		} else {
			groups = append(groups, ReviewGroup{
				Group: f.word(name+".group", row.Group), Status: f.word(name+".status", row.Status),
				ReviewDate: f.moment(name+".review_date", row.ReviewDate), Forced: f.flag(name+".forced_review", row.Forced, false),
			})
		}
		return nil
	})
	if err != nil {
		f.unusable(name, err.Error())
		return nil
	}
	return groups
}
