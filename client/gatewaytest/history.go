package gatewaytest

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// HistoryOptions says what the sessions of [Gateway.AddHistory] are like. The zero value: finished, on 12 connections
// by 50 users, 2 % with a review.
type HistoryOptions struct {
	// Connections is the number of connections, 12 by default; ConnectionList, where set, names them instead.
	Connections    int
	ConnectionList []Connection
	// Users is the number of users, 50 by default.
	Users int
	// Reviewed is the share of finished sessions that had a review; 0 is 2 %, negative none.
	Reviewed float64
	// Duration is the mean time from start to end, 2 minutes by default.
	Duration time.Duration
	// Unfinished of the sessions have not finished and never will by themselves, their ages spread over the stretch.
	// Pending of these wait for a review, Ready of these are approved and wait to be run, all others run.
	Unfinished, Pending, Ready int
}

func (o HistoryOptions) filled() HistoryOptions {
	if o.Connections <= 0 {
		o.Connections = 12
	}
	if o.ConnectionList == nil {
		o.ConnectionList = Connections(o.Connections)
	}
	if o.Users <= 0 {
		o.Users = 50
	}
	if o.Reviewed == 0 {
		o.Reviewed = 0.02
	}
	if o.Duration <= 0 {
		o.Duration = 2 * time.Minute
	}
	return o
}

// AddHistory puts in n sessions that started between from and to and are visible at once, spread evenly with some
// chance. It is quick: a million take a second or two.
func (g *Gateway) AddHistory(n int, from, to time.Time, opt HistoryOptions) {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
	opt = opt.filled()
	h := history{g: g, opt: opt, rng: rand.New(rand.NewPCG(g.cfg.Seed, uint64(g.size())+1))}
	for _, c := range opt.ConnectionList {
		h.conns = append(h.conns, g.internConnection(c))
	}
	for u := range opt.Users {
		email, id, name := userNames(u)
		h.users = append(h.users, g.users.intern(userKey{email, id, name}))
	}
	h.metas = append(h.metas, 0, 0, 0, 0, 0, 0, 0, 0)
	for t := range 2 {
		h.metas = append(h.metas, g.blobs.intern(fmt.Sprintf(`{"ticket":"OPS-%d"}`, 1000+t)))
	}
	rows := make([]uint32, n)
	first, span := from.UnixMicro(), float64(to.Sub(from).Microseconds())
	for k := range n {
		start := first + int64((float64(k)+h.rng.Float64())*span/float64(n))
		r := h.row(start)
		switch u, open := h.turn(k, n, opt.Unfinished); {
		case open:
			h.unfinished(&r, u)
		case opt.Reviewed > 0 && h.rng.Float64() < opt.Reviewed:
			h.reviewed(&r)
		}
		rows[k] = g.push(r)
	}
	g.show(rows...)
}

// internConnection gives the connection its number.
func (g *Gateway) internConnection(c Connection) uint32 {
	return g.conns.intern(connKey{c.Name, c.Type, c.Subtype, "", c.Name, tagsJSON(c.Tags)})
}

type history struct {
	g            *Gateway
	opt          HistoryOptions
	rng          *rand.Rand
	conns, users []uint32
	metas        []uint32
}

// turn spreads m special rows evenly among n: whether the k-th row is one, and which.
func (h *history) turn(k, n, m int) (int, bool) {
	if m <= 0 {
		return 0, false
	}
	before, after := k*m/n, (k+1)*m/n
	return before, after > before
}

// row is a session that finished well.
func (h *history) row(start int64) row {
	g, rng := h.g, h.rng
	verb := "exec"
	if rng.Float64() < 0.3 {
		verb = "connect"
	}
	end := start + max(1, int64(rng.ExpFloat64()*float64(h.opt.Duration.Microseconds())))
	r := row{
		id: g.newKey(rng), start: start, end: max(start, min(end, g.now)), size: int64(rng.ExpFloat64() * 50_000), visible: start,
		conn: h.conns[rng.IntN(len(h.conns))], user: h.users[rng.IntN(len(h.users))], meta: h.metas[rng.IntN(len(h.metas))],
		script: int32(20 + rng.IntN(300)), exit: 0,
		verb: uint16(g.words.intern(verb)), status: uint16(g.words.intern("done")), flags: hasMetrics,
	}
	switch x := rng.Float64(); {
	case x < 0.05:
		r.exit = 1
	case verb == "connect":
		r.exit = 254
	}
	return r
}

// review is one that was asked for when the session started.
func (h *history) review(r *row, kind, status string) *Review {
	created := timeOf(r.start).Truncate(time.Millisecond)
	v := &Review{
		ID: h.g.newKey(h.rng).String(), Type: kind, Status: status, CreatedAt: created,
		Groups: []Group{{ID: h.g.newKey(h.rng).String(), Group: "sre", Status: "PENDING"}},
	}
	if kind == "jit" {
		v.AccessDuration = 30 * time.Minute
	}
	return v
}

// decide has the review decided a while after it was asked for, as far as there has been time for it.
func (h *history) decide(v *Review, status string) {
	at := v.CreatedAt.Add(time.Duration(h.rng.ExpFloat64() * float64(time.Minute)).Truncate(time.Millisecond))
	if now := timeOf(h.g.now).Truncate(time.Millisecond); at.After(now) {
		at = now
	}
	v.Groups[0].Status, v.Groups[0].ReviewedBy, v.Groups[0].ReviewDate = status, approver("sre"), at
	if status == "APPROVED" {
		v.RevokeAt = at.Add(v.AccessDuration)
	}
}

// reviewed turns a finished session into one that had a review.
func (h *history) reviewed(r *row) {
	v := h.review(r, "onetime", "EXECUTED")
	if h.rng.Float64() < 0.2 {
		v.Status = "REJECTED"
		h.decide(v, "REJECTED")
		r.end, r.exit, r.size = 0, noExit, 0
		r.mark(hasMetrics, false)
	} else {
		h.decide(v, "APPROVED")
		r.end = max(r.end, microsOf(v.RevokeAt))
	}
	r.extra().review = v
}

// unfinished turns a session into the u-th that has not finished.
func (h *history) unfinished(r *row, u int) {
	r.end, r.exit, r.size = 0, noExit, 0
	r.mark(hasMetrics, false)
	r.status = uint16(h.g.words.intern("open"))
	before, yes := h.turn(u, h.opt.Unfinished, h.opt.Pending)
	if yes {
		r.extra().review = h.review(r, "onetime", "PENDING")
		return
	}
	if _, yes := h.turn(u-before, h.opt.Unfinished-h.opt.Pending, h.opt.Ready); yes {
		v := h.review(r, "onetime", "APPROVED")
		h.decide(v, "APPROVED")
		r.extra().review = v
		r.status = uint16(h.g.words.intern("ready"))
	}
}
