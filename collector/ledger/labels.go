package ledger

import (
	"slices"
	"strings"
)

// Bounds on label values: whatever a gateway says, the number of series stays finite.
const (
	maxUnknownLabels = 8   // unknown words of the API per label
	maxGroups        = 200 // group names
	maxLabelBytes    = 256 // bytes of one label value
	other            = "other"
	// OtherConnection is the connection label of those beyond the cap: a name that hoop refuses, so that it is nobody's.
	OtherConnection = "<other>"
	// maxMalformed bounds how many malformed rows are remembered, only to count each once.
	maxMalformed = 10_000
)

// labelLimiter admits label values: the known ones, and the first few unknown ones, for ever. Which ones are first is decided once a refresh,
// in sorted order, so that the order of rows does not matter.
type labelLimiter struct {
	limit           int
	admitted        map[string]bool // true: counts towards the limit
	admittedUnknown int
	candidates      map[string]bool
}

func newLabelLimiter(limit int, known ...string) *labelLimiter {
	w := &labelLimiter{limit: limit, admitted: map[string]bool{}, candidates: map[string]bool{}}
	for _, k := range known {
		w.admitted[k] = false
	}
	return w
}

// register notes that a word occurs and returns the label value to count under until the next settle.
func (w *labelLimiter) register(word string) string {
	word = clean(word)
	if _, ok := w.admitted[word]; ok {
		return word
	}
	if w.admittedUnknown >= w.limit {
		return other
	}
	w.candidates[word] = true
	return word
}

// lookup is the label value of a word that was used before.
func (w *labelLimiter) lookup(word string) string {
	word = clean(word)
	if _, ok := w.admitted[word]; ok {
		return word
	}
	return other
}

// admit decides on the words that wait.
func (w *labelLimiter) admit() {
	if len(w.candidates) == 0 {
		return
	}
	for _, word := range sortedKeys(w.candidates) {
		if w.admittedUnknown < w.limit {
			w.admitted[word] = true
			w.admittedUnknown++
		}
	}
	clear(w.candidates)
}

// clean makes a label value of a foreign string: valid UTF-8, and not endless.
func clean(s string) string {
	if len(s) > maxLabelBytes {
		s = s[:maxLabelBytes]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
