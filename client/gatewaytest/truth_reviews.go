package gatewaytest

// review counts a review.
func (t *truth) review(y *tally, r *row, f facts, first firsts) {
	created, shown := microsOf(f.review.CreatedAt), r.more.past.shown
	if created >= t.t0 {
		y.requested++
	}
	rewritten := false
	if first.rested && !t.letGo(r, first.rest.at) &&
		(created >= t.t0 || t.since(first.rest.told) || t.since(shown.unrested)) {
		y.resolved[first.rest.status]++
		rewritten = f.review.Status != first.rest.status
	}
	if first.decided && !t.letGo(r, first.decision) &&
		(created >= t.t0 || t.since(first.decision) || t.since(shown.undecided)) {
		if wait := first.decision - created; wait >= 0 {
			y.wait.observe(wait)
		} else {
			t.out.Unobserved[metricWait]++
		}
		decision, _ := f.review.decision()
		rewritten = rewritten || decision != first.decision
	}
	if rewritten {
		t.out.Rewritten++
	}
}

// openReview adds a review that is not at rest; state is its session's.
func (t *truth) openReview(y *tally, f facts, state string) {
	v := f.review
	y.openReviews[v.Status]++
	if at, decided := v.decision(); decided && state == stateReady && v.Type == oneTime {
		y.oldestReady = earliest(y.oldestReady, at)
	}
	if v.Status != pending {
		return
	}
	created := microsOf(v.CreatedAt)
	y.oldestPending = earliest(y.oldestPending, created)
	for k, h := range t.overdue {
		if t.now-created > h.age {
			y.overdue[k]++
		}
	}
	seen := map[string]bool{}
	for _, d := range v.Groups {
		if d.Status == pending && !seen[d.Group] {
			seen[d.Group] = true
			y.approvals[d.Group]++
			y.oldestApproval[d.Group] = earliest(y.oldestApproval[d.Group], created)
		}
	}
}
