package gatewaytest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// html is what every path that is not the API's answers: the web application, with a 200.
const html = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>hoop</title></head>
<body><div id="app"></div><script src="/js/app.js"></script></body></html>
`

// reply is an answer, ready before the time that it costs has passed: the database has looked by then.
type reply struct {
	code      int
	html      bool
	body      []byte
	path      string
	list      bool
	cost      time.Duration
	sightings []sighting
}

// ServeHTTP answers like a gateway.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.cfg.Fault != nil {
		if h := g.cfg.Fault(r); h != nil {
			g.serveFault(h, w, r)
			return
		}
	}
	g.serve(w, r)
}

// Normal answers without asking [Config.Fault]: for faults that spoil a good answer.
func (g *Gateway) Normal() http.Handler { return http.HandlerFunc(g.serve) }

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	a := g.begin(r)
	time.Sleep(a.cost) // not ended by the client's going away: nobody tells the database
	g.end(r, a)
	g.header(w, r)
	if a.html {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	} else {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.code)
	_, _ = w.Write(a.body) // a client that went away does not matter to a gateway
}

// header sets what every answer has.
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

// begin lets life go on until now, looks, and counts.
func (g *Gateway) begin(r *http.Request) *reply {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
	a := g.answer(r, now)
	g.enter(a.path, a.list)
	return a
}

// enter counts a request that is now being worked on.
func (g *Gateway) enter(path string, list bool) {
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

// end counts the work done, and what the client got to see unless it went away.
func (g *Gateway) end(r *http.Request, a *reply) {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leave(a.list, a.code, a.cost)
	if r.Context().Err() != nil {
		g.stats.Abandoned++
		return
	}
	g.stats.Rows += len(a.sightings)
	g.saw(a.sightings, now.UnixMicro())
}

func (g *Gateway) leave(list bool, code int, busy time.Duration) {
	g.stats.InFlight--
	g.stats.Busy += busy
	if list {
		g.lists--
	}
	if code != http.StatusOK {
		g.stats.Errors[code]++
	}
}

// answer finds out what to say.
func (g *Gateway) answer(r *http.Request, now time.Time) *reply {
	path, list, id := g.route(r)
	if path == PathOther {
		return &reply{code: http.StatusOK, html: true, body: []byte(html), path: path}
	}
	var a *reply
	ask := Request{Path: path}
	who, ok := g.credential(r.Header)
	switch {
	case !ok:
		a = refuse(refusal{http.StatusUnauthorized, "access denied"})
	case path == PathUserinfo:
		a = g.userinfo(who)
	case list:
		a, ask = g.list(r, who, now)
	default:
		a = g.single(r, who, id)
		ask.Expand = r.URL.Query().Get("expand")
	}
	a.path, a.list = path, list
	ask.Number, ask.Code, ask.Rows = g.requests(), a.code, len(a.sightings)
	if g.cfg.Cost != nil {
		a.cost = g.cfg.Cost(ask)
	}
	return a
}

// requests is the number of requests so far.
func (g *Gateway) requests() int {
	n := 0
	for _, k := range g.stats.Requests {
		n += k
	}
	return n
}

// route tells the kind of path, whether it is the list, and the session's id where it is one's.
func (g *Gateway) route(r *http.Request) (path string, list bool, id string) {
	rest, ok := strings.CutPrefix(r.URL.Path, g.cfg.BasePath)
	if !ok || r.Method != http.MethodGet {
		return PathOther, false, ""
	}
	switch id, ok = strings.CutPrefix(rest, "/sessions/"); {
	case rest == PathSessions:
		return PathSessions, true, ""
	case rest == PathUserinfo:
		return PathUserinfo, false, ""
	case ok && id != "" && !strings.Contains(id, "/"):
		return PathSession, false, id
	}
	return PathOther, false, ""
}

// list answers GET /sessions.
func (g *Gateway) list(r *http.Request, who Credential, now time.Time) (*reply, Request) {
	v := r.URL.Query()
	q, bad := g.parse(v, now)
	ask := q.request(v)
	if bad != nil {
		return refuse(*bad), ask
	}
	if !who.seesAll() {
		q.only = who.UserID
	}
	g.stats.Queries[q.kind()]++
	f := g.find(q)
	page := g.page(q, f)
	a := &reply{code: http.StatusOK, body: g.appendList(make([]byte, 0, 256+1024*len(page)), q, f, page)}
	for _, i := range page {
		a.sightings = append(a.sightings, g.sight(i))
	}
	return a, ask
}

// single answers GET /sessions/{id}: the session as in the list, with its input unless expand has a value.
func (g *Gateway) single(r *http.Request, who Credential, id string) *reply {
	k, _ := keyOf(id)
	i, ok := g.byKey[k]
	if !ok || !g.at(i).is(shown) || !who.seesAll() && g.users.at(g.at(i).user).id != who.UserID {
		return refuse(refusal{http.StatusNotFound, "session not found"})
	}
	var input []byte
	if r.URL.Query().Get("expand") == "" {
		input = g.input(g.at(i))
	}
	return &reply{
		code: http.StatusOK, body: g.appendRow(nil, g.at(i), input), sightings: []sighting{g.sight(i)},
	}
}

// input is what was typed, made up to the size that the session tells.
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

// Fail is a handler that answers with a status code and the gateway's kind of error body: for [Config.Fault].
func Fail(code int, message string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(code)
		_, _ = w.Write(messageBody(message))
	})
}

// Spoil is a handler that answers with any body at all, under a status and a content type: for [Config.Fault].
func Spoil(code int, contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = w.Write(body)
	})
}

// serveFault counts around somebody else's handler.
func (g *Gateway) serveFault(h http.Handler, w http.ResponseWriter, r *http.Request) {
	from := g.cfg.Now()
	path, list, _ := g.route(r)
	g.mu.Lock()
	g.enter(path, list)
	g.mu.Unlock()
	seen := &statusWriter{ResponseWriter: w, code: http.StatusOK}
	defer func() {
		busy := g.cfg.Now().Sub(from)
		g.mu.Lock()
		g.leave(list, seen.code, busy)
		g.mu.Unlock()
	}()
	g.header(w, r)
	h.ServeHTTP(seen, r)
}

// statusWriter remembers the status that went out.
type statusWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
