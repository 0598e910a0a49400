package gatewaytest

import "container/heap"

// Life says what happens by itself.
type Life struct {
	// Rate is the number of sessions that start in a second, on average. 0: nothing happens.
	Rate float64
}

// life is what is yet to happen.
type life struct {
	queue events
	seq   uint64
}

func (l *life) start(g *Gateway, cfg Life) {}

// at has do done when the clock gets there.
func (l *life) at(micros int64, do func()) {
	l.seq++
	heap.Push(&l.queue, event{micros, l.seq, do})
}

// advance plays all events up to now, in the order of their times.
func (g *Gateway) advance(now int64) {
	for len(g.life.queue) > 0 && g.life.queue[0].at <= now {
		e := heap.Pop(&g.life.queue).(event)
		g.now = max(g.now, e.at)
		e.do()
	}
	g.now = max(g.now, now)
}

type event struct {
	at  int64
	seq uint64
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}
