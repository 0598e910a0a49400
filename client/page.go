package client

import (
	"encoding/json"
	"io"
	"strings"
)

// SessionPage is one answer of GET /sessions. Rows is always len(Sessions) + len(Malformed).
type SessionPage struct {
	Answer
	// Sessions are the readable rows in the gateway's order: newest first. Old gateways order rows of equal start at random.
	Sessions []Session
	// Malformed are the rows that could not be read, in the gateway's order.
	Malformed []MalformedSession
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
// asked for and only a hint for memory.
func decodePage(r io.Reader, limit int, page *SessionPage) error {
	rows := newRowReader(r, limit, page)
	if err := expectDelim(rows.dec, '{'); err != nil {
		return err
	}
	hasData := false
	for rows.dec.More() {
		key, err := rows.dec.Token()
		if err != nil {
			return unexpectedEOF(err)
		}
		// Keys match in any case, as in encoding/json.
		switch name, _ := key.(string); {
		case strings.EqualFold(name, "data"):
			if hasData {
				return malformed("it has data twice")
			}
			hasData = true
			err = rows.readAll()
		case strings.EqualFold(name, "has_next_page"):
			err = rows.dec.Decode(&page.HasNextPage)
		case strings.EqualFold(name, "total"):
			err = rows.dec.Decode(&page.Total)
		case strings.EqualFold(name, "total_is_capped"):
			err = rows.dec.Decode(&page.TotalIsCapped)
		default:
			err = skipValue(rows.dec)
		}
		if err != nil {
			return unexpectedEOF(err)
		}
	}
	if err := expectDelim(rows.dec, '}'); err != nil {
		return err
	}
	if !hasData {
		return malformed("it has no data")
	}
	if page.Total != nil && *page.Total < 0 {
		page.Total = nil
	}
	return expectEnd(rows.dec)
}

// decodeSession reads an answer of GET /sessions/{id}: a single row that is not wrapped in a page.
func decodeSession(r io.Reader, id string, page *SessionPage) error {
	rows := newRowReader(r, 1, page)
	if err := rows.read(); err != nil {
		return err
	}
	for _, s := range page.Sessions {
		if !strings.EqualFold(s.ID, id) {
			return malformed("it is not the session that was asked for")
		}
	}
	for i := range page.Malformed {
		page.Malformed[i].ID = id
	}
	return expectEnd(rows.dec)
}

// decodeUserInfo reads an answer of GET /userinfo.
func decodeUserInfo(r io.Reader, info *UserInfo) error {
	dec := json.NewDecoder(&textWindow{r: r})
	if err := dec.Decode(info); err != nil {
		return unexpectedEOF(err)
	}
	if err := expectEnd(dec); err != nil {
		return err
	}
	if info.ID == "" && info.Role == "" {
		return malformed("it has neither an id nor a role")
	}
	return nil
}
