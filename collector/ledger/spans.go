package ledger

import (
	"slices"
	"time"
)

// Tick is the resolution of the gateway's timestamps.
const Tick = time.Microsecond

// Span is a stretch of the gateway's time. From is part of it, To is not.
type Span struct{ From, To time.Time }

func (s Span) contains(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

// spans are sorted, oldest first. Invariant: no two overlap or touch, and none is empty.
type spans []Span

func (s spans) contains(t time.Time) bool {
	i, _ := slices.BinarySearchFunc(s, t, func(v Span, t time.Time) int {
		if t.Before(v.To) {
			return 1
		}
		return -1
	})
	return i < len(s) && s[i].contains(t)
}

// add returns s with v in it.
func (s spans) add(v Span) spans {
	if !v.From.Before(v.To) {
		return s
	}
	var out spans
	for _, o := range s {
		if o.To.Before(v.From) || v.To.Before(o.From) {
			out = append(out, o)
			continue
		}
		if o.From.Before(v.From) {
			v.From = o.From
		}
		v.To = Later(v.To, o.To)
	}
	out = append(out, v)
	slices.SortFunc(out, func(a, b Span) int { return a.From.Compare(b.From) })
	return out
}

// remove returns s without v.
func (s spans) remove(v Span) spans {
	if !v.From.Before(v.To) {
		return s
	}
	var out spans
	for _, o := range s {
		if !v.From.Before(o.To) || !o.From.Before(v.To) {
			out = append(out, o)
			continue
		}
		if o.From.Before(v.From) {
			out = append(out, Span{o.From, v.From})
		}
		if v.To.Before(o.To) {
			out = append(out, Span{v.To, o.To})
		}
	}
	return out
}

func (s spans) total() time.Duration {
	var sum time.Duration
	for _, o := range s {
		sum += o.To.Sub(o.From)
	}
	return sum
}

// Later is the later of two times.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Earlier is the earlier of two times.
func Earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
