package ledger

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds on label values: whatever a gateway says, the number of series stays finite.
const (
	maxUnknownLabels = 8   // values per label that are not documented
	maxGroups        = 200 // group names
	maxInfoTypes     = 64  // types of what is masked
	maxRules         = 50  // names of guardrail rules
	maxLabelBytes    = 256 // bytes of one label value
	other            = "other"
	// otherConnection is the label value of connections beyond the cap. hoop rejects this name, so no connection has it.
	otherConnection = "<other>"
	// maxTags bounds how many tags of a connection are remembered, besides the chosen ones.
	maxTags = 32
	// maxMalformed bounds how many malformed rows are remembered, only to count each once.
	maxMalformed = 10_000
)

// labelLimiter bounds the values of one label. Invariant: a value that was admitted stays admitted, and at most limit unknown values are
// ever admitted. Rows register values during a refresh; admit decides on the new ones at its end, in sorted order, so that the order of
// rows does not matter. candidates are sorted, and are only those values that can still be admitted, because a gateway can send any number
// of values in one refresh.
type labelLimiter struct {
	limit           int
	admitted        map[string]bool // true: counts toward the limit
	admittedUnknown int
	candidates      []string
}

func newLabelLimiter(limit int, known ...string) *labelLimiter {
	l := &labelLimiter{limit: limit, admitted: map[string]bool{}}
	for _, k := range known {
		l.admitted[k] = false
	}
	return l
}

// register records that a value occurs, and returns the label value to count under until the next admit.
func (l *labelLimiter) register(value string) string {
	value = clean(value)
	if _, ok := l.admitted[value]; ok {
		return value
	}
	if !l.addCandidate(value) {
		return other
	}
	return value
}

// addCandidate adds a value to the candidates. It returns false if so many sort before it that it cannot be admitted.
func (l *labelLimiter) addCandidate(value string) bool {
	i, known := slices.BinarySearch(l.candidates, value)
	room := l.limit - l.admittedUnknown
	if known || i >= room {
		return known
	}
	l.candidates = slices.Insert(l.candidates, i, value)
	l.candidates = l.candidates[:min(len(l.candidates), room)]
	return true
}

// lookup returns the label value of a value that was registered before.
func (l *labelLimiter) lookup(value string) string {
	value = clean(value)
	if _, ok := l.admitted[value]; ok {
		return value
	}
	return other
}

// admit decides on the values that were registered since the last time.
func (l *labelLimiter) admit() {
	for _, value := range l.candidates {
		l.admitted[value] = true
	}
	l.admittedUnknown += len(l.candidates)
	l.candidates = nil
}

// LabelValue turns a foreign string into a label value, as the ledger does.
func LabelValue(s string) string { return clean(s) }

// clean turns a foreign string into a label value: valid UTF-8 of bounded length. A longer string is cut and ends with its hash, so that
// two with the same beginning stay distinct. What is clean already is not changed.
func clean(s string) string {
	valid := strings.ToValidUTF8(s, "\uFFFD")
	if len(valid) <= maxLabelBytes {
		return valid
	}
	suffix := fmt.Sprintf("~%016x", hash64(s))
	end := maxLabelBytes - len(suffix)
	for !utf8.RuneStart(valid[end]) {
		end--
	}
	return valid[:end] + suffix
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
