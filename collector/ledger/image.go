package ledger

import (
	"maps"
	"slices"
	"time"
)

// Image is a ledger as it is written to disk. The same ledger always gives the same bytes.
type Image struct {
	// Facts is all that was counted, is unfinished or has not been read.
	Facts []byte
	// Times are those that go on while nothing happens: when sessions were last looked at, how far the newest page was read. Facts with
	// older Times are a ledger that has to look again at what it knew; it counts the same.
	Times []byte
}

// Image returns all that the ledger keeps. Users occur as hashes only.
func (l *Ledger) Image() Image {
	c := newCodec()
	c.stream = make(stream, 0, 128*len(l.tracked)+32*len(l.seen)+1024*len(l.counters)+1024)
	c.ledger(l)
	return Image{Facts: c.stream, Times: c.times}
}

// Restore returns a ledger that goes on where the one went whose Image this is, with settings that may be others. What is no state of
// a ledger is refused.
func Restore(o Options, s Image) (*Ledger, error) {
	l := newEmpty(o)
	c := newCodec()
	c.reading, c.stream, c.times = true, s.Facts, s.Times
	c.ledger(l)
	if c.err == nil && len(c.stream)+len(c.times) > 0 {
		c.fail("something follows its end")
	}
	if c.err != nil {
		return nil, c.err
	}
	l.resumed()
	return l, nil
}

// resumed makes what follows from the fields that were read.
func (l *Ledger) resumed() {
	l.prunedSize = len(l.seen)
	for name, c := range l.connections {
		maps.DeleteFunc(c.tags, func(key, _ string) bool { return !slices.Contains(l.options.ConnectionTags, key) })
		if len(c.tags) == 0 {
			c.tags = nil
		}
		switch {
		case l.newConnections[name]:
		case c.folded:
			l.folded++
		default:
			l.admitted++
		}
	}
}

// LastPublished returns what a snapshot of a restored ledger showed before it was written, as far as it outlives a stop: its counters and histograms.
func (l *Ledger) LastPublished() *Snapshot { return l.snapshot(l.head, nil) }

func (c *codec) ledger(l *Ledger) {
	c.base = 0
	c.time(&l.t0)
	c.check(!l.t0.IsZero(), "it does not say since when it counts")
	c.base = l.t0.Unix()
	c.passing(&l.head)
	c.passing(&l.watermark)
	c.passingUint(&l.generation)
	c.time(&l.backfillStart)
	c.bits(&l.baselineComplete, &l.pendingComplete)
	for _, v := range []*uint64{&l.lost, &l.abandoned, &l.malformedTotal} {
		c.uint(v)
	}
	c.unobserved(&l.unobserved)
	c.spans(&l.unread)
	for _, w := range []*labelLimiter{l.types, l.verbs, l.statuses, l.groups} {
		c.admitted(w)
	}
	entries(c, l.connections, func(name *string, v **connection) { c.connection(l, name, v) })
	c.accounts(l)
	entries(c, l.tracked, c.entry)
	c.seen(l)
	entries(c, l.malformed, func(key *string, start *time.Time) {
		c.id(key)
		c.time(start)
	})
	c.check(len(l.malformed) <= maxMalformed, "it remembers too many malformed sessions")
}

func (c *codec) unobserved(v *[Measures]uint64) {
	for m := range v {
		c.uint(&v[m])
	}
}

func (c *codec) spans(s *spans) {
	var last time.Time
	list(c, (*[]Span)(s), func(v *Span) {
		c.time(&v.From)
		c.time(&v.To)
		c.check(v.From.Before(v.To) && !v.From.Before(last), "unread stretches are not in order")
		last = v.To
	})
}

// admitted are the words beyond those that the program knows.
func (c *codec) admitted(w *labelLimiter) {
	var more []string
	for _, word := range sortedKeys(w.admitted) {
		if w.admitted[word] {
			more = append(more, word)
		}
	}
	list(c, &more, c.label)
	entries(c, w.candidates, func(word *string, waits *bool) {
		c.label(word)
		*waits = true
	})
	if !c.reading {
		return
	}
	for _, word := range more {
		if _, known := w.admitted[word]; !known {
			w.admitted[word] = true
			w.admittedUnknown++
		}
	}
	c.check(w.admittedUnknown <= w.limit, "there are more words than are admitted")
}

