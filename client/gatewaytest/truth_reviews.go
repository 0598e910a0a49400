package gatewaytest

// review adds the counters of a review.
func (t *truth) review(sum *totals, r *row, f sessionStatus, first firstValues) {
	created, delivered := microsOf(f.review.CreatedAt), r.extra.memory.delivered
	if created >= t.t0 {
		sum.requested[t.reviewType(f.review)]++
	}
	rewritten := false
	if first.isFinal && !t.forgotten(r, first.final.at) &&
		(created >= t.t0 || t.afterT0(first.final.reported) || t.afterT0(delivered.notFinal)) {
		sum.resolved[[2]string{first.final.status, t.reviewType(f.review)}]++
		rewritten = f.review.Status != first.final.status
	}
	if first.decided && !t.forgotten(r, first.decision) &&
		(created >= t.t0 || t.afterT0(first.decision) || t.afterT0(delivered.undecided)) {
		if wait := first.decision - created; wait >= 0 && created > 0 {
			sum.wait.observe(wait)
		} else {
			t.out.Unobserved[metricWait]++
		}
		if t.o.Everything {
			t.accessGranted(&sum.protection, f.review, first.granted)
		}
		decision, _ := f.review.decision()
		rewritten = rewritten || decision != first.decision
	}
	if rewritten {
		t.out.Rewritten++
	}
	if t.o.Everything {
		t.groupDecisions(&sum.protection, r, f.review, &r.extra.memory.delivered)
	}
}

// reviewType returns the label of a review; empty if there is no such label.
func (t *truth) reviewType(v *Review) string {
	if !t.o.Everything {
		return ""
	}
	return oneOf(v.Type, reviewTypes())
}

// pastReview adds the counters of a review that was followed by another one: what was delivered of it.
func (t *truth) pastReview(sum *totals, r *row, p pastReview) {
	d, created, kind := p.delivered, microsOf(p.CreatedAt), t.reviewType(&p.Review)
	if created >= t.t0 && t.afterT0(d.any) {
		sum.requested[kind]++
	}
	if p.final != nil && t.afterT0(d.final) && !t.forgotten(r, p.final.at) && (created >= t.t0 || t.afterT0(p.final.reported) || t.afterT0(d.notFinal)) {
		sum.resolved[[2]string{p.final.status, kind}]++
	}
	if p.decided && t.afterT0(d.decided) && !t.forgotten(r, p.decision) && (created >= t.t0 || t.afterT0(p.decision) || t.afterT0(d.undecided)) {
		sum.wait.observe(p.decision - created)
		if t.o.Everything {
			t.accessGranted(&sum.protection, &p.Review, p.granted)
		}
	}
	if t.o.Everything {
		p.Groups = p.delivered.decidedGroups()
		t.groupDecisions(&sum.protection, r, &p.Review, &p.delivered)
	}
}

// openReview adds the gauges of a review that is not final. state is the state of its session.
func (t *truth) openReview(sum *totals, f sessionStatus, state string) {
	v := f.review
	sum.openReviews[[2]string{v.Status, t.reviewType(v)}]++
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
