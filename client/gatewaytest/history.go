package gatewaytest

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// HistoryOptions describes the sessions of [Gateway.AddHistory]. With the zero value all are finished, on 12 connections by 50 users, 2 %
// of them with a review.
type HistoryOptions struct {
	// Connections is the number of connections; the default is 12. ConnectionList replaces it if it is set.
	Connections    int
	ConnectionList []Connection
	// Users is the number of users. The default is 50.
	Users int
	// Reviewed is the portion of finished sessions that had a review. The default is 0.02; negative is none.
	Reviewed float64
	// Duration is the mean time from start to end. The default is 2 minutes.
	Duration time.Duration
	// Unfinished is the number of sessions that have not finished and never do by themselves, spread evenly over the time. Pending of
	// these wait for a review, Ready of these are approved and wait to be run, and all others run.
	Unfinished, Pending, Ready int
}

func (o HistoryOptions) withDefaults() HistoryOptions {
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

// AddHistory adds n sessions that started between from and to, spread evenly with some randomness, and that are visible immediately. A
// million take one or two seconds.
func (g *Gateway) AddHistory(n int, from, to time.Time, opt HistoryOptions) {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
	opt = opt.withDefaults()
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
		switch u, open := h.spread(k, n, opt.Unfinished); {
		case open:
			h.unfinished(&r, u)
		case opt.Reviewed > 0 && h.rng.Float64() < opt.Reviewed:
			h.reviewed(&r)
		}
		rows[k] = g.push(r)
	}
	g.show(rows...)
}

// internConnection returns the number of an interned connection.
func (g *Gateway) internConnection(c Connection) uint32 {
	return g.conns.intern(connKey{c.Name, c.Type, c.Subtype, "", c.Name, tagsJSON(c.Tags)})
}

// history makes the sessions of one [Gateway.AddHistory].
type history struct {
	g            *Gateway
	opt          HistoryOptions
	rng          *rand.Rand
	conns, users []uint32
	metas        []uint32
}

// spread spreads m special rows evenly among n rows. It returns the number of special rows before the k-th row, and whether that row is
// special itself.
func (h *history) spread(k, n, m int) (int, bool) {
	if m <= 0 {
		return 0, false
	}
	before, after := k*m/n, (k+1)*m/n
	return before, after > before
}

// row returns a finished session that started at a moment.
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
		verb: uint16(g.words.intern(verb)), status: uint16(g.words.intern("done")), flags: hasMetrics | simulated | ran,
	}
	r.mark(createdByNew, g.cfg.Dialect >= New2026)
	switch x := rng.Float64(); {
	case x < 0.05:
		r.exit = 1
	case verb == "connect":
		r.exit = 254
	}
	return r
}

// review returns a review that was requested when the session started.
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

// decide sets the decision of a review to a time after the request, but not after now.
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

// reviewed adds a review to a finished session.
func (h *history) reviewed(r *row) {
	v := h.review(r, "onetime", "EXECUTED")
	if h.rng.Float64() < 0.2 {
		v.Status = "REJECTED"
		h.decide(v, "REJECTED")
		r.end, r.exit, r.size = 0, noExit, 0
		r.mark(hasMetrics|ran, false)
	} else {
		h.decide(v, "APPROVED")
		r.end = max(r.end, microsOf(v.RevokeAt))
	}
	r.ensureExtra().review = v
}

// unfinished turns a session into the u-th unfinished one.
func (h *history) unfinished(r *row, u int) {
	r.end, r.exit, r.size = 0, noExit, 0
	r.mark(hasMetrics, false)
	r.status = uint16(h.g.words.intern("open"))
	before, yes := h.spread(u, h.opt.Unfinished, h.opt.Pending)
	if yes {
		r.ensureExtra().review = h.review(r, "onetime", "PENDING")
		r.mark(ran, false)
		return
	}
	if _, yes := h.spread(u-before, h.opt.Unfinished-h.opt.Pending, h.opt.Ready); yes {
		v := h.review(r, "onetime", "APPROVED")
		h.decide(v, "APPROVED")
		r.ensureExtra().review = v
		r.status = uint16(h.g.words.intern("ready"))
		r.mark(ran, false)
	}
}
