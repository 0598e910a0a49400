package collector

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// failureLog logs a failure once, not at every refresh, and logs when it is over. Always holds: of each subject, a failure is a warning only if the
// last one of that subject was another. It is for one goroutine.
type failureLog struct {
	logger log.Logger
	last   map[string]failure // by subject: the last failure, until it has recovered
	warned map[string]bool    // subjects of failedOnce that had their warning
}

// failure is what was logged last of a subject.
type failure struct{ msg, text string }

// maxWarned bounds the subjects that failedOnce remembers, and so how many of them get a warning.
const maxWarned = 1000

func newFailureLog(l log.Logger) *failureLog {
	return &failureLog{logger: l, last: map[string]failure{}, warned: map[string]bool{}}
}

// failed logs a failure as a warning, or at debug if it is the same one as the subject's last.
func (f *failureLog) failed(subject, msg string, err error, keyvals ...any) {
	text := msg + ": " + code(err) + " " + withoutNumbers(err.Error())
	l := level.Warn(f.logger)
	if f.last[subject].text == text {
		l = level.Debug(f.logger)
	}
	f.last[subject] = failure{msg, text}
	_ = l.Log(append([]any{"msg", msg, "err", err}, keyvals...)...)
}

// failedOnce logs a failure as a warning the first time for its subject, and at debug from then on. It never recovers.
func (f *failureLog) failedOnce(subject, msg string, err error, keyvals ...any) {
	l := level.Debug(f.logger)
	if !f.warned[subject] && len(f.warned) < maxWarned {
		f.warned[subject] = true
		l = level.Warn(f.logger)
	}
	_ = l.Log(append([]any{"msg", msg, "err", err}, keyvals...)...)
}

// recovered logs that a subject's failure is over, if there was one.
func (f *failureLog) recovered(subject string) {
	if was, ok := f.last[subject]; ok {
		delete(f.last, subject)
		_ = level.Info(f.logger).Log("msg", "recovered", "subject", subject, "from", was.msg)
	}
}

// withoutNumbers returns a text without its words that have a digit: each time the same failure comes with another port, time or request number.
func withoutNumbers(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	words = slices.DeleteFunc(words, func(w string) bool { return strings.ContainsFunc(w, unicode.IsDigit) })
	return strings.Join(words, " ")
}

// moment returns a time as the log shows it.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
