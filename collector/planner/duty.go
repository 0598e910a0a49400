package planner

import (
	"slices"
	"sync"
	"time"
)

// Kind says what a request is for. Each kind has its share of the duty.
type Kind int

// The kinds, in the order in which a refresh serves them.
const (
	Head Kind = iota
	Pending
	Recheck
	Backlog
	kinds
)

// String is the kind's name in logs.
func (k Kind) String() string { return [...]string{"head", "pending", "recheck", "backlog"}[k] }

// burst is how much time requests may take at once after a rest.
const burst = 10 * time.Second

// share is a kind's part of the duty.
func (k Kind) share() float64 { return [...]float64{0.4, 0.2, 0.2, 0.2}[k] }

// Duty is the bucket that requests to one gateway address are charged to, by the time that they really took. All who ask there have a
// [Purse] each: an equal part of what comes in, of which each kind has its share. What one leaves goes to the others. It is safe for concurrent use.
type Duty struct {
	mu     sync.Mutex
	purses []*Purse
	last   time.Time
	spare  [kinds]time.Duration // what the last one who left had, or owed
	quiet  time.Time            // nobody asks before

	struck *Purse // the one whose requests have no answer, as far as nobody has had any since
	down   bool   // another one has had none either: it is the gateway

	line  []*Purse      // those whom the others' debts keep waiting, the one that has waited longest first
	visit time.Duration // what one of them takes once it is its turn, on average
}

// Purse is what one planner may spend. It is safe for concurrent use.
type Purse struct {
	duty  *Duty
	rate  float64 // what its planner thinks that the address may be asked for
	level [kinds]time.Duration
	quiet time.Time // it does not ask before

	unanswered bool // the gateway had no answer for it the last time

	visiting bool          // it has its turn, until its planner begins something else
	spent    time.Duration // since then
	asked    time.Time     // when it was last sent to the line
}

// NewDuty returns a bucket that nobody spends from yet.
func NewDuty(now time.Time) *Duty {
	d := &Duty{last: now}
	for k := range kinds {
		d.spare[k] = time.Duration(k.share() * float64(burst))
	}
	return d
}

// Join returns a purse with what the others have to give up, since together they hold no more than one burst. Who leaves and joins again
// gets nothing by that.
func (d *Duty) Join(now time.Time) *Purse {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refill(now)
	p := &Purse{duty: d, level: d.spare}
	d.spare = [kinds]time.Duration{}
	d.purses = append(d.purses, p)
	for k := range kinds {
		full := d.full(k)
		for _, o := range d.purses {
			if over := o.level[k] - full; o != p && over > 0 {
				o.level[k] -= over
				p.level[k] += over
			}
		}
		p.level[k] = min(p.level[k], full)
	}
	return p
}

// Leave gives the purse up. What it owes is still owed: the gateway has worked for it.
func (p *Purse) Leave() {
	d := p.duty
	d.mu.Lock()
	defer d.mu.Unlock()
	d.purses = slices.DeleteFunc(d.purses, func(o *Purse) bool { return o == p })
	d.line = slices.DeleteFunc(d.line, func(o *Purse) bool { return o == p })
	if d.struck == p {
		d.struck = nil
	}
	if len(d.purses) == 0 {
		d.spare, d.quiet = p.level, later(d.quiet, p.quiet)
		return
	}
	for k := range kinds {
		for _, o := range d.purses {
			o.level[k] += min(p.level[k], 0) / time.Duration(len(d.purses))
		}
	}
}

// full is how much one purse can hold of a kind.
func (d *Duty) full(k Kind) time.Duration {
	return time.Duration(k.share() * float64(burst) / float64(len(d.purses)))
}

// refill adds what has come since the last time, at as many seconds a second as the one thinks who thinks the most: during the first
// read-back of one of them the address may be asked for more.
func (d *Duty) refill(now time.Time) {
	var rate float64
	for _, p := range d.purses {
		rate = max(rate, p.rate)
	}
	elapsed := now.Sub(d.last)
	if elapsed > -time.Minute && elapsed < time.Millisecond {
		return // its parts would be lost in rounding, or another purse was quicker: only a clock that was set back goes back for long
	}
	income := time.Duration(float64(elapsed) * rate)
	d.last = now
	for income > 0 { // each round fills at least one kind of one purse, or spends all
		var hungry float64
		for k := range kinds {
			hungry += k.share() * float64(d.below(k))
		}
		left := income
		for k := range kinds {
			for _, p := range d.purses {
				if room := d.full(k) - p.level[k]; room > 0 {
					part := min(time.Duration(float64(income)*k.share()/hungry), room)
					p.level[k] += part
					left -= part
				}
			}
		}
		if left >= income-time.Duration(len(d.purses))*time.Duration(kinds) {
			return // nobody has room for more than a rounding error
		}
		income = left
	}
}

