package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// SessionPage is one answer of GET /sessions. Rows is always len(Sessions) + len(Malformed).
type SessionPage struct {
	ResponseInfo
	// Sessions are the readable rows in the gateway's order: newest first. Old gateways order rows of equal start at random.
	Sessions []Session
	// Malformed are the rows that could not be read, in the gateway's order.
	Malformed []MalformedSession
	// MalformedFields are the fields that could not be used and count as absent; nil if there are none.
	MalformedFields []MalformedField
	// Rows is the number of rows in the answer, including the malformed ones.
	Rows int
	// HasNextPage is `has_next_page`. Old gateways report true when the last page is exactly full.
	HasNextPage bool
	// Total is `total`: the number of rows that match the filters, ignoring limit and offset; nil if the gateway did not count.
	// See [SessionPage.ExactTotal] before comparing with it.
	Total *int
	// TotalIsCapped is `total_is_capped`: more rows match than Total says.
	TotalIsCapped bool
}

// ExactTotal returns the number of rows that match the request. The result is false if the number cannot be trusted: the gateway did
// not count, it stopped counting at a cap, or it reports fewer rows than it sent.
func (p *SessionPage) ExactTotal() (int, bool) {
	if p.Total == nil || p.TotalIsCapped || *p.Total < p.Rows {
		return 0, false
	}
	return *p.Total, true
}

// decodePage reads an answer of GET /sessions row by row, so that at most one row is in memory as text. limit is the page size that was
// requested; it is only a hint for memory.
func decodePage(r io.Reader, limit int, page *SessionPage) error {
	rows := newRowReader(r, limit, page)
	text := rows.text
	if err := text.expect('{'); err != nil {
		return err
	}
	hasData := false
	var frame pageFrame
	for first := true; ; first = false {
		more, err := text.next(first, '}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		name, err := text.key()
		if err != nil {
			return err
		}
		// Keys match in any case, as in encoding/json.
		if !strings.EqualFold(name, "data") {
			if err := frame.read(text, name); err != nil {
				return err
			}
			continue
		}
		if hasData {
			return malformed("it has data twice")
		}
		hasData = true
		if err := rows.readAll(); err != nil {
			return err
		}
	}
	if !hasData {
		return malformed("it has no data")
	}
	if err := frame.apply(page); err != nil {
		return err
	}
	return text.expectEnd()
}

// pageFrame has the texts of the fields beside the rows.
type pageFrame struct{ hasNextPage, total, totalIsCapped json.RawMessage }

// read reads the value of a field. What is not used is skipped.
func (f *pageFrame) read(t *jsonText, name string) error {
	raw, err := t.field("a field beside its rows")
	if err != nil {
		return err
	}
	for key, field := range map[string]*json.RawMessage{"has_next_page": &f.hasNextPage, "total": &f.total, "total_is_capped": &f.totalIsCapped} {
		if strings.EqualFold(name, key) {
			*field = bytes.Clone(raw)
		}
	}
	return nil
}

// apply sets the fields of the page. If one cannot be used, the walk over the pages must not end too early: so more may follow, and the
// total may be capped. An empty page must say that there are no sessions: otherwise it can be an error, such as
// {"data":null,"errors":[...]}.
func (f *pageFrame) apply(page *SessionPage) error {
	fields := fieldReader{page: page}
	page.HasNextPage = fields.flag("has_next_page", f.hasNextPage, true)
	page.TotalIsCapped = fields.flag("total_is_capped", f.totalIsCapped, true)
	if n, ok := fields.integer("total", f.total); ok && n >= 0 {
		page.Total = new(int(n))
	}
	if page.Rows == 0 && isNull(f.hasNextPage) && page.Total == nil {
		return malformed("it has no sessions, and neither has_next_page nor total says that there are none")
	}
	return nil
}

// contradiction returns an error if the page cannot be an answer to these options, because it says itself that rows are missing. The
// gateway counts before it reads the rows, so rows that are added in between can only make the total too small. If the last session leaves
// a list in between, because its review was decided, the answer is rejected, too: the next one will be right.
func (o ListOptions) contradiction(p *SessionPage) error {
	switch {
	case p.Rows > 0:
		return nil
	case p.HasNextPage:
		return malformed("it contradicts itself: it has no sessions, but has_next_page says that more follow")
	case p.Total != nil && *p.Total > 0 && o.Offset == 0:
		return malformed(fmt.Sprintf("it contradicts itself: it has no sessions, but total is %d", *p.Total))
	}
	return nil
}

// decodeSession reads an answer of GET /sessions/{id}: a single row that is not wrapped in a page.
func decodeSession(r io.Reader, id string, page *SessionPage) error {
	rows := newRowReader(r, 1, page)
	if err := rows.read(); err != nil {
		return err
	}
	for _, s := range page.Sessions {
		if !strings.EqualFold(s.ID, id) {
			return malformed("it is not the session that was requested")
		}
	}
	for i := range page.Malformed {
		page.Malformed[i].ID = id
	}
	return rows.text.expectEnd()
}

// decodeUserInfo reads an answer of GET /userinfo.
func decodeUserInfo(r io.Reader, info *UserInfo) error {
	text := newJSONText(r)
	raw, long, err := text.value()
	switch {
	case err != nil:
		return err
	case long != nil:
		return malformed(fmt.Sprintf("it has more than %d bytes", maxRowBytes))
	}
	var user struct {
		ID      json.RawMessage `json:"id"`
		Role    json.RawMessage `json:"role"`
		OrgID   json.RawMessage `json:"org_id"`
		OrgName json.RawMessage `json:"org_name"`
	}
	if err := json.Unmarshal(raw, &user); err != nil {
		return malformed(plainText(err.Error(), 200))
	}
	fields := fieldReader{page: &SessionPage{}}
	*info = UserInfo{
		Role:  fields.word("role", user.Role),
		OrgID: canonicalID(fields.word("org_id", user.OrgID)), OrgName: fields.word("org_name", user.OrgName),
	}
	if id, err := idOf(user.ID); err == nil {
		info.ID = id
	}
	if info.ID == "" && info.Role == "" {
		return malformed("it has neither an id nor a role")
	}
	return text.expectEnd()
}
