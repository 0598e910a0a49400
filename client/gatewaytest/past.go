package gatewaytest

// past is what happened to a row for the first time. Metrics count what the gateway said then, whatever it says later.
type past struct {
	finished int64   // when the row first finished, 0 while it has not
	end      *facts  // as it was when it first ended, set once that is about to change
	rest     *rest   // how its review came to rest
	decided  bool    // whether the review was
	decision int64   // when
	shown    showing // what answers said about the review
}

// showing is when an answer last delivered a review as pending, as undecided, as not at rest; 0 is never.
type showing struct{ pending, undecided, unrested int64 }

// finishedAt is when a row that has finished did so.
func (r *row) finishedAt() int64 {
	switch {
	case r.more != nil && r.more.past.finished != 0:
		return r.more.past.finished
	case r.end != 0:
		return max(r.end, r.visible)
	}
	return r.visible
}

// remember keeps what is true of a visible row for the first time. It is called before every change, and after it
// of rows that have more to them, with the moment when the row finished if it has. So plain sessions need no memory: they are what they first were.
func (g *Gateway) remember(r *row, finished, at int64) {
	f := g.facts(r)
	if f.state(at) == stateFinished {
		p := &r.extra().past
		if p.finished == 0 {
			p.finished = finished
		}
		if p.end == nil {
			p.end = &f
		}
	}
	if f.review == nil {
		return
	}
	p := &r.more.past
	if p.rest == nil {
		if how, yes := f.rest(r.finishedAt(), at); yes {
			p.rest = &how
		}
	}
	if !p.decided {
		p.decision, p.decided = f.review.decision()
	}
}

// firsts are what counts of a row at a moment.
type firsts struct {
	ended    bool
	end      facts // where ended
	rested   bool
	rest     rest // where rested
	decided  bool
	decision int64 // where decided
}

// firsts are what is remembered and, where nothing is, what the row has been all along.
func (g *Gateway) firsts(r *row, f facts, now int64) firsts {
	var out firsts
	var p past
	if r.more != nil {
		p = r.more.past
	}
	if p.end != nil {
		out.ended, out.end = true, *p.end
	} else if f.state(now) == stateFinished {
		out.ended, out.end = true, f
	}
	if f.review == nil {
		return out
	}
	if p.rest != nil {
		out.rested, out.rest = true, *p.rest
	} else {
		out.rest, out.rested = f.rest(r.finishedAt(), now)
	}
	if p.decided {
		out.decided, out.decision = true, p.decision
	} else {
		out.decision, out.decided = f.review.decision()
	}
	return out
}
