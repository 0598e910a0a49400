package planner

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// story plays the commands of one transcript against a planner, and writes down what it requests and what the answers change. The gateway
// is a [gateway]; all times are written as their distance from T0, which is noon.
type story struct {
	*gateway
	options Options
	out     strings.Builder
	shown   map[string]string // the last value of each line of the state

	cost, costByID time.Duration // what a request takes
	total          string        // exact, none, capped, always-capped
	most           int           // where totals are capped
	date           string        // none, or how far the gateway's clock is off
}

func newStory(t *testing.T) *story {
	g := newGateway(t)
	return &story{gateway: g, options: g.o, shown: map[string]string{}, total: "exact", date: "0s"}
}

// output returns what was written since the last call.
func (s *story) output() string {
	defer s.out.Reset()
	return s.out.String()
}

// arguments are the key=value words of a command.
type arguments map[string]string

func (s *story) run(line string) {
	words := strings.Fields(line)
	args := arguments{}
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		args[key] = value
	}
	switch words[0] {
	case "settings":
		s.settings(args)
	case "gateway":
		s.changeGateway(args)
	case "advance":
		s.now = s.now.Add(s.duration(words[1]))
	case "refresh":
		s.StartRefresh()
		s.requestAll(s.Next, args)
		s.commit()
		s.showOutcome()
	case "background":
		s.background(args)
	case "restart":
		image, err := s.Ledger().Image()
		if err != nil {
			s.Fatal(err)
		}
		l, err := ledger.Restore(s.options.Ledger, image)
		if err != nil {
			s.Fatal(err)
		}
		s.start(l)
	case "budget":
		s.showBudget()
	case "waits":
		s.showWaits()
	default:
		s.Fatalf("unknown command: %s", line)
	}
}

// settings starts again with a new planner.
func (s *story) settings(args arguments) {
	for key, value := range args {
		o := &s.options
		switch key {
		case "lookback":
			o.Ledger.Lookback = s.duration(value)
		case "allowed-lateness":
			o.Ledger.AllowedLateness = s.duration(value)
		case "forget-after":
			o.Ledger.ForgetAfter = s.duration(value)
		case "stale-after":
			o.StaleAfter = s.duration(value)
		default:
			s.Fatalf("unknown setting %s", key)
		}
	}
	s.start(nil)
}

func (s *story) start(l *ledger.Ledger) {
	o := s.options
	o.Restored = l
	s.Planner = New(o, budget.New(s.now).NewShare(s.now))
}

// gateway changes what the gateway has, or how it answers.
func (s *story) changeGateway(args arguments) {
	for key, value := range args {
		switch key {
		case "add":
			s.addSessions(args)
			return
		case "end":
			s.end(args["id"])
			return
		case "hide":
			s.hide(args["id"])
			return
		case "cost":
			s.cost = s.duration(value)
		case "cost-by-id":
			s.costByID = s.duration(value)
		case "total":
			s.total = value
		case "most":
			s.most = s.number(value)
		case "date":
			s.date = value
		case "id", "count", "start", "every", "as": // of add, end and hide
		default:
			s.Fatalf("unknown: gateway %s", key)
		}
	}
}

func (s *story) addSessions(args arguments) {
	id := args["id"]
	n := 1
	if args["count"] != "" {
		n = s.number(args["count"])
	}
	for i := range n {
		row := client.Session{
			ID: id, Connection: "pg", Type: "database", Verb: "exec", Status: "open",
			StartDate: client.Time{Time: s.time(args["start"]).Add(time.Duration(i) * s.duration(cmp.Or(args["every"], "0s")))},
		}
		if n > 1 {
			row.ID = fmt.Sprint(id, i+1)
		}
		switch args["as"] {
		case "pending":
			row.Review = &client.Review{Type: "onetime", Status: client.ReviewPending, CreatedAt: row.StartDate}
		case "running":
		default:
			row.Status, row.EndDate = "done", row.StartDate
		}
		s.addRow(row)
	}
}

// background reads what has not been read, until no request may be made now, or, with all, until there is nothing left.
func (s *story) background(args arguments) {
	_, all := args["all"]
	for {
		s.requestAll(s.Background, args)
		if !all || s.Idle() {
			break
		}
		s.now = s.now.Add(time.Second)
	}
	s.commit()
}

