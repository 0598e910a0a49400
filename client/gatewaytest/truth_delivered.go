package gatewaytest

// delivery is what an answer says about one session. What an exporter must count depends on it: a client that received the answer knows
// these facts.
type delivery struct {
	row                                      uint32
	unfinished, pending, undecided, notFinal bool
	reviewed                                 bool
}

// deliveryOf returns what an answer sent now says about a row.
func (g *Gateway) deliveryOf(i uint32) delivery {
	r := g.at(i)
	f := g.statusOf(r)
	s := delivery{row: i, unfinished: f.state(g.now) != stateFinished}
	if v := f.review; v != nil {
		_, decided := v.decision()
		_, isFinal := f.final(r.finishedAt(), g.now)
		s.reviewed, s.pending, s.undecided, s.notFinal = true, v.Status == pending, !decided, !isFinal
	}
	return s
}

// recordDeliveries records what a client learned from an answer at a moment.
func (g *Gateway) recordDeliveries(all []delivery, at int64) {
	for _, s := range all {
		r := g.at(s.row)
		r.mark(delivered, true)
		r.mark(lastDeliveredOpen, s.unfinished)
		if s.unfinished {
			r.deliveredOpen = at
		}
		if r.extra == nil {
			continue
		}
		p := &r.extra.memory.delivered
		for _, x := range []struct {
			yes  bool
			when *int64
		}{
			{s.pending, &p.pending},
			{s.undecided, &p.undecided},
			{s.notFinal, &p.notFinal},
			{s.reviewed, &p.any},
			{s.reviewed && !s.undecided, &p.decided},
			{s.reviewed && !s.notFinal, &p.final},
		} {
			if x.yes {
				*x.when = at
			}
		}
	}
}
