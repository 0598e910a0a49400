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
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// story plays the commands of one transcript against a planner, and writes down what it asks and what changes by the answers. The gateway
// is a [table]; all times are written as their distance from T0, which is noon.
type story struct {
	*table
	options Options
	out     strings.Builder
	shown   map[string]string // the last value of each line of the state

	cost, costByID time.Duration // what a request takes
	total          string        // exact, none, capped, always-capped
	most           int           // where totals are capped
	date           string        // none, or how far the gateway's clock is off
}

func newStory(t *testing.T) *story {
	g := newTable(t)
	return &story{table: g, options: g.o, shown: map[string]string{}, total: "exact", date: "0s"}
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
		s.gateway(args)
	case "advance":
		s.now = s.now.Add(s.duration(words[1]))
	case "refresh":
		s.Begin(s.now)
		s.askAll(s.Next, args)
		s.commit()
		s.showOutcome()
	case "background":
		s.background(args)
	case "restart":
		l, err := ledger.Restore(s.options.Ledger, s.Ledger().Image())
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

// settings sets the planner up anew.
func (s *story) settings(args arguments) {
	for key, value := range args {
		o := &s.options
		switch key {
		case "lookback":
			o.Ledger.Lookback = s.duration(value)
		case "allowed-lateness":
			o.Ledger.Overlap = s.duration(value)
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
	s.Planner = New(o, NewDuty(s.now).Join(s.now))
}

// gateway changes what the gateway has, or how it answers.
func (s *story) gateway(args arguments) {
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

// background reads what has not been read, until nothing may be asked now, or, with all, until there is nothing left.
func (s *story) background(args arguments) {
	_, all := args["all"]
	for {
		s.askAll(s.Background, args)
		if !all || s.Idle() {
			break
		}
		s.now = s.now.Add(time.Second)
	}
	s.commit()
}

// askAll makes requests until there is none left. The one that is given by its number is answered in another way than the gateway would.
func (s *story) askAll(next func(time.Time) (Request, bool), args arguments) {
	for n := 1; ; n++ {
		r, ok := next(s.now)
		if !ok {
			return
		}
		if n > 1000 {
			s.Fatal("it asks for ever")
		}
		began := s.now
		special := arguments{}
		if request := args["request"]; request == strconv.Itoa(n) || request == "all" {
			special = args
		}
		res := s.result(r, special)
		err := s.Answer(s.now, r, res)
		came := ""
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
	snap := l.Commit(at, s.now)
	var started, finished uint64
	for _, target := range snap.Targets {
		for _, c := range target.Started {
			started += c.Value
		}
		for _, c := range target.Finished {
			finished += c.Value
		}
	}
	s.show("watermark", s.since(l.Horizon()))
	var unread []string
	for _, span := range slices.Backward(l.Unread()) {
		unread = append(unread, s.window(span.From, span.To))
	}
	s.show("unread", cmp.Or(strings.Join(unread, ", "), "nothing"))
	s.show("counted", fmt.Sprintf("%d started, %d finished", started, finished))
	s.show("known", fmt.Sprint(l.KnownIn(l.Horizon(), at.Add(ahead)), " from the watermark on"))
	s.show("unfinished", fmt.Sprintf("%d, pending %d, lost %d", snap.Tracked, l.PendingIn(time.Time{}, at.Add(ahead)), snap.Lost))
	for _, second := range s.Skipped() {
		s.show("skipped", s.since(second))
	}
}

// show writes a line of the state where it has changed.
func (s *story) show(name, value string) {
	if s.shown[name] != value {
		s.shown[name] = value
		s.writef("  %-10s %s", name, value)
	}
}

func (s *story) showOutcome() {
	outcome := "failed"
	switch ok, asked := s.Succeeded(s.now); {
	case !asked:
		outcome = "nothing was asked"
	case ok:
		outcome = "succeeded"
	}
	s.show("refresh", outcome)
}

func (s *story) showBudget() {
	for k := range kinds {
		s.writef("  %-10s %v", kindName(k), s.purse.left(k).Round(time.Millisecond))
	}
	if l := s.Ledger(); l != nil {
		s.writef("  rechecks are late by %v at most", l.Commit(s.GatewayTime(s.now), s.now).RecheckLag.Round(time.Second))
	}
}

func (s *story) showWaits() {
	names := [lanes]string{"head page", "head rest", "pending page", "pending rest", "old pending", "recheck", "backfill"}
	for i, b := range s.backoff {
		if wait := b.until.Sub(s.now); wait > 0 {
			s.writef("  %-12s waits for %v", names[i], wait.Round(100*time.Millisecond))
		}
	}
	if s.purse.silent(s.now) {
		s.writef("  nothing is asked, because the gateway said so")
	}
}

func kindName(k Kind) string { return [kinds]string{"head", "pending", "recheck", "backfill"}[k] }

// request is a request in words.
func (s *story) request(r Request) string {
	if r.ID != "" {
		return fmt.Sprintf("%-8s id %s", kindName(r.Kind), r.ID)
	}
	o := r.List
	words := fmt.Sprintf("%-8s %s, limit %d", kindName(r.Kind), s.window(o.Start, o.End), o.Limit)
	if o.Offset > 0 {
		words += fmt.Sprintf(", offset %d", o.Offset)
	}
	if o.ReviewStatus != "" {
		words += ", status " + o.ReviewStatus
	}
	if o.Count != "" {
		words += ", count " + string(o.Count)
	}
	return words
}

// describe is an answer in words.
func (s *story) describe(p *client.SessionPage) string {
	words := fmt.Sprint(p.Rows, " rows")
	if p.Rows == 1 {
		words = "1 row"
	}
	if p.Rows > 0 {
		oldest, newest := p.Sessions[p.Rows-1].StartDate.Time, p.Sessions[0].StartDate.Time
		if oldest.Equal(newest) {
			words += fmt.Sprintf(" (%s)", s.since(oldest))
		} else {
			words += fmt.Sprintf(" (%s)", s.window(oldest, newest))
		}
	}
	switch {
	case p.TotalIsCapped:
		words += fmt.Sprintf(" of more than %d", *p.Total)
	case p.Total != nil:
		words += fmt.Sprint(" of ", *p.Total)
	}
	if p.Date.IsZero() {
		words += ", without a date"
	}
	return words
}

func (s *story) writef(format string, args ...any) {
	s.out.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// window is a stretch of time in words.
func (s *story) window(from, to time.Time) string { return s.since(from) + " .. " + s.since(to) }

// since is a moment as its distance from T0.
func (s *story) since(t time.Time) string {
	d := t.Sub(noon())
	switch {
	case d == 0:
		return "T0"
	case d < 0:
		return "T0-" + short(-d)
	}
	return "T0+" + short(d)
}

// short is a duration without the units that are zero, such as 1h30s.
func short(d time.Duration) string {
	var words strings.Builder
	for _, unit := range []struct {
		name string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}} {
		if n := d / unit.d; n > 0 {
			fmt.Fprint(&words, int64(n), unit.name)
			d %= unit.d
		}
	}
	if d > 0 || words.Len() == 0 {
		words.WriteString(d.String())
	}
	return words.String()
}

func (s *story) time(text string) time.Time {
	d, ok := strings.CutPrefix(text, "T0")
	if !ok {
		s.Fatalf("%q is not a time: write one such as T0-10m", text)
	}
	return noon().Add(s.duration(cmp.Or(d, "0s")))
}

// duration reads what short writes; there may be a sign before it.
func (s *story) duration(text string) time.Duration {
	var days time.Duration
	if sign, rest, ok := strings.Cut(text, "d"); ok {
		days = time.Duration(s.number(sign)) * 24 * time.Hour
		text = cmp.Or(rest, "0s")
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		s.Fatal(err)
	}
	return days + d
}

func (s *story) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.Fatal(err)
	}
	return n
}
