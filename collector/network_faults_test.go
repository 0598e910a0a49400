package collector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// weather is what goes wrong between the exporter and its gateway, for a while each. It is decided by its seed and the clock.
type weather struct {
	mu    sync.Mutex
	rng   *rand.Rand
	calm  bool
	until time.Time // of what is now
	now   fault
	seen  map[string]int // requests by what went wrong with them
	off   time.Duration  // how far the gateway's clock is off
	began time.Time

	gateway *gatewaytest.Gateway
}

// fault makes an answer out of a good one.
type fault struct {
	name string
	// spoil changes a good answer. Nil: the answer is good.
	spoil func(w *weather, rw http.ResponseWriter, r *http.Request)
}

func newWeather(seed uint64) *weather {
	return &weather{rng: rand.New(rand.NewPCG(seed, 7)), seen: map[string]int{}, began: time.Now(), until: time.Now().Add(10 * time.Minute)}
}

const noDate = "no date, no server"

// faults are everything that has been seen to go wrong, and more.
func faults() []fault {
	status := func(code int, header ...string) func(*weather, http.ResponseWriter, *http.Request) {
		return func(_ *weather, rw http.ResponseWriter, r *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				rw.Header().Set(header[i], header[i+1])
			}
			gatewaytest.Fail(code, "simulated trouble").ServeHTTP(rw, r)
		}
	}
	emptyPage := func(body string) func(*weather, http.ResponseWriter, *http.Request) {
		return func(_ *weather, rw http.ResponseWriter, r *http.Request) {
			gatewaytest.Spoil(200, "application/json", []byte(body)).ServeHTTP(rw, r)
		}
	}
	return []fault{
		{"500", status(500)},
		{"503 with Retry-After", status(503, "Retry-After", "120")},
		{"a maintenance page", func(_ *weather, rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Retry-After", "3600")
			gatewaytest.Spoil(503, "text/html", []byte("<!doctype html><title>Maintenance</title>")).ServeHTTP(rw, r)
		}},
		{"429 without Retry-After", status(429)},
		{"401", status(401)},
		{"403", status(403)},
		{"422", status(422)},
		{"HTML", func(_ *weather, rw http.ResponseWriter, r *http.Request) {
			gatewaytest.Spoil(200, "text/html", []byte("<!doctype html><title>hoop</title>")).ServeHTTP(rw, r)
		}},
		{"garbage", func(_ *weather, rw http.ResponseWriter, r *http.Request) {
			gatewaytest.Spoil(200, "application/json", []byte(`{"data":[{"id":`)).ServeHTTP(rw, r)
		}},
		{"half a body", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			body, h := w.normal(r)
			h(rw)
			_, _ = rw.Write(body[:len(body)/2])
			panic(http.ErrAbortHandler)
		}},
		{"reset", func(*weather, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"hangs", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			time.Sleep(100 * time.Second)
			w.gateway.Normal().ServeHTTP(rw, r)
		}},
		{"one in three fails", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			if w.chance(3) {
				status(500)(w, rw, r)
				return
			}
			w.gateway.Normal().ServeHTTP(rw, r)
		}},
		{"slow", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			time.Sleep(2 * time.Second)
			w.gateway.Normal().ServeHTTP(rw, r)
		}},
		{noDate, func(w *weather, rw http.ResponseWriter, r *http.Request) {
			body, h := w.normal(r)
			h(rw)
			rw.Header()["Date"] = nil
			rw.Header().Del("Server")
			_, _ = rw.Write(body)
		}},
		{"replicas whose clocks disagree", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			body, h := w.normal(r)
			h(rw)
			skew := time.Duration(w.pick(240)-120) * time.Second
			rw.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
			_, _ = rw.Write(body)
		}},
		{"the next page is denied", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			body, h := w.normal(r)
			h(rw)
			_, _ = rw.Write(bytes.ReplaceAll(body, []byte(`"has_next_page":true`), []byte(`"has_next_page":false`)))
		}},
		{"an empty page with a next one", emptyPage(`{"data":[],"has_next_page":true}`)},
		{"an empty page with a total", emptyPage(`{"data":null,"has_next_page":false,"total":57}`)},
		{"an empty page with both", emptyPage(`{"data":[],"has_next_page":true,"total":57}`)},
		{"an empty page with errors", emptyPage(`{"data":null,"errors":[{"message":"timeout"}]}`)},
		{"sessions in another order", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			w.rewrite(rw, r, func(answer map[string]any) {
				rows, _ := answer["data"].([]any)
				for i := range rows {
					j := w.pick(i + 1)
					rows[i], rows[j] = rows[j], rows[i]
				}
			})
		}},
		{"reviews have other ids", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			w.rewrite(rw, r, func(answer map[string]any) {
				rows, _ := answer["data"].([]any)
				for _, row := range rows {
					if review, ok := row.(map[string]any)["review"].(map[string]any); ok && w.chance(2) {
						review["id"] = fmt.Sprintf("%08x-0000-4000-8000-%012x", w.pick(1<<30), w.pick(1<<30))
					}
				}
			})
		}},
		{"ids in either case", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			w.rewrite(rw, r, func(answer map[string]any) {
				rows, _ := answer["data"].([]any)
				for _, row := range rows {
					if row := row.(map[string]any); w.chance(2) {
						row["id"] = strings.ToUpper(row["id"].(string))
					}
				}
			})
		}},
		{"half a page, and more to come", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			w.rewrite(rw, r, func(answer map[string]any) {
				if rows, ok := answer["data"].([]any); ok && len(rows) > 0 {
					answer["data"], answer["has_next_page"] = rows[:(len(rows)+1)/2], true
				}
			})
		}},
		{"rows from a far future", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			w.rewrite(rw, r, func(answer map[string]any) {
				if rows, ok := answer["data"].([]any); ok && len(rows) > 0 {
					later := maps.Clone(rows[0].(map[string]any))
					later["id"], later["start_date"] = fmt.Sprintf("%08x-0000-4000-8000-%012x", w.pick(1<<30), w.pick(1<<30)), "2199-01-01T00:00:00Z"
					answer["data"] = append([]any{later}, rows...)
				}
			})
		}},
		{"fields in another form", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			w.rewrite(rw, r, func(answer map[string]any) {
				if rows, ok := answer["data"].([]any); ok {
					for _, row := range rows {
						reword(row.(map[string]any))
					}
				}
				reword(answer)
			})
		}},
		{"the total is off", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			body, h := w.normal(r)
			h(rw)
			_, _ = rw.Write(bytes.ReplaceAll(body, []byte(`"total":`), []byte(`"total":1`)))
		}},
	}
}

