// Package failurelog logs what fails again and again, without filling the log.
package failurelog

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// Log logs a failure when it starts and when its reason changes, reminds of it once an hour while it lasts, and logs when it is over.
// Always holds: of each subject, the same reason is a warning once an hour at most, and no more than [maxReasons] of them are. Hours are
// those of the monotonic clock. It is for one goroutine.
type Log struct {
	logger log.Logger
	code   func(error) string
	last   map[string]*failure // by subject, until it has recovered
	warned map[string]bool     // subjects of FailedOnce that had their warning
}

// failure is what is wrong with a subject.
type failure struct {
	msg    string               // of the last one
	since  time.Time            // when it started
	warned map[string]time.Time // by reason: when it was last a warning; none is older than an hour
}

const (
	// remindEvery is how often the log repeats what is still wrong.
	remindEvery = time.Hour
	// maxReasons bounds the warnings of a subject in an hour, for one that fails each time for another reason.
	maxReasons = 10
	// maxWarned bounds the subjects that FailedOnce remembers, and so how many of them get a warning.
	maxWarned = 1000
)

// New returns a log of failures that writes to l. Two failures have the same reason if their texts are equal but for numbers, and code
// returns the same for both, such as the status of an answer; nil: the text alone decides.
func New(l log.Logger, code func(error) string) *Log {
	if code == nil {
		code = func(error) string { return "" }
	}
	return &Log{logger: l, code: code, last: map[string]*failure{}, warned: map[string]bool{}}
}

// Failed logs a failure as a warning, or at debug if the subject has had one for the same reason within the hour. From the second time on
// it logs how long the subject has been failing.
func (f *Log) Failed(subject, msg string, err error, keyvals ...any) {
	now := time.Now()
	keyvals = append([]any{"msg", msg, "err", err}, keyvals...)
	was := f.last[subject]
	if was == nil {
		was = &failure{since: now, warned: map[string]time.Time{}}
		f.last[subject] = was
	} else {
		keyvals = append(keyvals, "since", Moment(was.since))
	}
	was.msg = msg
	maps.DeleteFunc(was.warned, func(_ string, at time.Time) bool { return now.Sub(at) >= remindEvery })
	reason := msg + ": " + f.code(err) + " " + withoutNumbers(err.Error())
	l := level.Debug(f.logger)
	if _, ok := was.warned[reason]; !ok && len(was.warned) < maxReasons {
		was.warned[reason] = now
		l = level.Warn(f.logger)
	}
	_ = l.Log(keyvals...)
}

// FailedOnce logs a failure as a warning the first time for its subject, and at debug from then on. It never recovers.
func (f *Log) FailedOnce(subject, msg string, err error, keyvals ...any) {
	l := level.Debug(f.logger)
	if !f.warned[subject] && len(f.warned) < maxWarned {
		f.warned[subject] = true
		l = level.Warn(f.logger)
	}
	_ = l.Log(append([]any{"msg", msg, "err", err}, keyvals...)...)
}

// Recovered logs that a subject's failure is over, if there was one.
func (f *Log) Recovered(subject string) {
	if was, ok := f.last[subject]; ok {
		delete(f.last, subject)
		_ = level.Info(f.logger).Log("msg", "recovered", "subject", subject, "from", was.msg)
	}
}

// withoutNumbers returns a text without its words that have a digit: each time the same failure comes with another port, time or request
// number.
func withoutNumbers(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	words = slices.DeleteFunc(words, func(w string) bool { return strings.ContainsFunc(w, unicode.IsDigit) })
	return strings.Join(words, " ")
}

// Moment returns a time as the log shows it.
func Moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
