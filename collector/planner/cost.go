package planner

import "time"

// cost is a moving average of what a kind of request takes.
type cost struct {
	took  float64 // nanoseconds
	known bool
}

func (c *cost) mean() time.Duration { return time.Duration(c.took) }

func (c *cost) add(took time.Duration) {
	if !c.known {
		c.took, c.known = float64(took), true
		return
	}
	c.took += (float64(took) - c.took) / 5
}
