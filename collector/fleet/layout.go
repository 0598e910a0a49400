package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/collector/shard"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// A gateway that another shard owned in between was counted there. Where the shards share a volume, that shard's file is here and is continued.
// Where each has its own volume, the file here is from before: to continue it would backfill what the other shard has counted, and the series,
// which moved from shard to shard, would rise by all of it again. So each shard saves since when it has been one of how many.

// layouts are the layouts that a shard has been part of, oldest first.
type layouts []layout

// layout is a number of shards, and since when.
type layout struct {
	Total int       `json:"total"`
	Since time.Time `json:"since"`
}

// maxLayouts bounds how many are saved.
const maxLayouts = 100

// ownedSince is since when a shard has owned the gateways at an address without a break; zero: for as long as is known.
func (l layouts) ownedSince(index int, address string) (since time.Time) {
	for _, was := range slices.Backward(l) {
		if !(shard.Shard{Index: index, Total: was.Total}).Owns(address) {
			return since
		}
		since = was.Since
	}
	return time.Time{}
}

// States is where the ledgers of a shard's gateways are saved.
type States struct {
	dir    *state.Directory
	log    log.Logger
	index  int
	was    layouts
	shared bool
}

// StateFolders returns where the ledgers of the gateways at an address are kept in a directory, which it makes if it is not there; nil if dir is
// "". layouts reports that there may be several shards, so that it has to be noted how many there are.
func StateFolders(dir string, layouts bool, s shard.Shard, logger log.Logger) (func(address string) state.Store, error) {
	if dir == "" {
		return nil, nil
	}
	d, err := state.NewDirectory(dir)
	if err != nil {
		return nil, err
	}
	if !layouts {
		return func(string) state.Store { return d }, nil
	}
	states, err := OpenStates(d, s, time.Now(), logger)
	if err != nil {
		return nil, err
	}
	return states.Folder, nil
}

// OpenStates returns where a shard's ledgers are saved, and saves there how many shards there are from now on.
func OpenStates(dir *state.Directory, s shard.Shard, now time.Time, logger log.Logger) (*States, error) {
	out := &States{dir: dir, log: logger, index: s.Index}
	name := noteOf(strconv.Itoa(s.Index))
	content, err := dir.Note(name)
	if err == nil && content != nil {
		if json.Unmarshal(content, &out.was) != nil {
			err = errors.New("it is not such a note") // the decoder's error names Go types
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading how many shards there were (%s): %w: move it away if there were never more or less than now", name, err)
	}
	if total := max(s.Total, 1); len(out.was) == 0 || out.was[len(out.was)-1].Total != total {
		out.was = append(out.was, layout{Total: total, Since: now.UTC()})
		out.was = out.was[max(0, len(out.was)-maxLayouts):]
		out.note(name)
	}
	all, err := dir.Notes(noteOf("*"))
	if err != nil {
		return nil, fmt.Errorf("looking for other shards' notes beside the state: %w", err)
	}
	out.shared = len(all) > 1
	return out, nil
}

func noteOf(index string) string { return "shard-" + index + ".json" }

// note saves the layouts. Where that fails, no ledger can be saved either, which is reported when it is tried.
func (s *States) note(name string) {
	content, err := json.Marshal(s.was)
	if err == nil {
		err = s.dir.SetNote(name, append(content, '\n'))
	}
	if err != nil {
		level.Warn(s.log).Log("msg", "cannot save how many shards there are", "err", err)
	}
}

// Folder is where the ledgers of the gateways at an address are saved. What this shard wrote before another one owned them is moved aside, unless
// the shards share the directory: then the last shard to write was the last one to own them.
func (s *States) Folder(address string) state.Store {
	since := s.was.ownedSince(s.index, address)
	if s.shared || since.IsZero() {
		return s.dir
	}
	return s.dir.After(since, func(file, aside string) {
		level.Warn(s.log).Log("msg", "the state file is from before another shard owned the gateway, and was moved aside: counting starts again",
			"file", file, "aside", aside, "hint", "let the shards share a volume, so that counters move along")
	})
}
