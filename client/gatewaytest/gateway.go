package gatewaytest

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Dialect is the way in which a version of the gateway answers.
type Dialect int

// The dialects. They differ in limits, offsets, totals, order and a few fields.
const (
	// Old is 1.49.10 of February 2026, the version of the API document.
	Old Dialect = iota
	// New2026 is 1.148 of August 2026.
	New2026
)

// String is the dialect's name as it is good for a subtest.
func (d Dialect) String() string {
	if d == Old {
		return "1.49.10"
	}
	return "2026-08"
}

// OrgID is the organisation that every credential belongs to, unless the configuration names another one.
const OrgID = "5d1f2c8a-6b7e-4c39-9a40-e1d3f5b7a912"

// identityUser is the identity_type of a session that a person started.
const identityUser = "user"

// Config says what the simulated gateway is like. The zero value is an old gateway without sessions that answers at
// once to whoever shows any credential.
type Config struct {
	Dialect Dialect
	// Version is told in the Server header: by default 1.49.10 or 1.148.0.
	Version string
	// HideVersion leaves the Server header out, as a proxy in between may.
	HideVersion bool
	// Seed decides everything that is left to chance.
	Seed uint64
	// Now is the clock, by default time.Now.
	Now func() time.Time
	// OrgID is the organisation that every credential belongs to, by default [OrgID].
	OrgID string
	// Life is what happens by itself: by default nothing.
	Life Life
	// Cost is the time that a request takes. The handler sleeps that long between looking and answering, whether or
	// not the client still waits. Nil is free. See [OldCost] and [NewCost].
	Cost func(Request) time.Duration
	// Tokens are the credentials accepted after `Authorization: Bearer`, hpk_... keys among them (new gateways only),
	// and APIKeys those accepted in `Api-Key`. Where both are empty anything but [BadToken] is an admin's.
	Tokens, APIKeys map[string]Credential
	// Approvers are the groups of the people who may approve, by e-mail, for the filter review.approver.
	// By default [DefaultApprovers].
	Approvers map[string][]string
	// BasePath is where the API lives, by default /api. All else is the web application, in HTML.
	BasePath string
	// NewAccessToken may hand out a fresh token in X-New-Access-Token; empty is none.
	NewAccessToken func(*http.Request) string
	// Fault may take a request over: the handler that it returns answers instead. Nil answers as usual.
	// The usual answer is at hand as [Gateway.Normal], simple errors as [Fail].
	Fault func(*http.Request) http.Handler
}

// Gateway is a simulated gateway: an http.Handler with sessions, whose life goes on with the clock.
// All methods may be used from several goroutines.
type Gateway struct {
	cfg Config

	mu sync.Mutex
	store
	now   int64 // up to where life has been played, Unix microseconds
	rng   *rand.Rand
	life  life
	stats Stats
	lists int // list requests in flight
}

// New makes a gateway without sessions. Its life, if any, starts now.
func New(cfg Config) *Gateway {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Version == "" {
		cfg.Version = cfg.Dialect.version()
	}
	if cfg.OrgID == "" {
		cfg.OrgID = OrgID
	}
	if cfg.BasePath == "" {
		cfg.BasePath = "/api"
	}
	if cfg.Approvers == nil {
		cfg.Approvers = DefaultApprovers()
	}
	g := &Gateway{
		cfg: cfg,
		store: store{
			byKey:    map[key]uint32{},
			byReview: map[string]*index{},
			conns:    newTable(makeConn(cfg.Dialect)),
			users:    newTable(makeUser),
			words:    newTable(func(s string) string { return s }),
			blobs:    blobs{newTable(func(s string) string { return s })},
		},
		rng:   rand.New(rand.NewPCG(cfg.Seed, 0)),
		stats: newStats(),
	}
	g.blobs.intern("")
	g.now = cfg.Now().UnixMicro()
	g.life.start(g, cfg.Life)
	return g
}

