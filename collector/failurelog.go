package collector

import (
	"slices"
	"strings"
	"unicode"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// troubleLog says what is wrong once, not at every scrape, and says when it is over.
type troubleLog struct {
	logger log.Logger
	last   map[string]trouble // by subject: what was said last
	told   map[string]bool    // what is told once for ever
}

// trouble is what was said of a subject.
type trouble struct{ msg, said string }

// mostTold bounds what is remembered, and so what is told once for ever.
const mostTold = 1000

func newTroubleLog(l log.Logger) *troubleLog {
	return &troubleLog{logger: l, last: map[string]trouble{}, told: map[string]bool{}}
}

// trouble logs an error as a warning, or, where it is what was said of the subject last, for debugging only.
func (t *troubleLog) trouble(subject, msg string, err error, keyvals ...any) {
	said := msg + ": " + code(err) + " " + gist(err.Error())
	l := level.Warn(t.logger)
	if t.last[subject].said == said {
		l = level.Debug(t.logger)
	}
	t.last[subject] = trouble{msg, said}
	_ = l.Log(append([]any{"msg", msg, "err", err}, keyvals...)...)
}

// once logs an error as a warning the first time that it is about this, and for debugging only from then on.
func (t *troubleLog) once(about, msg string, err error, keyvals ...any) {
	l := level.Debug(t.logger)
	if !t.told[about] && len(t.told) < mostTold {
		t.told[about] = true
		l = level.Warn(t.logger)
	}
	_ = l.Log(append([]any{"msg", msg, "err", err}, keyvals...)...)
}

// gist is a text without its words that have a digit: the same trouble comes with another port, moment or number of a request each time.
func gist(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	words = slices.DeleteFunc(words, func(w string) bool { return strings.ContainsFunc(w, unicode.IsDigit) })
	return strings.Join(words, " ")
}

// over says that a subject's trouble has passed.
func (t *troubleLog) over(subject string) {
	if was, ok := t.last[subject]; ok {
		delete(t.last, subject)
		_ = level.Info(t.logger).Log("msg", "recovered", "subject", subject, "from", was.msg)
	}
}
