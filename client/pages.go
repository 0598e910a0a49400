package client

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Pages walks through a window from the newest session to the oldest, page by page, as [Cursor] does. No session comes
// twice, though a page may have none, and [SessionPage.Malformed] can repeat. The last element is an error where the walk
// cannot go on: that of a request, that of [Cursor.Err], or [ErrIncomplete] where seconds had to be skipped.
func (c *Client) Pages(ctx context.Context, o ListOptions) iter.Seq2[*SessionPage, error] {
	return func(yield func(*SessionPage, error) bool) {
		cursor := NewCursor(o)
		for o, more := cursor.Next(); more; o, more = cursor.Next() {
			page, err := c.ListSessions(ctx, o)
			if err != nil {
				yield(nil, err)
				return
			}
			page.Sessions = cursor.Advance(page)
			if !yield(page, nil) {
				return
			}
		}
		if err := cursor.Err(); err != nil {
			yield(nil, err)
			return
		}
		if skipped := cursor.Skipped(); len(skipped) > 0 {
			yield(nil, fmt.Errorf("list sessions: %w (%d seconds, the last begins at %s)",
				ErrIncomplete, len(skipped), skipped[len(skipped)-1].Format(time.RFC3339)))
		}
	}
}