// Replace has a gateway of another version take over, with the same sessions.
func (g *Gateway) Replace(d Dialect) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cfg.Dialect, g.cfg.Version = d, d.version()
}

// version is what a gateway of the dialect says of itself.
func (d Dialect) version() string {
	if d == Old {
		return "1.49.10"
	}
	return "1.148.0"
}

// Advance plays everything that was to happen until now. Requests, [Gateway.Stats] and [Gateway.Truth] do so by
// themselves, and what happens does not depend on how often it is done.
func (g *Gateway) Advance() {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
}

// Add puts in a session made by hand and returns its id. Adding an id again is an [Gateway.Update] of everything
// but start and visibility.
func (g *Gateway) Add(in Row) string {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
	if in.StartDate.IsZero() {
		in.StartDate = now
	}
	if in.ID == "" {
		in.ID = g.newKey(g.rng).String()
	}
	if in.OrgID == "" {
		in.OrgID = g.cfg.OrgID
	}
	if in.User == "" && in.UserID == "" && in.UserName == "" {
		in.User, in.UserID, in.UserName = userNames(1)
	}
	if in.Verb == "" {
		in.Verb = "exec"
	}
	if in.Status == "" {
		in.Status = "open"
	}
	if in.RoleName == "" {
		in.RoleName = in.Connection
	}
	if in.IdentityType == "" {
		in.IdentityType = identityUser
	}
	id, uuid := keyOf(in.ID)
	if i, ok := g.byKey[id]; ok {
		g.change(i, g.now, func(r *row) { g.set(r, in) })
		return in.ID
	}
	r := row{id: id, start: in.StartDate.UnixMicro(), visible: g.now}
	if !in.VisibleAt.IsZero() {
		r.visible = in.VisibleAt.UnixMicro()
	}
	if !uuid {
		r.extra().id = in.ID
	}
	g.set(&r, in)
	i := g.push(r)
	if r.visible <= g.now {
		g.appear(i)
	} else {
		g.life.at(r.visible, func() { g.appear(i) })
	}
	return in.ID
}

// Update changes a session as of now. Id, start and visibility stay what they are: gateways never change them.
// It tells whether there is such a session.
func (g *Gateway) Update(id string, change func(*Row)) bool {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
	k, _ := keyOf(id)
	i, ok := g.byKey[k]
	if !ok {
		return false
	}
	in := g.rowOf(g.at(i))
	change(&in)
	g.change(i, g.now, func(r *row) { g.set(r, in) })
	return true
}

// Rows are all sessions that are visible now, oldest first, for tests that look at them one by one.
func (g *Gateway) Rows() []Row {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
	out := make([]Row, 0, len(g.all.rows))
	for _, i := range g.all.rows {
		out = append(out, g.rowOf(g.at(i)))
	}
	return out
}

// appear makes a row visible.
func (g *Gateway) appear(i uint32) {
	g.show(i)
	if r := g.at(i); r.more != nil {
		g.remember(r, g.now, g.now)
	}
}

// change is the only way in which a row that exists becomes another one: it keeps the indexes and the memory of what
// the row was when it first ended.
func (g *Gateway) change(i uint32, at int64, f func(*row)) {
	r := g.at(i)
	if !r.is(shown) {
		f(r)
		return
	}
	g.remember(r, r.finishedAt(), at)
	before := r.reviewStatus()
	f(r)
	g.moved(i, before, r.reviewStatus())
	if r.more != nil {
		g.remember(r, at, at)
	}
}

// newKey makes a random UUID (version 4).
func (g *Gateway) newKey(rng *rand.Rand) key {
	var k key
	binary.BigEndian.PutUint64(k[:8], rng.Uint64())
	binary.BigEndian.PutUint64(k[8:], rng.Uint64())
	k[6] = k[6]&0x0f | 0x40
	k[8] = k[8]&0x3f | 0x80
	return k
}
