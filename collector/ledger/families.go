package ledger

import (
	"slices"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Labels are the values of the labels that a counter has besides those of its target, in the order of its family; those that it does not
// have are empty.
type Labels [3]string

func (a Labels) compare(b Labels) int { return slices.Compare(a[:], b[:]) }

// family is a counter of each target, with labels of its own.
type family int

// The families, with their labels.
const (
	startedSessions     family = iota // verb, identity
	finishedSessions                  // outcome
	exitCodes                         // exit code
	requestedReviews                  // type of the review
	resolvedReviews                   // status, type of the review
	redactions                        // info type
	redactedBytes                     // none
	redactionErrors                   // none
	truncatedRecordings               // none
	guardrailMatches                  // rule, direction
	aiAnalyses                        // risk level, action
	groupDecisions                    // group, status, forced
	families                          // how many there are
)

// keeps reports whether the family is counted.
func (o *Options) keeps(f family) bool {
	switch f {
	case redactions, redactedBytes, redactionErrors, truncatedRecordings, guardrailMatches, aiAnalyses:
		return !o.NoDataProtection
	case groupDecisions:
		return !o.NoDecisions
	}
	return true
}

// keepsMeasure reports whether the measure is counted.
func (o *Options) keepsMeasure(m Measure) bool {
	switch m {
	case InputSize, Redactions, RedactedBytes, RedactionErrors:
		return !o.NoDataProtection
	case AccessDuration, GroupWait:
		return !o.NoDecisions
	}
	return true
}

// eachKnown calls f for the labels of each series that a target has before its first value.
func eachKnown(of family, f func(Labels)) {
	pairs := func(words, others []string) {
		for _, a := range words {
			for _, b := range others {
				f(Labels{a, b})
			}
		}
	}
	none := []string{""}
	switch of {
	case startedSessions:
		pairs([]string{client.VerbConnect, client.VerbExec}, identities())
	case finishedSessions:
		pairs(outcomes(), none)
	case requestedReviews:
		pairs(reviewTypes(), none)
	case resolvedReviews:
		pairs(finalStatuses(), reviewTypes())
	case redactedBytes, redactionErrors, truncatedRecordings:
		f(Labels{})
	}
}

// wordUnknown is the label value of an identity or a type of review that is not documented.
const wordUnknown = "unknown"

func identities() []string  { return []string{client.IdentityUser, client.IdentityMachine, wordUnknown} }
func reviewTypes() []string { return []string{client.ReviewOneTime, client.ReviewJIT, wordUnknown} }

// identityLabel is the label value for who started a session.
func identityLabel(i client.Identity) string {
	switch i {
	case client.IdentityUser, client.IdentityMachine:
		return string(i)
	}
	return wordUnknown
}

// reviewType is the label value for a review's type.
func (r *review) reviewType() string {
	switch r.kind {
	case client.ReviewOneTime, client.ReviewJIT:
		return r.kind
	}
	return wordUnknown
}

// finalStatuses are the documented statuses that a review can have in its final state.
func finalStatuses() []string {
	return []string{
		client.ReviewApproved, client.ReviewExecuted, client.ReviewExpired, client.ReviewProcessing, client.ReviewRejected, client.ReviewRevoked,
		client.ReviewUnknown,
	}
}

// vocabulary has the limiters of labels whose values are not bounded by themselves.
type vocabulary struct {
	types, verbs, statuses, groups, infoTypes, rules, directions, riskLevels, actions *labelLimiter
}

func newVocabulary() vocabulary {
	return vocabulary{
		types:      newLabelLimiter(maxUnknownLabels, "application", "command-line", "custom", "database", "httpproxy", "rdp", "ssh"),
		verbs:      newLabelLimiter(maxUnknownLabels, client.VerbConnect, client.VerbExec),
		statuses:   newLabelLimiter(maxUnknownLabels, append(finalStatuses(), client.ReviewPending)...),
		groups:     newLabelLimiter(maxGroups),
		infoTypes:  newLabelLimiter(maxInfoTypes),
		rules:      newLabelLimiter(maxRules),
		directions: newLabelLimiter(maxUnknownLabels, "input", "output"),
		riskLevels: newLabelLimiter(maxUnknownLabels, "low", "medium", "high"),
		actions:    newLabelLimiter(maxUnknownLabels, "allow_execution", "block_execution"),
	}
}

// all returns the limiters in a fixed order.
func (v *vocabulary) all() []*labelLimiter {
	return []*labelLimiter{v.types, v.verbs, v.statuses, v.groups, v.infoTypes, v.rules, v.directions, v.riskLevels, v.actions}
}

// of returns the limiters of a family's labels; nil for a label that is bounded by itself.
func (v *vocabulary) of(f family) (limiters [len(Labels{})]*labelLimiter) {
	switch f {
	case startedSessions:
		limiters[0] = v.verbs
	case resolvedReviews:
		limiters[0] = v.statuses
	case redactions:
		limiters[0] = v.infoTypes
	case guardrailMatches:
		limiters[0], limiters[1] = v.rules, v.directions
	case aiAnalyses:
		limiters[0], limiters[1] = v.riskLevels, v.actions
	case groupDecisions:
		limiters[0], limiters[1] = v.groups, v.statuses
	}
	return limiters
}

// fold moves what a target counted under labels that were not admitted to "other".
func (v *vocabulary) fold(c *targetCounters) {
	for f := range families {
		limiters := v.of(f)
		if limiters == [len(Labels{})]*labelLimiter{} {
			continue
		}
		for labels, s := range c.counters[f] {
			to := labels
			for i, limiter := range limiters {
				if limiter != nil {
					to[i] = limiter.lookup(labels[i])
				}
			}
			if to != labels && !s.exists() {
				delete(c.counters[f], labels)
				c.series(f, to).merge(s)
			}
		}
	}
}
