// Package logging makes the program's log.
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"time"
	"unicode"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	sloggokit "github.com/tjhop/slog-gokit"
)

// New returns a log that writes to w, and the same log for libraries that want slog. lowest is the least severe level that is written:
// debug, info, warn or error; format is logfmt or json. It fails if the level is unknown.
func New(w io.Writer, lowest, format string) (log.Logger, *slog.Logger, error) {
	sink := log.NewLogfmtLogger(log.NewSyncWriter(w))
	if format == "json" {
		sink = log.NewJSONLogger(log.NewSyncWriter(w))
	}
	var slogLevel slog.Level
	if err := slogLevel.UnmarshalText([]byte(lowest)); err != nil {
		return nil, nil, fmt.Errorf("--log.level: %w", err)
	}
	sink = level.NewFilter(sink, level.Allow(level.ParseDefault(lowest, level.InfoValue())))
	logger := log.With(sink, "time", log.DefaultTimestampUTC, "caller", log.DefaultCaller)
	return logger, slog.New(sloggokit.NewGoKitHandler(alike(sink), slogLevel)), nil
}

// alike gives what comes over slog (level, caller, time, message) the order of the other log, UTC, and a message in lower case.
func alike(next log.Logger) log.Logger {
	return log.LoggerFunc(func(fields ...any) error {
		if len(fields) < 8 || fields[2] != "caller" || fields[4] != slog.TimeKey || fields[6] != slog.MessageKey {
			return next.Log(fields...)
		}
		at, timed := fields[5].(time.Time)
		msg, isText := fields[7].(string)
		if timed {
			fields[5] = at.UTC()
		}
		if begin := []rune(msg); isText && len(begin) > 1 && !unicode.IsUpper(begin[1]) { // not TLS
			fields[7] = string(unicode.ToLower(begin[0])) + string(begin[1:])
		}
		for i := 9; i < len(fields); i += 2 {
			if v, ok := fields[i].(slog.Value); ok { // which JSON would show as text
				fields[i] = v.Any()
			}
		}
		fields[2], fields[3], fields[4], fields[5] = fields[4], fields[5], fields[2], fields[3]
		return next.Log(fields...)
	})
}
