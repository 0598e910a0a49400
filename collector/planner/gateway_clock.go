package planner

import (
	"errors"
	"slices"
	"time"
)

// gatewayClock knows the gateway's time: from the header Date of its answers, and in between from the exporter's monotonic clock.
//
// What always holds: no single answer moves the time. A first time is believed when the answer agrees with the exporter's own clock, or
// when several answers over a minute agree with each other. Afterwards the time is the smallest that several of the last answers support.
// Replicas of a gateway can disagree by minutes, and a session that any of them writes has to start after the watermark, so the slowest
// replica counts. Answers that differ from most of the others by more than a period are odd: a cache, or a replica with a wrong clock.
//
// For each answer, check comes first and observe after it. After that, the answer may be used only if known is true.
type gatewayClock struct {
	period  time.Duration
	base    time.Time // by the exporter's clock: offsets are relative to the time measured from here
	samples []sample  // of the last period, oldest first
	offset  time.Duration
	known   bool // offset is believed
	local   time.Time
	slept   time.Duration // how long the machine slept since base, as far as that is known

	page pageDates

	dateless      int // answers without a date while the gateway's time is not known
	datelessSince time.Time
}

// sample is what one answer shows: how far the gateway's clock is ahead of the exporter's monotonic clock.
type sample struct {
	date, local time.Time
	offset      time.Duration
}

const (
	// ownTolerance is how much an answer may differ from the exporter's own clock to be believed at once: two clocks that agree are right.
	ownTolerance = 30 * time.Second
	// doubtFor is how long answers that differ from the exporter's clock have to agree with each other before they are believed,
	// doubtTolerance how closely, and doubtAnswers how many it takes. If replicas disagree, they are believed after twice that time.
	doubtFor       = time.Minute
	doubtTolerance = 10 * time.Second
	doubtAnswers   = 3
	// probeEvery is how often the gateway is queried while its time is not known.
	probeEvery = 5 * time.Second

	// sampleSlot and slotSamples bound how many answers of one moment count: answers within seconds of each other are not independent.
	sampleSlot  = 30 * time.Second
	slotSamples = 3
	// support is how many answers it takes to move the time. They come from at least two slots.
	support = slotSamples + 1
	// recent is how many of the last answers decide what is odd.
	recent = 3 * slotSamples
	// copiedAfter is how long a date may be repeated; after that the answer must be a copy that a cache has kept.
	copiedAfter = 3 * time.Second
	// drift is how far the exporter's wall clock may differ from its monotonic clock between two answers.
	drift = 10 * time.Second
)

// noFloor is below all offsets.
const noFloor = time.Duration(-1 << 63)

// ErrNoDate rejects an answer without a date while the gateway's time is not known. Using the exporter's clock instead would lose sessions
// if that clock is wrong, so it is used only for a gateway whose answers never have a date.
var ErrNoDate = errors.New("the answer does not contain the gateway's time: a proxy in between must not remove the header Date")

// enoughDateless is how many answers without a date, over at least a period, it takes until the exporter's clock is used.
const enoughDateless = 10

// check fails for an answer without a date while the gateway's time is not known. A date that is repeated again and again counts as
// missing.
func (c *gatewayClock) check(date, local time.Time) error {
	if c.known || !date.IsZero() && !c.copied(date, local) {
		return nil
	}
	if c.dateless++; c.dateless == 1 {
		c.datelessSince = local
	}
	if c.dateless < enoughDateless || local.Sub(c.datelessSince) < c.period {
		return ErrNoDate
	}
	return nil
}

// copied reports whether the answer is a copy of an earlier one: its date stands still while time passes. It takes three answers with the
// same date to see that: of two, one can be from a replica whose clock is behind.
func (c *gatewayClock) copied(date, local time.Time) bool {
	first := slices.IndexFunc(c.samples, func(s sample) bool { return s.date.Equal(date) })
	return first >= 0 && slices.ContainsFunc(c.samples[first:], func(s sample) bool {
		return s.date.Equal(date) && s.local.Sub(c.samples[first].local) > copiedAfter && local.Sub(s.local) > copiedAfter
	})
}