// rewrite answers with the gateway's answer after a change, if it is a JSON object.
func (w *weather) rewrite(rw http.ResponseWriter, r *http.Request, change func(answer map[string]any)) {
	body, h := w.normal(r)
	h(rw)
	var answer map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&answer) == nil {
		change(answer)
		if changed, err := json.Marshal(answer); err == nil {
			body = changed
		}
	}
	_, _ = rw.Write(body)
}

// reword gives the fields of an answer, a session or a review another form, whose meaning is as clear. What nobody needs becomes odd.
func reword(fields map[string]any) {
	for name, v := range fields {
		switch v := v.(type) {
		case json.Number:
			switch len(name) % 3 {
			case 0:
				fields[name] = v.String()
			case 1:
				fields[name] = json.Number(v.String() + ".0")
			}
		case bool:
			fields[name] = map[bool]int{true: 1}[v]
		case map[string]any:
			reword(v)
		case string:
			if strings.HasSuffix(name, "_date") || strings.HasSuffix(name, "_at") {
				fields[name] = strings.TrimSuffix(strings.Replace(v, "T", " ", 1), "Z") + "+00"
			}
		}
		switch name {
		case "user_name", "script", "metadata":
			fields[name] = []any{map[string]any{"odd": true}}
		case "time_window":
			fields[name] = "always"
		case "review_groups_data":
			groups, _ := v.([]any)
			for _, g := range groups {
				g := g.(map[string]any)
				reword(g)
				g["reviewed_by"] = "somebody"
			}
		}
	}
}

// normal is the answer of the gateway as it is, and what sets its headers.
func (w *weather) normal(r *http.Request) ([]byte, func(http.ResponseWriter)) {
	rec := httptest.NewRecorder()
	w.gateway.Normal().ServeHTTP(rec, r)
	body, _ := io.ReadAll(rec.Body)
	return body, func(rw http.ResponseWriter) {
		for k, v := range rec.Header() {
			if k != "Content-Length" {
				rw.Header()[k] = v
			}
		}
		if rec.Code != http.StatusOK {
			rw.WriteHeader(rec.Code)
		}
	}
}

// handler decides what becomes of a request.
func (w *weather) handler(*http.Request) http.Handler {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calm {
		return nil
	}
	if now := time.Now(); !now.Before(w.until) {
		w.turn(now)
	}
	w.seen[w.now.name]++
	if w.now.spoil == nil {
		return nil
	}
	f := w.now
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { f.spoil(w, rw, r) })
}

// turn changes the weather: good for hours, bad for seconds to an hour.
func (w *weather) turn(now time.Time) {
	if w.now.spoil != nil {
		w.now = fault{name: "good"}
		w.until = now.Add(time.Duration(w.rng.ExpFloat64() * float64(4*time.Hour)))
		return
	}
	all := append(faults(), clockFaults()...)
	w.off = w.drawOff()
	w.now = all[w.rng.IntN(len(all))]
	w.until = now.Add(time.Duration(w.rng.ExpFloat64() * float64(15*time.Minute)))
	if w.now.name == wrongClock {
		w.until = now.Add(time.Duration(w.rng.ExpFloat64() * float64(3*time.Hour))) // long enough to be believed
	}
	if w.now.name == noDate {
		w.until = earlier(w.until, now.Add(10*time.Minute)) // after longer than that a process that just started goes by its own clock
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (w *weather) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calm = true
}

func (w *weather) pick(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

func (w *weather) chance(n int) bool { return w.pick(n) == 0 }
