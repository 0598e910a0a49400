package planner

import "time"

// ceil is t rounded up to the next whole second: the end that a window must have to include t.
func ceil(t time.Time) time.Time {
	if f := t.Truncate(time.Second); !f.Equal(t) {
		return f.Add(time.Second)
	}
	return t
}
