package collector

import (
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// troubleLog says what is wrong once, not at every scrape, and says when it is over.
type troubleLog struct {
	logger log.Logger
	last   map[string]string // by subject: what was said last
}

func newTroubleLog(l log.Logger) *troubleLog {
	return &troubleLog{logger: l, last: map[string]string{}}
}

// trouble logs an error as a warning, or, where it is what was said of the subject last, for debugging only.
func (t *troubleLog) trouble(subject, msg string, err error, keyvals ...any) {
	said := msg + ": " + err.Error()
	l := level.Warn(t.logger)
	if t.last[subject] == said {
		l = level.Debug(t.logger)
	}
	t.last[subject] = said
	_ = l.Log(append([]any{"msg", msg, "err", err}, keyvals...)...)
}

// over says that a subject's trouble has passed.
func (t *troubleLog) over(subject string) {
	if _, ok := t.last[subject]; ok {
		delete(t.last, subject)
		_ = level.Info(t.logger).Log("msg", "recovered", "subject", subject)
	}
}