// below counts the purses that are not full of a kind.
func (d *Duty) below(k Kind) (n int) {
	for _, p := range d.purses {
		if p.level[k] < d.full(k) {
			n++
		}
	}
	return n
}

// refill adds what has come since the last time. rate is what this purse's planner thinks that the address may be asked for.
func (p *Purse) refill(now time.Time, rate float64) {
	p.duty.mu.Lock()
	defer p.duty.mu.Unlock()
	p.rate = rate
	p.duty.refill(now)
}

// begin tells that its planner begins something else: it has no turn any more.
func (p *Purse) begin() {
	d := p.duty
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.visiting && p.spent > 0 {
		d.visit = (3*d.visit + p.spent) / 4
	}
	p.visiting, p.spent = false, 0
}

// allows tells whether a request of the kind may be made now. One that is dear keeps its own kind waiting, and the others at the address
// only where they would make more than another burst of debts (those of one whom the gateway does not answer, while it answers others, are its
// own: it pays for them out of its part). Then they go one after the other, in the order in which they first wanted to:
// otherwise, those that happen to ask first would each time take all there is.
func (p *Purse) allows(k Kind) bool {
	p.duty.mu.Lock()
	defer p.duty.mu.Unlock()
	var debts time.Duration
	for _, o := range p.duty.purses {
		if o != p && (!o.unanswered || p.duty.down) {
			debts += max(0, -o.sum())
		}
	}
	return p.level[k] > 0 && (p.visiting && debts <= burst+burst/2 || p.enter(debts))
}

// keepPlace is how long who was sent to the line has a place there without asking again.
const keepPlace = 2 * time.Minute

// enter begins its turn, if there is room for it and for those before it in the line. Otherwise it has a place there.
func (p *Purse) enter(debts time.Duration) bool {
	d := p.duty
	d.line = slices.DeleteFunc(d.line, func(o *Purse) bool { return d.last.Sub(o.asked) > keepPlace })
	before := slices.Index(d.line, p)
	if before < 0 {
		before = len(d.line)
		d.line = append(d.line, p)
	}
	p.asked = d.last
	if debts+time.Duration(before)*d.visit > burst {
		return false
	}
	d.line = slices.Delete(d.line, before, before+1)
	p.visiting = true
	return true
}

func (p *Purse) sum() (sum time.Duration) {
	for _, l := range p.level {
		sum += l
	}
	return sum
}

// othersWait is for how long an organisation's trouble keeps the others at its address from asking.
const othersWait = 30 * time.Second

// silence has the planner ask nothing before a moment, because the gateway said so, or works on something that was given up. The others at the
// address wait for no longer than half a minute, unless they have found out that the gateway does not answer them either.
func (p *Purse) silence(now, until time.Time) {
	p.noAnswer()
	d := p.duty
	d.mu.Lock()
	defer d.mu.Unlock()
	p.quiet = later(p.quiet, until)
	if most := now.Add(othersWait); !d.down && until.After(most) {
		until = most
	}
	d.quiet = later(d.quiet, until)
}

// noAnswer notes that the gateway had no answer.
func (p *Purse) noAnswer() {
	d := p.duty
	d.mu.Lock()
	defer d.mu.Unlock()
	p.unanswered = true
	d.down = d.down || d.struck != nil && d.struck != p
	d.struck = p
}

// answered notes that the gateway had an answer.
func (p *Purse) answered() {
	d := p.duty
	d.mu.Lock()
	defer d.mu.Unlock()
	p.unanswered, d.struck, d.down = false, nil, false
}

// silent tells whether nothing may be asked now.
func (p *Purse) silent(now time.Time) bool {
	p.duty.mu.Lock()
	defer p.duty.mu.Unlock()
	return now.Before(p.duty.quiet) || now.Before(p.quiet)
}

// left is what may be spent on a kind before it is in debt.
func (p *Purse) left(k Kind) time.Duration {
	p.duty.mu.Lock()
	defer p.duty.mu.Unlock()
	return p.level[k]
}

// charge takes what a request took. It may leave a debt.
func (p *Purse) charge(k Kind, took time.Duration) {
	p.duty.mu.Lock()
	defer p.duty.mu.Unlock()
	p.level[k] -= took
	p.spent += took
}