// ErrCopy rejects a page that a cache has kept: it does not show what the gateway has written since.
var ErrCopy = errors.New("the answer is a copy of an earlier one, with the same header Date: exclude the API from the cache in between")

// ErrOld rejects an answer that a cache has kept, because it shows sessions as they were when the cache stored it.
var ErrOld = errors.New("the Date of the answer is behind by more than --sessions.overlap: exclude the API from the cache in between, or correct the clock of the replica that answered")

// checkAge fails if the date of an answer is behind the believed time by more than the period. Call it after observe.
func (c *gatewayClock) checkAge(date, local time.Time) error {
	if c.known && !date.IsZero() && c.now(local).Sub(date) > c.period {
		return ErrOld
	}
	return nil
}

// pageDates are the dates of pages. They show whether a cache keeps one page for all requests.
type pageDates struct {
	last         time.Time
	since, again time.Time // when the date last came for the first time, and for the latest time that counts, by the exporter's clock
	times        int       // how often it came, not counting repetitions within copiedAfter
	moved        bool      // another date came before: it is not a proxy that always sends the same one
}

// checkPage records the date of a page. It fails if pages have had this date for so long, or so often, that this one must be a copy. If
// replicas disagree, two pages in a row can have one date by chance. Call it before check.
func (c *gatewayClock) checkPage(date, local time.Time) error {
	p := &c.page
	switch {
	case date.IsZero():
		return nil
	case !date.Equal(p.last):
		*p = pageDates{last: date, since: local, again: local, times: 1, moved: p.moved || !p.last.IsZero()}
	case local.Sub(p.again) > copiedAfter:
		p.again, p.times = local, p.times+1
	}
	if c.known && p.moved && (p.times > 2 || p.times == 2 && local.Sub(p.since) > c.period/3) {
		return ErrCopy
	}
	return nil
}

// observe records the date of an answer that came when the exporter's clock showed local. If it has none, the time that is known goes on.
func (c *gatewayClock) observe(date, local time.Time) {
	if c.base.IsZero() {
		c.base = local
	}
	switch {
	case date.IsZero() || c.copied(date, local):
		if !c.known { // check has found that no answer has a date
			c.offset, c.known, c.local = c.ownOffset(local), true, local
		}
		return
	case c.known:
		c.resume(date, local)
	}
	s := sample{date, local, date.Sub(c.measured(local))}
	c.local = local
	c.add(s)
	if c.known {
		c.follow(local)
	} else {
		c.believe(s)
	}
}

// measured is the time that has passed by the monotonic clock, counted from base.
func (c *gatewayClock) measured(local time.Time) time.Time {
	return c.base.Round(0).UTC().Add(local.Sub(c.base))
}

// ownOffset is how far the exporter's wall clock is ahead of the measured time: because it was set since base, or because the machine
// slept.
func (c *gatewayClock) ownOffset(local time.Time) time.Duration {
	return local.Round(0).Sub(c.measured(local))
}

// resume corrects the offset after the machine slept: its monotonic clock stood still, and the gateway agrees with its wall clock. If the
// wall clock was merely set, the gateway does not agree with it, and nothing changes.
func (c *gatewayClock) resume(date, local time.Time) {
	slept := c.ownOffset(local) - c.ownOffset(c.local)
	if slept.Abs() <= drift || (date.Sub(c.measured(local))-c.offset-slept).Abs() > drift/2 {
		return
	}
	c.offset += slept
	c.slept += slept
	for i := range c.samples {
		c.samples[i].offset += slept
	}
}

// add adds a sample, unless there are enough of the same moment, and drops samples that are older than a period, except for the last few.
func (c *gatewayClock) add(s sample) {
	n := len(c.samples)
	if n >= slotSamples && s.local.Sub(c.samples[n-slotSamples].local) < sampleSlot {
		return
	}
	c.samples = append(c.samples, s)
	for len(c.samples) > recent && s.local.Sub(c.samples[1].local) >= c.period {
		c.samples = c.samples[1:]
	}
}

