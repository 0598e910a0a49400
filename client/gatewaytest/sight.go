package gatewaytest

// sighting is what an answer says about a session, as far as it matters to what must be counted: whoever got it knows.
type sighting struct {
	row                                      uint32
	unfinished, pending, undecided, unrested bool
}

// sight is what an answer given now says about a row.
func (g *Gateway) sight(i uint32) sighting {
	r := g.at(i)
	f := g.facts(r)
	s := sighting{row: i, unfinished: f.state(g.now) != stateFinished}
	if v := f.review; v != nil {
		_, decided := v.decision()
		_, rested := f.rest(r.finishedAt(), g.now)
		s.pending, s.undecided, s.unrested = v.Status == pending, !decided, !rested
	}
	return s
}

// saw notes what a client got to know when an answer was delivered.
func (g *Gateway) saw(all []sighting, at int64) {
	for _, s := range all {
		r := g.at(s.row)
		r.mark(served, true)
		r.mark(knownOpen, s.unfinished)
		if s.unfinished {
			r.seenOpen = at
		}
		if r.more == nil {
			continue
		}
		p := &r.more.past.shown
		for _, x := range []struct {
			yes  bool
			when *int64
		}{{s.pending, &p.pending}, {s.undecided, &p.undecided}, {s.unrested, &p.unrested}} {
			if x.yes {
				*x.when = at
			}
		}
	}
}
