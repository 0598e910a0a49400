package gatewaytest

// delivery is what an answer says about one session. What an exporter must count depends on it: a client that received the answer knows
// these facts.
type delivery struct {
	row                                      uint32
	unfinished, pending, undecided, notFinal bool
	reviewed                                 bool
	old                                      bool    // the answer is one of an old gateway
	groups                                   []Group // of the review
}

// deliveryOf returns what an answer sent now says about a row.
func (g *Gateway) deliveryOf(i uint32) delivery {
	r := g.at(i)
	f := g.statusOf(r)
	s := delivery{row: i, unfinished: f.state(g.now) != stateFinished, old: g.cfg.Dialect == Old}
	if v := f.review; v != nil {
		_, decided := v.decision()
		_, isFinal := f.final(r.finishedAt(), g.now)
		s.reviewed, s.pending, s.undecided, s.notFinal, s.groups = true, v.Status == pending, !decided, !isFinal, v.Groups
	}
	return s
}

// recordDeliveries records what a client learned from an answer at a moment.
func (g *Gateway) recordDeliveries(all []delivery, at int64) {
	for _, s := range all {
		r := g.at(s.row)
		r.recordDialect(s)
		r.mark(delivered, true)
		r.mark(lastDeliveredOpen, s.unfinished)
		if s.unfinished {
			r.deliveredOpen = at
		}
		if r.extra == nil {
			continue
		}
		if s.pending && r.extra.memory.firstPending == 0 {
			r.extra.memory.firstPending = at
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
		p.recordGroups(s.groups, at)
	}
}

// recordDialect records which version of the gateway delivered a row first, and which one delivered it first as finished: the two use
// different words.
func (r *row) recordDialect(s delivery) {
	if !r.is(delivered) {
		r.mark(deliveredFirstByOld, s.old)
	}
	if !s.unfinished && !r.is(deliveredEnd) {
		r.mark(deliveredEnd, true)
		r.mark(deliveredEndByOld, s.old)
	}
	if s.old {
		r.mark(deliveredByOld, true)
	} else {
		r.mark(deliveredByNew, true)
	}
}

// deliveredGroup is what answers delivered about the decision of one group.
type deliveredGroup struct {
	name     string
	pending  int64 // when an answer last delivered it as undecided; 0: never
	decision Group // as first delivered, if its Status is set
}

// decidedGroups returns the decisions of groups that answers delivered.
func (p *deliveredReview) decidedGroups() (decided []Group) {
	for _, g := range p.groups {
		if g.decision.Status != "" {
			decided = append(decided, g.decision)
		}
	}
	return decided
}

// recordGroups records what an answer delivers about each group at a moment. Of a group that occurs twice, the first decision is recorded.
func (p *deliveredReview) recordGroups(groups []Group, at int64) {
	for _, d := range groups {
		known := p.group(d.Group)
		if known == nil {
			p.groups = append(p.groups, deliveredGroup{name: d.Group})
			known = &p.groups[len(p.groups)-1]
		}
		switch {
		case known.decision.Status != "":
		case d.Status == pending, d.Status == "":
			known.pending = at
		default:
			known.decision = d
		}
	}
}

// group returns what was delivered about a group; nil is nothing.
func (p *deliveredReview) group(name string) *deliveredGroup {
	for i := range p.groups {
		if p.groups[i].name == name {
			return &p.groups[i]
		}
	}
	return nil
}