// believe decides, after the answer s, whether a first time is believed.
func (c *gatewayClock) believe(s sample) {
	last := c.samples[len(c.samples)-1]
	agree, since := c.agreeing(last)
	switch {
	case (s.offset - c.ownOffset(s.local)).Abs() <= ownTolerance:
		c.offset, c.known, c.samples = s.offset, true, []sample{s}
	case agree >= doubtAnswers && 2*agree > len(c.samples) && last.local.Sub(since) >= doubtFor:
		c.offset, c.known = c.smallest(1, last.offset-doubtTolerance), true
	case len(c.samples) >= recent && last.local.Sub(c.samples[0].local) >= 2*doubtFor:
		c.offset, c.known = c.smallest(support, c.usual()-c.period), true
	}
}

// agreeing returns how many samples agree with the last one, including it, and when the first of them came.
func (c *gatewayClock) agreeing(last sample) (n int, since time.Time) {
	for _, s := range c.samples {
		if (s.offset - last.offset).Abs() <= doubtTolerance {
			if n++; n == 1 {
				since = s.local
			}
		}
	}
	return n, since
}

// follow moves the time if enough answers support another one. It moves to an earlier time as soon as that is not odd, and to a later one
// only if almost no answer of a whole period was earlier.
func (c *gatewayClock) follow(local time.Time) {
	if len(c.samples) < support {
		return
	}
	if low := c.smallest(support, c.usual()-c.period); low < c.offset {
		c.offset = low
	} else if local.Sub(c.samples[0].local) >= c.period {
		c.offset = max(c.offset, c.smallest(support, noFloor))
	}
}

// usual is the offset that most of the last answers have.
func (c *gatewayClock) usual() time.Duration {
	last := c.samples[max(0, len(c.samples)-recent):]
	offsets := make([]time.Duration, len(last))
	for i, s := range last {
		offsets[i] = s.offset
	}
	slices.Sort(offsets)
	return offsets[len(offsets)/2]
}

// smallest is the smallest offset of at least floor that n answers support: n-1 others are not greater. If there are fewer than n, it is
// the greatest of them.
func (c *gatewayClock) smallest(n int, floor time.Duration) time.Duration {
	var offsets []time.Duration
	for _, s := range c.samples {
		if s.offset >= floor {
			offsets = append(offsets, s.offset)
		}
	}
	slices.Sort(offsets)
	return offsets[min(n, len(offsets))-1]
}

// own is what the exporter's clock would show if nobody had set it since the first answer.
func (c *gatewayClock) own(local time.Time) time.Time { return c.measured(local).Add(c.slept) }

// fastest is how far the most advanced of the last answers is ahead of the time that is believed: it is from a fast replica, or the clock
// was set and that is not believed yet.
func (c *gatewayClock) fastest() (ahead time.Duration) {
	if c.known {
		for _, s := range c.samples {
			ahead = max(ahead, s.offset-c.offset)
		}
	}
	return ahead
}

// slowest is how far several of the last answers are behind the time that is believed, and whether that is more than a period: a session
// that a replica with such a clock writes starts before the watermark.
func (c *gatewayClock) slowest() (behind time.Duration, ok bool) {
	if c.known && len(c.samples) >= support {
		behind = c.offset - c.smallest(support, noFloor)
	}
	return behind, behind > c.period
}

// doubtful reports whether the gateway has answered with a time that is not believed yet.
func (c *gatewayClock) doubtful() bool { return !c.known && len(c.samples) > 0 }

// mayProbe reports whether enough time has passed since the last answer to request the time again.
func (c *gatewayClock) mayProbe(local time.Time) bool { return local.Sub(c.local) >= probeEvery }

// now is the gateway's time when the exporter's clock shows local: a time that the clocks of all its replicas have reached. While it is not
// known, it is what the last answer says or, before the first one, the exporter's own.
func (c *gatewayClock) now(local time.Time) time.Time {
	switch {
	case c.known:
		return c.measured(local).Add(c.offset)
	case len(c.samples) > 0:
		return c.measured(local).Add(c.samples[len(c.samples)-1].offset)
	}
	return local.Round(0).UTC()
}
