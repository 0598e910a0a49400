package gatewaytest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// html is the web application. A gateway sends it with status 200 for every path outside of the API.
const html = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>hoop</title></head>
<body><div id="app"></div><script src="/js/app.js"></script></body></html>
`

// reply is an answer with the state of the store when the request arrived. It is sent after the cost of the request has passed.
type reply struct {
	code       int
	html       bool
	body       []byte
	path       string
	list       bool
	cost       time.Duration
	deliveries []delivery
}

// ServeHTTP answers a request as a gateway does.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.cfg.Fault != nil {
		if h := g.cfg.Fault(r); h != nil {
			g.serveFault(h, w, r)
			return
		}
	}
	g.serve(w, r)
}

// Normal returns the handler without [Config.Fault], for faults that change a normal answer.
func (g *Gateway) Normal() http.Handler { return http.HandlerFunc(g.serve) }

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	a := g.startRequest(r)
	time.Sleep(a.cost) // in full, even if the client disconnects: the database continues
	g.finishRequest(r, a)
	g.header(w, r)
	if a.html {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	} else {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.code)
	_, _ = w.Write(a.body) // a client that disconnected is not an error
}

// header sets the headers that every answer has.
func (g *Gateway) header(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", g.cfg.Now().UTC().Format(http.TimeFormat))
	if !g.cfg.HideVersion {
		g.mu.Lock()
		version := g.cfg.Version
		g.mu.Unlock()
		w.Header().Set("Server", "hoopgateway/"+version)
	}
	if g.cfg.NewAccessToken != nil {
		if t := g.cfg.NewAccessToken(r); t != "" {
			w.Header().Set("X-New-Access-Token", t)
		}
	}
}

// startRequest plays the life until now, computes the answer, and counts the request as started.
func (g *Gateway) startRequest(r *http.Request) *reply {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
	a := g.answer(r, now)
	g.countStarted(a.path, a.list)
	return a
}

// countStarted counts a request that is now in flight.
func (g *Gateway) countStarted(path string, list bool) {
	g.stats.Requests[path]++
	g.stats.InFlight++
	g.stats.MaxInFlight = max(g.stats.MaxInFlight, g.stats.InFlight)
	if list {
		if g.lists > 0 {
			g.stats.Overlapping++
		}
		g.lists++
	}
}

// finishRequest counts the request as finished. Unless the client disconnected, it records what was delivered.
func (g *Gateway) finishRequest(r *http.Request, a *reply) {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.countFinished(a.list, a.code, a.cost)
	if r.Context().Err() != nil {
		g.stats.Abandoned++
		return
	}
	g.stats.Rows += len(a.deliveries)
	g.recordDeliveries(a.deliveries, now.UnixMicro())
}

// countFinished counts a request that is no longer in flight.
func (g *Gateway) countFinished(list bool, code int, busy time.Duration) {
	g.stats.InFlight--
	g.stats.Busy += busy
	if list {
		g.lists--
	}
	if code != http.StatusOK {
		g.stats.Errors[code]++
	}
}

// answer computes the answer to a request.
func (g *Gateway) answer(r *http.Request, now time.Time) *reply {
	path, list, id := g.route(r)
	if path == PathOther {
		return &reply{code: http.StatusOK, html: true, body: []byte(html), path: path}
	}
	var a *reply
	request := Request{Path: path}
	caller, ok := g.credential(r.Header)
	switch {
	case !ok:
		a = refuse(refusal{http.StatusUnauthorized, "access denied"})
	case path == PathUserinfo:
		a = g.userinfo(caller)
	case path == PathAgents:
		a = g.agents(caller, now)
	case list:
		a, request = g.list(r, caller, now)
	default:
		a = g.single(r, caller, id)
		request.Expand = r.URL.Query().Get("expand")
	}
	a.path, a.list = path, list
	request.Number, request.Code, request.Rows = g.requests(), a.code, len(a.deliveries)
	if g.cfg.Cost != nil {
		a.cost = g.cfg.Cost(request)
	}
	return a
}

// requests returns the number of requests so far.
func (g *Gateway) requests() int {
	n := 0
	for _, k := range g.stats.Requests {
		n += k
	}
	return n
}

// route returns the kind of path, whether it is the list, and the id if it is the path of a session.
func (g *Gateway) route(r *http.Request) (path string, list bool, id string) {
	rest, ok := strings.CutPrefix(r.URL.Path, g.cfg.BasePath)
	if !ok || r.Method != http.MethodGet {
		return PathOther, false, ""
	}
	switch id, ok = strings.CutPrefix(rest, "/sessions/"); {
	case rest == PathSessions:
		return PathSessions, true, ""
	case rest == PathUserinfo, rest == PathAgents:
		return rest, false, ""
	case ok && id != "" && !strings.Contains(id, "/"):
		return PathSession, false, id
	}
	return PathOther, false, ""
}

// list answers GET /sessions and returns the request for [Config.Cost].
func (g *Gateway) list(r *http.Request, caller Credential, now time.Time) (*reply, Request) {
	v := r.URL.Query()
	q, refused := g.parse(v, now)
	request := q.request(v)
	if refused != nil {
		return refuse(*refused), request
	}
	if !caller.seesAll() {
		q.only = caller.UserID
	}
	g.stats.Queries[q.kind()]++
	f := g.find(q)
	page := g.page(q, f)
	a := &reply{code: http.StatusOK, body: g.appendList(make([]byte, 0, 256+1024*len(page)), q, f, page)}
	for _, i := range page {
		a.deliveries = append(a.deliveries, g.deliveryOf(i))
	}
	return a, request
}

// single answers GET /sessions/{id}: the session as in the list, and with its input if expand has no value.
func (g *Gateway) single(r *http.Request, caller Credential, id string) *reply {
	k, _ := keyOf(id)
	i, ok := g.byKey[k]
	if !ok || !g.at(i).is(visibleNow) || !caller.seesAll() && g.users.at(g.at(i).user).id != caller.UserID {
		return refuse(refusal{http.StatusNotFound, "session not found"})
	}
	var input []byte
	if r.URL.Query().Get("expand") == "" {
		input = g.input(g.at(i))
	}
	return &reply{
		code: http.StatusOK, body: g.appendRow(nil, g.at(i), input), deliveries: []delivery{g.deliveryOf(i)},
	}
}

// input returns a made-up input of the size that the session has.
func (g *Gateway) input(r *row) []byte {
	if g.words.at(uint32(r.verb)) != "exec" {
		return nil
	}
	text := "select 1"
	if n := int(r.script); n > len(text) {
		text += strings.Repeat(" ", n-len(text))
	}
	return append(appendString([]byte(`{"data":`), text), '}')
}

func refuse(e refusal) *reply { return &reply{code: e.code, body: messageBody(e.message)} }

func messageBody(message string) []byte {
	return append(appendString([]byte(`{"message":`), message), '}')
}
