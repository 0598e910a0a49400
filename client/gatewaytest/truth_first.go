package gatewaytest

// memory is what the gateway remembers about a row: what was true for the first time, and what was delivered. Metrics count what the API
// said first, whatever it says later.
type memory struct {
	finished  int64          // when the row first finished; 0: it has not
	end       *sessionStatus // the status when the row first ended, set before the status changes again
	final     *finalReview   // how its review first reached its final state
	decided   bool           // whether its review was decided
	decision  int64          // when it was decided first
	granted   bool           // whether that decision granted access
	delivered deliveredReview
	past      []pastReview // earlier reviews of the session

	firstPending int64 // when an answer first delivered one of its reviews as pending; 0: never
}

// pastReview is what the gateway remembers about a review that was followed by another one.
type pastReview struct {
	Review
	final     *finalReview
	decided   bool
	decision  int64
	granted   bool
	delivered deliveredReview
}

// replaceReview makes the review a past one. If no answer said that the session had finished, the next end is the first that anybody can
// know.
func (m *memory) replaceReview(v *Review) {
	if len(m.past) == 0 && m.delivered.final == 0 {
		m.finished, m.end = 0, nil
	}
	m.past = append(m.past, pastReview{*v, m.final, m.decided, m.decision, m.granted, m.delivered})
	m.final, m.decided, m.decision, m.granted, m.delivered = nil, false, 0, false, deliveredReview{}
}

// deliveredReview is when an answer last delivered the review as pending, as undecided, and as not final, and last delivered it, its
// decision, and its final state; 0 is never.
type deliveredReview struct {
	pending, undecided, notFinal, any, decided, final int64
	groups                                            []deliveredGroup
}

// finishedAt returns when a finished row finished.
func (r *row) finishedAt() int64 {
	switch {
	case r.extra != nil && r.extra.memory.finished != 0:
		return r.extra.memory.finished
	case r.end != 0:
		return max(r.end, r.visible)
	}
	return r.visible
}

// remember records what is true for the first time of a visible row. Call it before every change, and also after it for rows with extra.
// finished is when the row finished, if it has. Plain sessions need no memory: they still are what they were at first.
func (g *Gateway) remember(r *row, finished, at int64) {
	f := g.statusOf(r)
	if f.state(at) == stateFinished {
		m := &r.ensureExtra().memory
		if m.finished == 0 {
			m.finished = finished
		}
		if m.end == nil {
			m.end = &f
		}
	}
	if f.review == nil {
		return
	}
	m := &r.extra.memory
	if m.final == nil {
		if final, yes := f.final(r.finishedAt(), at); yes {
			m.final = &final
		}
	}
	if !m.decided {
		m.decision, m.decided = f.review.decision()
		m.granted = m.decided && f.review.granted()
	}
}

// firstValues are the values of a row that metrics count.
type firstValues struct {
	ended    bool
	end      sessionStatus // if ended
	isFinal  bool
	final    finalReview // if isFinal
	decided  bool
	decision int64 // if decided
	granted  bool  // if decided
}

// firstValues returns what is remembered of a row or, without memory, what the row has been from the start.
func (g *Gateway) firstValues(r *row, f sessionStatus, now int64) firstValues {
	var out firstValues
	var m memory
	if r.extra != nil {
		m = r.extra.memory
	}
	if m.end != nil {
		out.ended, out.end = true, *m.end
	} else if f.state(now) == stateFinished {
		out.ended, out.end = true, f
	}
	if f.review == nil {
		return out
	}
	if m.final != nil {
		out.isFinal, out.final = true, *m.final
	} else {
		out.final, out.isFinal = f.final(r.finishedAt(), now)
	}
	if m.decided {
		out.decided, out.decision, out.granted = true, m.decision, m.granted
	} else {
		out.decision, out.decided = f.review.decision()
		out.granted = out.decided && f.review.granted()
	}
	return out
}
