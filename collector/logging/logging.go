// Package logging makes the program's log.
package logging

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	sloggokit "github.com/tjhop/slog-gokit"
)

// New returns a log that writes to w, and the same log for libraries that want slog. lowest is the least severe level that is written: debug, info,
// warn or error; format is logfmt or json. It fails if the level is unknown.
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
	return logger, slog.New(sloggokit.NewGoKitHandler(sink, slogLevel)), nil
}