// requestAll makes requests until there is none left. The request with the number given gets a different answer than the gateway's.
func (s *story) requestAll(next func(time.Time) (Request, bool), args arguments) {
	for n := 1; ; n++ {
		r, ok := next(s.now)
		if !ok {
			return
		}
		if n > 1000 {
			s.Fatal("it makes requests forever")
		}
		began := s.now
		special := arguments{}
		if request := args["request"]; request == strconv.Itoa(n) || request == "all" {
			special = args
		}
		res := s.result(r, special)
		err := s.HandleResult(s.now, r, res)
		var came string
		switch {
		case res.Err != nil:
			came = "failed: " + res.Err.Error()
		case err != nil:
			came = "not accepted: " + err.Error()
		default:
			came = s.describe(res.Page)
		}
		s.writef("%-8s %s -> %s", s.since(began), s.request(r), came)
	}
}

// result is what comes of a request.
func (s *story) result(r Request, special arguments) Result {
	res := Result{Took: s.cost, RetryAfter: s.duration(cmp.Or(special["retry-after"], "0s"))}
	if r.ID != "" {
		res.Took = s.costByID
	}
	if special["took"] != "" {
		res.Took = s.duration(special["took"])
	}
	s.now = s.now.Add(res.Took)
	if special["error"] != "" {
		res.Err = errors.New(special["error"])
		return res
	}
	page := s.answer(r)
	switch date := cmp.Or(special["date"], s.date); date {
	case "none":
		page.Date = time.Time{}
	default:
		page.Date = page.Date.Add(s.duration(date))
	}
	total := s.total
	if total == "capped" && r.List.Count == client.CountExact {
		total = "exact"
	}
	switch {
	case page.Total == nil, total == "exact":
	case total == "none":
		page.Total = nil
	case *page.Total > s.most:
		*page.Total, page.TotalIsCapped = s.most, true
	}
	res.Page = page
	return res
}

// commit ends a refresh and shows what has changed since the last time.
func (s *story) commit() {
	l := s.Ledger()
	if l == nil {
		return
	}
	at := s.GatewayTime(s.now)
	snap := l.Finish(at, s.now).Gauges
	var started, finished uint64
	for _, target := range snap.Targets {
		for _, c := range target.Started {
			started += c.Value
		}
		for _, c := range target.Finished {
			finished += c.Value
		}
	}
	s.show("watermark", s.since(l.Watermark()))
	var unread []string
	for _, span := range slices.Backward(l.Unread()) {
		unread = append(unread, s.window(span.From, span.To))
	}
	s.show("unread", cmp.Or(strings.Join(unread, ", "), "nothing"))
	s.show("counted", fmt.Sprintf("%d started, %d finished", started, finished))
	s.show("known", fmt.Sprint(l.CountSeen(l.Watermark(), at.Add(ahead)), " from the watermark on"))
	s.show("unfinished", fmt.Sprintf("%d, pending %d, lost %d", snap.Tracked, l.CountPending(time.Time{}, at.Add(ahead)), snap.Lost))
	for _, second := range s.Skipped() {
		s.show("skipped", s.since(second.Start))
	}
}

// show writes a line of the state if it has changed.
func (s *story) show(name, value string) {
	if s.shown[name] != value {
		s.shown[name] = value
		s.writef("  %-10s %s", name, value)
	}
}

func (s *story) showOutcome() {
	outcome := "failed"
	switch ok, attempted := s.Succeeded(s.now); {
	case !attempted:
		outcome = "no request was made"
	case ok:
		outcome = "succeeded"
	}
	s.show("refresh", outcome)
}

func (s *story) showBudget() {
	for _, k := range []budget.Kind{budget.Head, budget.Pending, budget.Recheck, budget.Backfill} {
		s.writef("  %-10s %v", k, s.share.Left(k).Round(time.Millisecond))
	}
	if l := s.Ledger(); l != nil {
		s.writef("  rechecks are late by %v at most", l.Finish(s.GatewayTime(s.now), s.now).Gauges.RecheckLag.Round(time.Second))
	}
}

func (s *story) showWaits() {
	names := [retryGroups]string{"head page", "head rest", "pending page", "pending rest", "old pending", "recheck", "backfill"}
	for i, b := range s.backoff {
		if wait := b.until.Sub(s.now); wait > 0 {
			s.writef("  %-12s waits for %v", names[i], wait.Round(100*time.Millisecond))
		}
	}
	if s.share.Paused(s.now) {
		s.writef("  no request is made, because the gateway said so")
	}
}
