package planner

import "time"

const (
	// lateScanEvery is the shortest time between the starts of two late scans.
	lateScanEvery = 15 * time.Second
	// lateScanPortion is the fraction of the budget that late scans may take, and lateScanBurst how much time they may take at once after a
	// pause.
	lateScanPortion = 0.15
	lateScanBurst   = 2 * time.Second
)

func (h *head) nextOfLateScan(now time.Time) (Request, bool) {
	if !h.lateScanAllowed(now) || !h.late.active && (!h.fromHeadPage || now.Sub(h.lateStarted) < h.latePause()) {
		h.done = true
		return Request{}, false
	}
	if !h.late.active {
		h.lateStarted = now
		h.late = scan{active: true, since: h.at, down: h.walk.readDownTo(), totalUnreliable: h.late.totalUnreliable}
	}
	h.fromHeadPage = h.late.resume(&h.walk, h.p.ledger.Watermark()) && h.fromHeadPage
	h.lateRequest = true
	return h.walk.request()
}

// latePause is how long after the start of the last late scan the next one may start.
func (h *head) latePause() time.Duration {
	if h.late.totalUnreliable {
		return h.p.o.Ledger.AllowedLateness / 2
	}
	return lateScanEvery
}

// lateScanAllowed reports whether a late scan may continue. If many sessions start, a scan reads so many pages that it takes several
// refreshes: if it read them all at once, rechecks would wait until the head's debt is paid. A scan does not stop within a second that has
// more than a page, because the next refresh would read that second again. Once half an allowed lateness has passed since its start,
// nothing delays it any longer.
func (h *head) lateScanAllowed(now time.Time) bool {
	income := time.Duration(float64(max(0, now.Sub(h.lateFilled))) * lateScanPortion * h.p.o.Budget)
	h.lateLeft, h.lateFilled = min(h.lateLeft+income, lateScanBurst), now
	return h.lateLeft > 0 || h.lateRequest && h.walk.inSecond() || now.Sub(h.lateStarted) > h.p.o.Ledger.AllowedLateness/2
}
