package gatewaytest

import "container/heap"

// schedule calls do when the clock reaches a moment.
func (l *life) schedule(micros int64, do func()) {
	l.seq++
	heap.Push(&l.queue, timer{micros, l.seq, do})
}

// advance calls what was scheduled up to now, in the order of the times.
func (g *Gateway) advance(now int64) {
	for len(g.life.queue) > 0 && g.life.queue[0].at <= now {
		e := heap.Pop(&g.life.queue).(timer)
		g.now = max(g.now, e.at)
		e.do()
	}
	g.now = max(g.now, now)
}

// timer is a function to call at a moment. Timers of the same moment are called in the order in which they were scheduled.
type timer struct {
	at  int64 // Unix microseconds
	seq uint64
	do  func()
}

// timers is a heap with the next timer first.
type timers []timer

// Len implements heap.Interface.
func (e timers) Len() int { return len(e) }

// Less implements heap.Interface.
func (e timers) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}

// Swap implements heap.Interface.
func (e timers) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *timers) Push(x any) { *e = append(*e, x.(timer)) }

// Pop implements heap.Interface.
func (e *timers) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = timer{}
	*e = old[:len(old)-1]
	return last
}
