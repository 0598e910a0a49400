package demo

import (
	"testing"
	"time"
)

func TestTheDemoIsFullOfLife(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	g := Gateway(func() time.Time { return now })
	rows := g.Rows()
	before := len(rows)
	connections, types, reviews := map[string]bool{}, map[string]bool{}, map[string]bool{}
	oldPending := 0
	for _, r := range rows {
		connections[r.Connection], types[r.Type] = true, true
		if r.Review == nil {
			continue
		}
		reviews[r.Review.Status] = true
		if r.Review.Status == "PENDING" && now.Sub(r.Review.CreatedAt) > 24*time.Hour {
			oldPending++
		}
	}
	if len(connections) != 12 || len(types) != 4 || oldPending == 0 {
		t.Errorf("%d connections of %d types, %d reviews pending for a day: want 12 of 4, and some", len(connections), len(types), oldPending)
	}
	for _, status := range []string{"PENDING", "APPROVED", "REJECTED", "REVOKED", "PROCESSING", "EXECUTED"} {
		if !reviews[status] {
			t.Errorf("no review is %s", status)
		}
	}
	if oldest := now.Sub(rows[0].StartDate); oldest < 6*24*time.Hour || oldest > week {
		t.Errorf("the history goes back %s", oldest)
	}
	now = now.Add(time.Minute)
	if more := len(g.Rows()) - before; more < 100 || more > 400 {
		t.Errorf("%d more sessions after a minute, want some 180", more)
	}
}
