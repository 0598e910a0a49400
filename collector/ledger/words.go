package ledger

import (
	"slices"
	"strings"
)

// Bounds on label values: whatever a gateway says, the number of series stays finite.
const (
	maxWords  = 8   // unknown words of the API per label
	maxGroups = 200 // group names
	maxLabel  = 256 // bytes of one label value
	other     = "other"
	// OtherConnection is the connection label of those beyond the cap: a name that hoop refuses, so that it is nobody's.
	OtherConnection = "<other>"
	// maxMalformed bounds how many malformed rows are remembered, only to count each once.
	maxMalformed = 10_000
)

// words admits label values: the known ones, and the first few unknown ones, for ever. Which ones are first is decided once a refresh,
// in sorted order, so that the order of rows does not matter.
type words struct {
	limit    int
	admitted map[string]bool // true: counts towards the limit
	unknown  int
	waiting  map[string]bool
}

func newWords(limit int, known ...string) *words {
	w := &words{limit: limit, admitted: map[string]bool{}, waiting: map[string]bool{}}
	for _, k := range known {
		w.admitted[k] = false
	}
	return w
}

// use notes that a word occurs and returns the label value to count under until the next settle.
func (w *words) use(word string) string {
	word = clean(word)
	if _, ok := w.admitted[word]; ok {
		return word
	}
	if w.unknown >= w.limit {
		return other
	}
	w.waiting[word] = true
	return word
}

// label is the label value of a word that was used before.
func (w *words) label(word string) string {
	word = clean(word)
	if _, ok := w.admitted[word]; ok {
		return word
	}
	return other
}

// settle decides on the words that wait.
func (w *words) settle() {
	if len(w.waiting) == 0 {
		return
	}
	for _, word := range sortedKeys(w.waiting) {
		if w.unknown < w.limit {
			w.admitted[word] = true
			w.unknown++
		}
	}
	clear(w.waiting)
}

// clean makes a label value of a foreign string: valid UTF-8, and not endless.
func clean(s string) string {
	if len(s) > maxLabel {
		s = s[:maxLabel]
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