func (c *codec) connection(l *Ledger, name *string, v **connection) {
	if c.reading {
		*v = &connection{}
	}
	n, waits := *v, l.newConnections[*name]
	c.label(name)
	n.name = *name
	c.bits(&n.folded, &waits)
	c.id(&n.newest.id)
	c.time(&n.newest.start)
	c.label(&n.subtype)
	if c.reading {
		n.tags = map[string]string{}
	}
	entries(c, n.tags, func(key, value *string) {
		c.word(key)
		c.label(value)
	})
	if c.reading && waits {
		l.newConnections[*name] = true
	}
}

// entry is a session that is looked at again.
func (c *codec) entry(id *string, v **session) {
	if c.reading {
		*v = &session{}
	}
	e := *v
	c.id(id)
	e.id = *id
	c.label(&e.target.Connection)
	c.label(&e.target.Type)
	c.hash(&e.userHash)
	c.time(&e.start)
	c.passing(&e.lastSeen)
	c.time(&e.doneSeen)
	missed := uint64(e.misses)
	c.uint(&missed)
	e.misses = int(min(missed, 1<<30))
	c.facts(&e.sessionStatus)
	c.bits(&e.leftPendingList, &e.lost, &e.countedStart, &e.countedFinish, &e.countedRequest, &e.countedResolve, &e.countedWait, &e.sawUnfinished, &e.sawReviewOpen, &e.sawUndecided)
}

func (c *codec) facts(f *sessionStatus) {
	exited, reviewed := f.exitCode != nil, f.review != nil
	c.bits(&exited, &reviewed)
	c.word(&f.verb)
	c.word(&f.status)
	c.time(&f.end)
	c.int(&f.eventSize)
	if exited {
		code := int64(0)
		if !c.reading {
			code = int64(*f.exitCode)
		}
		if c.int(&code); c.reading {
			exit := int(code)
			f.exitCode = &exit
		}
	}
	if reviewed {
		if c.reading {
			f.review = &review{}
		}
		c.review(f.review)
	}
}

func (c *codec) review(r *review) {
	c.word(&r.kind)
	c.word(&r.status)
	for _, t := range []*time.Time{&r.created, &r.revokeAt, &r.decision, &r.revokedAt} {
		c.time(t)
	}
	list(c, &r.pendingGroups, c.word)
}

// seen leaves out what a ledger may forget at any time.
func (c *codec) seen(l *Ledger) {
	entriesBy(c, l.seen, l.mustRemember, nil, func(id *string, m *seenRow) {
		c.id(id)
		c.bits(&m.malformed)
		c.time(&m.start)
	})
}

// accounts are what was counted, target by target.
func (c *codec) accounts(l *Ledger) {
	all := make([]*targetCounters, 0, len(l.counters))
	for _, a := range l.counters {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *targetCounters) int { return a.target.compare(b.target) })
	list(c, &all, func(v **targetCounters) {
		if c.reading {
			*v = newTargetCounters(Target{})
		}
		c.account(*v)
		c.check(l.counters[(*v).target] == nil || !c.reading, "a target is there twice")
		l.counters[(*v).target] = *v
	})
}

func (c *codec) account(a *targetCounters) {
	c.label(&a.target.Connection)
	c.label(&a.target.Type)
	counted := a.histograms[0] != nil
	c.bits(&a.committed, &a.exposed, &counted)
	c.time(&a.lastStart)
	c.unobserved(&a.unobserved)
	for _, m := range []map[string]*series{a.started, a.finished, a.exitCodes, a.resolved} {
		entriesBy(c, m, nil, &c.labels, func(label *string, s **series) {
			if c.reading {
				*s = &series{}
			}
			c.label(label)
			c.series(*s)
		})
	}
	c.series(&a.requested)
	if !counted {
		return
	}
	for m := range a.histograms {
		if c.reading {
			a.histograms[m] = newHistogram(Measure(m))
		}
		c.histogram(Measure(m), a.histograms[m])
	}
}

// birth of what is shown as it is needs no more than when that was.
func (c *codec) birth(b *lifecycle) {
	c.instant(&b.created)
	c.bits(&b.released)
	if b.released {
		return
	}
	hold := uint64(b.hold)
	c.uint(&b.generation)
	c.uint(&hold)
	c.instant(&b.servedAt)
	b.hold = time.Duration(hold)
	c.check(b.hold >= 0, "a series is held for ever")
}

