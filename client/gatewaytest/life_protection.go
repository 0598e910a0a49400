package gatewaytest

import (
	"encoding/binary"
	"time"
)

// What the protection of data does to simulated sessions. It follows from the id of a session, so it needs neither memory nor the random
// numbers of the life: of the same seed, everything else stays as it is.

// simulatedText stands for everything that people wrote or that was masked. Nobody must ever see it.
const simulatedText = "made-up secret"

// The portions of sessions. Those of guardrails, analyses and machines are of sessions on new gateways.
const (
	portionMasked        = 0.3   // of databases and applications
	portionMaskingFailed = 0.03  // of those
	portionTruncated     = 0.005 // of all
	portionGuarded       = 0.03  // of all
	portionAnalyzed      = 0.25  // of exec
	portionMachine       = 0.08  // of all
)

// growth is how long a session runs until another eighth of what is masked in it is reported. The last eighth comes with the end.
const growth = int64(20 * time.Second / time.Microsecond)

// infoTypes returns the types of what is masked, the most frequent first.
func infoTypes() []string {
	return []string{"EMAIL_ADDRESS", "PERSON", "PHONE_NUMBER", "CREDIT_CARD", "IP_ADDRESS", "US_SSN", "IBAN_CODE", "LOCATION"}
}

// draws are random numbers that follow from a number.
type draws uint64

func (d *draws) next() uint64 {
	*d = draws(mix(uint64(*d)))
	return uint64(*d)
}

func (d *draws) float() float64        { return float64(d.next()>>11) / (1 << 53) }
func (d *draws) chance(p float64) bool { return d.float() < p }
func (d *draws) upTo(n int) int        { return 1 + int(d.next()%uint64(n)) }
func (r *row) draws(purpose byte) draws {
	return draws(mix(binary.BigEndian.Uint64(r.id[:8]) + uint64(purpose)))
}

// simulatedProtection returns what the API says about a simulated row with the status f at a moment.
//
// Old gateways write the metrics when the session ends, new ones also while it runs. Guardrails match the input at the start and the output
// at the end.
func (r *row) simulatedProtection(f sessionStatus, at int64) protection {
	byNew, ended := f.flags&createdByNew != 0, f.status == "done" && f.flags&(hasMetrics|ran) == hasMetrics|ran
	p := protection{identity: identityUser}
	if byNew {
		p.ai, p.identity = r.analysis(f.verb), r.identity()
	}
	switch {
	case ended:
		p.masking, p.truncated = r.masking(), r.truncated()
		if byNew {
			p.matches = r.matches()
		}
	case byNew && f.flags&ran != 0:
		if f.state(at) == stateFinished {
			at = min(at, r.finishedAt())
		}
		p.masking = r.masking().part(min(7, (at-f.runningSince(r))/growth))
		for _, m := range r.matches() {
			if m.Direction == "input" {
				p.matches = append(p.matches, m)
			}
		}
	}
	return p
}

// runningSince returns when a session that has run started to run, or was approved.
func (f sessionStatus) runningSince(r *row) int64 {
	if f.review != nil {
		if at, decided := f.review.decision(); decided {
			return max(r.visible, at)
		}
	}
	return r.visible
}

// masking returns what is masked in a session by its end; nil if nothing is.
func (r *row) masking() *masking {
	d := r.draws('m')
	if !d.chance(portionMasked) {
		return nil
	}
	m := &masking{InfoTypes: map[string]int64{}}
	for range d.upTo(3) {
		x := d.float()
		n := int64(d.upTo(40))
		m.InfoTypes[infoTypes()[int(x*x*float64(len(infoTypes())))]] += n
		m.Bytes += n * int64(10+d.upTo(10))
	}
	if d.chance(portionMaskingFailed) {
		m.Errors = int64(d.upTo(3))
	}
	return m
}

// part returns the first eighths of what is masked; nil for nothing.
func (m *masking) part(eighths int64) *masking {
	if m == nil || eighths <= 0 {
		return nil
	}
	out := &masking{InfoTypes: map[string]int64{}, Bytes: m.Bytes * eighths / 8}
	for name, n := range m.InfoTypes {
		if n = n * eighths / 8; n > 0 {
			out.InfoTypes[name] = n
		}
	}
	return out
}

func (r *row) truncated() bool {
	d := r.draws('t')
	return d.chance(portionTruncated)
}

// matches returns the guardrails that match by the end of a session, input first; nil if none does.
func (r *row) matches() []match {
	d := r.draws('g')
	if !d.chance(portionGuarded) {
		return nil
	}
	rules := []match{{"no-drop-table", "input"}, {"no-secrets", "input"}, {"no-secrets", "output"}, {"personal-data", "output"}}
	var out []match
	first := d.upTo(len(rules)) - 1
	for range d.upTo(3) {
		out = append(out, rules[first])
		first = min(first+d.upTo(2)-1, len(rules)-1)
	}
	return out
}

// analysis returns an AI's analysis of the input; nil if there was none.
func (r *row) analysis(verb string) *analysis {
	d := r.draws('a')
	if verb != "exec" || !d.chance(portionAnalyzed) {
		return nil
	}
	a := &analysis{"low", "allow_execution"}
	switch x := d.float(); {
	case x < 0.05:
		a.Risk = "high"
		if d.chance(0.6) {
			a.Action = "block_execution"
		}
	case x < 0.2:
		a.Risk = "medium"
	}
	return a
}

func (r *row) identity() string {
	if d := r.draws('i'); d.chance(portionMachine) {
		return identityMachine
	}
	return identityUser
}

// countProtection counts the events of a session that has just started or ended.
func (l *life) countProtection(r *row, ended bool) {
	byNew := r.is(createdByNew)
	masking := r.masking()
	for _, x := range []struct {
		event    string
		happened bool
	}{
		{EventMachine, !ended && byNew && r.identity() == identityMachine},
		{EventAnalyzed, !ended && byNew && r.analysis(l.g.words.at(uint32(r.verb))) != nil},
		{EventMasked, ended && masking != nil},
		{EventMaskingFailed, ended && masking != nil && masking.Errors > 0},
		{EventTruncated, ended && r.truncated()},
		{EventGuarded, ended && byNew && r.matches() != nil},
	} {
		if x.happened {
			l.count(x.event)
		}
	}
}
