package gatewaytest

// review adds the counters of a review.
func (t *truth) review(sum *totals, r *row, f sessionStatus, first firstValues) {
	created, delivered := microsOf(f.review.CreatedAt), r.extra.memory.delivered
	if created >= t.t0 {
		sum.requested++
	}
	rewritten := false
	if first.isFinal && !t.forgotten(r, first.final.at) &&
		(created >= t.t0 || t.afterT0(first.final.reported) || t.afterT0(delivered.notFinal)) {
		sum.resolved[first.final.status]++
		rewritten = f.review.Status != first.final.status
	}
	if first.decided && !t.forgotten(r, first.decision) &&
		(created >= t.t0 || t.afterT0(first.decision) || t.afterT0(delivered.undecided)) {
		if wait := first.decision - created; wait >= 0 && created > 0 {
			sum.wait.observe(wait)
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

// pastReview adds the counters of a review that was followed by another one: what was delivered of it.
func (t *truth) pastReview(sum *totals, r *row, p pastReview) {
	d := p.delivered
	if p.created >= t.t0 && t.afterT0(d.any) {
		sum.requested++
	}
	if p.final != nil && t.afterT0(d.final) && !t.forgotten(r, p.final.at) && (p.created >= t.t0 || t.afterT0(p.final.reported) || t.afterT0(d.notFinal)) {
		sum.resolved[p.final.status]++
	}
	if p.decided && t.afterT0(d.decided) && !t.forgotten(r, p.decision) && (p.created >= t.t0 || t.afterT0(p.decision) || t.afterT0(d.undecided)) {
		sum.wait.observe(p.decision - p.created)
	}
}

// openReview adds the gauges of a review that is not final. state is the state of its session.
func (t *truth) openReview(sum *totals, f sessionStatus, state string) {
	v := f.review
	sum.openReviews[v.Status]++
	if at, decided := v.decision(); decided && state == stateReady && v.Type == oneTime {
		sum.oldestReady = earliest(sum.oldestReady, at)
	}
	if v.Status != pending {
		return
	}
	created := microsOf(v.CreatedAt)
	if created > 0 {
		sum.oldestPending = earliest(sum.oldestPending, created)
	}
	for k, h := range t.overdue {
		if created > 0 && t.now-created > h.age {
			sum.overdue[k]++
		}
	}
	seen := map[string]bool{}
	for _, d := range v.Groups {
		if d.Status == pending && !seen[d.Group] {
			seen[d.Group] = true
			sum.approvals[d.Group]++
			if created > 0 {
				sum.oldestApproval[d.Group] = earliest(sum.oldestApproval[d.Group], created)
			}
		}
	}
}
