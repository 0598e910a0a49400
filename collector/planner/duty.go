package planner

import "time"

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

// Duty is the bucket that requests to one gateway address are charged to, by the time that they really took. What a kind leaves
// goes to the others. The zero value is not usable: see NewDuty.
type Duty struct {
	level [kinds]time.Duration
	last  time.Time
}

// NewDuty returns a full bucket.
func NewDuty(now time.Time) *Duty {
	d := &Duty{last: now}
	for k := range kinds {
		d.level[k] = k.full()
	}
	return d
}

func (k Kind) full() time.Duration { return time.Duration(k.share() * float64(burst)) }

// refill adds what has come since the last time, at rate seconds a second.
func (d *Duty) refill(now time.Time, rate float64) {
	income := time.Duration(float64(now.Sub(d.last)) * rate)
	d.last = now
	for range kinds { // each round fills at least one kind, or spends all
		var hungry float64
		for k := range kinds {
			if d.level[k] < k.full() {
				hungry += k.share()
			}
		}
		if income <= 0 || hungry == 0 {
			return
		}
		left := income
		for k := range kinds {
			if d.level[k] < k.full() {
				part := min(time.Duration(float64(income)*k.share()/hungry), k.full()-d.level[k])
				d.level[k] += part
				left -= part
			}
		}
		income = left
	}
}

// allows tells whether a request of the kind may be made now.
func (d *Duty) allows(k Kind) bool { return d.level[k] > 0 }

// charge takes what a request took. It may leave a debt.
func (d *Duty) charge(k Kind, took time.Duration) { d.level[k] -= took }
