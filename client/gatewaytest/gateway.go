package gatewaytest

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Dialect is how a version of the gateway answers.
type Dialect int

// The dialects. They differ in limits, offsets, totals, the order of rows and a few fields.
const (
	// Old is 1.49.10 of February 2026, the version of the API document.
	Old Dialect = iota
	// New2026 is 1.148 of August 2026.
	New2026
)

// String returns a name for subtests.
func (d Dialect) String() string {
	if d == Old {
		return "1.49.10"
	}
	return "2026-08"
}

// OrgID is the default of [Config].OrgID.
const OrgID = "5d1f2c8a-6b7e-4c39-9a40-e1d3f5b7a912"

// The values of identity_type: a person or a machine started the session.
const (
	identityUser    = "user"
	identityMachine = "machine"
)

// Config describes the simulated gateway. The zero value is an old gateway without sessions that answers immediately and accepts any
// credential.
type Config struct {
	Dialect Dialect
	// Version is sent in the Server header; by default 1.49.10 or 1.148.0.
	Version string
	// HideVersion leaves out the Server header, as a proxy may do.
	HideVersion bool
	// Seed decides everything that is random.
	Seed uint64
	// Now is the clock; by default time.Now.
	Now func() time.Time
	// OrgID is the organization that every credential belongs to; by default [OrgID].
	OrgID string
	// Life is what happens by itself; by default nothing.
	Life Life
	// Cost is the time that a request takes. The handler reads the store, sleeps that long and then answers, even if the client has
	// disconnected. Nil is no time. See [OldCost] and [NewCost].
	Cost func(Request) time.Duration
	// Tokens are the credentials accepted after `Authorization: Bearer`, including hpk_... keys (new gateways only). APIKeys are those
	// accepted in `Api-Key`. If both are empty, anything but [BadToken] is the credential of an admin.
	Tokens, APIKeys map[string]Credential
	// Approvers are the groups of each person who may approve, by e-mail, for the filter review.approver. The default is
	// [DefaultApprovers].
	Approvers map[string][]string
	// Agents returns the agents at a moment, for GET /agents. The default is [DefaultAgents].
	Agents func(time.Time) []Agent
	// BasePath is the path of the API; by default /api. All other paths are the web application, in HTML.
	BasePath string
	// NewAccessToken returns a new token to send in X-New-Access-Token, or "" to send none.
	NewAccessToken func(*http.Request) string
	// Fault returns a handler that answers the request instead of the gateway, or nil. See [Gateway.Normal], [Fail] and [Spoil].
	Fault func(*http.Request) http.Handler
}

// Gateway is a simulated gateway: an http.Handler with sessions whose life follows the clock. It is safe for concurrent use.
type Gateway struct {
	cfg Config

	mu sync.Mutex
	store
	now   int64 // how far life has been played, Unix microseconds
	rng   *rand.Rand
	life  life
	stats Stats
	lists int // list requests in flight
}

// New returns a gateway without sessions. Its life starts now.
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
	if cfg.Agents == nil {
		cfg.Agents = DefaultAgents
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

// Replace changes the version of the gateway and keeps the sessions, as an upgrade does.
func (g *Gateway) Replace(d Dialect) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cfg.Dialect, g.cfg.Version = d, d.version()
}

// version returns the version number of the dialect.
func (d Dialect) version() string {
	if d == Old {
		return "1.49.10"
	}
	return "1.148.0"
}

// Advance plays the life until now. Requests, [Gateway.Stats] and [Gateway.Truth] do so too. What happens does not depend on how often it
// is called.
func (g *Gateway) Advance() {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
}

// Add adds a session made by hand and returns its id. If the id exists, Add updates everything but the start and the visibility, as
// [Gateway.Update] does.
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
		r.ensureExtra().id = in.ID
	}
	g.set(&r, in)
	i := g.push(r)
	if r.visible <= g.now {
		g.appear(i)
	} else {
		g.life.schedule(r.visible, func() { g.appear(i) })
	}
	return in.ID
}

// Update changes a session now, and reports whether it exists. The id, the start and the visibility do not change: gateways never change
// them.
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

// Rows returns all sessions that are visible now, oldest first.
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

// appear makes a row visible and remembers what it is at first.
func (g *Gateway) appear(i uint32) {
	g.show(i)
	if r := g.at(i); r.extra != nil {
		g.remember(r, g.now, g.now)
	}
}

// change is the only way to change a row that was pushed. It updates the indexes and remembers what the row was when it first ended.
func (g *Gateway) change(i uint32, at int64, f func(*row)) {
	r := g.at(i)
	if !r.is(visibleNow) {
		f(r)
		return
	}
	g.remember(r, r.finishedAt(), at)
	before := r.review().storedStatus()
	first := r.review()
	f(r)
	if second := r.review(); first != nil && second != nil && first.ID != second.ID {
		r.extra.memory.replaceReview(first)
	}
	g.moved(i, before, r.review().storedStatus())
	if r.extra != nil {
		g.remember(r, at, at)
	}
}

// newKey returns a random UUID (version 4).
func (g *Gateway) newKey(rng *rand.Rand) key {
	var k key
	binary.BigEndian.PutUint64(k[:8], rng.Uint64())
	binary.BigEndian.PutUint64(k[8:], rng.Uint64())
	k[6] = k[6]&0x0f | 0x40
	k[8] = k[8]&0x3f | 0x80
	return k
}
