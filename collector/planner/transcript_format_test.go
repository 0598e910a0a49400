package planner

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// request is a request in words.
func (s *story) request(r Request) string {
	if r.ID != "" {
		return fmt.Sprintf("%-8s id %s", r.Kind, r.ID)
	}
	o := r.List
	words := fmt.Sprintf("%-8s %s, limit %d", r.Kind, s.window(o.Start, o.End), o.Limit)
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