func (c *codec) series(s *series) {
	c.birth(&s.lifecycle)
	same := s.published == s.value
	c.bits(&same, &s.exemplar.set)
	c.uint(&s.value)
	if same {
		s.published = s.value
	} else {
		c.uint(&s.published)
	}
	c.check(s.published <= s.value, "a counter has shown more than was counted")
	one := 1.0
	c.exemplar(&s.exemplar, &one)
}

// exemplar is of a series whose exemplars all have the same value, or each its own where that is nil.
func (c *codec) exemplar(e *exemplar, value *float64) {
	if !e.set {
		return
	}
	c.packedID(&e.session.id, &e.id)
	c.instant(&e.at)
	if e.at.IsZero() {
		c.time(&e.session.start) // another one may still be newer
	}
	if value != nil {
		e.value = *value
	} else {
		c.float(&e.value)
	}
}

func (c *codec) histogram(m Measure, h *histogram) {
	bounds := Bounds(m)
	shown := h.published != nil
	same := shown && h.published.Count == h.count
	c.birth(&h.lifecycle)
	c.bits(&shown, &same)
	c.uint(&h.count)
	c.int(&h.sum)
	c.check(h.sum >= 0, "a histogram's sum is below 0")
	c.buckets(&h.classic, len(bounds)+1, h.count)
	var set [32]*bool
	for i := range h.exemplars {
		set[i] = &h.exemplars[i].set
	}
	c.bits(set[:len(h.exemplars)]...)
	for i := range h.exemplars {
		c.exemplar(&h.exemplars[i], nil)
	}
	c.native(&h.schema, &h.zero, &h.native, h.count)
	switch {
	case !shown, c.err != nil:
	case !same:
		if c.reading {
			h.published = h.emptySnapshot(bounds)
		}
		c.shown(h.published)
		c.check(h.published.Count <= h.count, "a histogram has shown more than was counted")
	case c.reading:
		h.published = h.fullSnapshot(m, bounds)
	}
}

// shown is what a histogram shows that has counted more by now.
func (c *codec) shown(s *Histogram) {
	c.uint(&s.Count)
	c.float(&s.Sum)
	c.buckets(&s.Buckets, len(s.Bounds)+1, s.Count)
	for i := range s.Exemplars {
		e := exemplar{set: s.Exemplars[i] != nil}
		if e.set {
			e.session.id, e.value, e.at = s.Exemplars[i].SessionID, s.Exemplars[i].Value, s.Exemplars[i].At
			e.id = pack(e.session.id)
		}
		c.bits(&e.set)
		if c.exemplar(&e, nil); c.reading {
			s.Exemplars[i] = e.publish()
		}
	}
	c.native(&s.Schema, &s.Zero, &s.Native, s.Count)
}

// buckets are the classic ones.
func (c *codec) buckets(b *[]uint64, n int, count uint64) {
	c.check(c.count(len(*b)) == n && len(*b) == n, "a histogram has other buckets")
	sum := uint64(0)
	for i := range *b {
		c.uint(&(*b)[i])
		c.check((*b)[i] <= count-sum, "a histogram's buckets are not its count")
		sum += (*b)[i]
	}
	c.check(sum == count, "a histogram's buckets are not its count")
}

// native are the native ones.
func (c *codec) native(schema *int32, zero *uint64, b *[]NativeBucket, count uint64) {
	wide := int64(*schema)
	c.int(&wide)
	c.check(wide <= nativeSchema && wide >= nativeSchemaMin, "a histogram's resolution is none")
	if c.reading {
		*schema = int32(wide)
	}
	c.uint(zero)
	c.check(*zero <= count, "a histogram's buckets are not its count")
	const lowest = -1 << 20 // far below any index that there is
	sum, last := *zero, int64(lowest)
	list(c, b, func(v *NativeBucket) {
		step := int64(v.Index) - last
		c.int(&step)
		last += step
		c.check(step > 0 && last < -lowest, "a histogram's buckets are not in order")
		if c.reading {
			v.Index = int32(last)
		}
		c.uint(&v.Count)
		c.check(v.Count <= count-sum, "a histogram's buckets are not its count")
		sum += v.Count
	})
	c.check(sum == count && len(*b) <= nativeBuckets, "a histogram's buckets are not its count")
}
