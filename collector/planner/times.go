package planner

import "time"

// tick is the resolution of the gateway's timestamps.
const tick = time.Microsecond

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// ceil is t rounded up to the next whole second: the end that a window must have to include t.
func ceil(t time.Time) time.Time {
	if f := t.Truncate(time.Second); !f.Equal(t) {
		return f.Add(time.Second)
	}
	return t
}
