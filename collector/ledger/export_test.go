package ledger

import "time"

// EndRetention makes a ledger as it is a day after its first answer, and after the last step of the gateway's clock: it retains no rows of
// closed coverage.
func (l *Ledger) EndRetention() { l.retainedFrom, l.retainedUntil = l.watermark, time.Time{} }

// StatusCount is how many reviews have a status.
type StatusCount struct {
	Status string
	Count  int
}

// ByStatus are the numbers of reviews by status, sorted by it.
func ByStatus(reviews []ReviewCount) (out []StatusCount) {
	for _, r := range reviews {
		if n := len(out); n > 0 && out[n-1].Status == r.Status {
			out[n-1].Count += r.Count
			continue
		}
		out = append(out, StatusCount{r.Status, r.Count})
	}
	return out
}
