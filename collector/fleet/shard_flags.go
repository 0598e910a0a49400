package fleet

import (
	"errors"

	"github.com/alecthomas/kingpin/v2"

	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/config/flags"
	"github.com/hoop-exporter/hoop_exporter/collector/shard"
)

// ShardFlags are what flags say about the gateways of a file that this process has. Call order: Add, then parse the command line, then Validate, then Of.
type ShardFlags struct {
	// Address is where each shard is, with {index} for its index; "" if that was not given.
	Address string

	total, index int64
	pod          string
	indexGiven   bool
}

// Add adds the flags.
func (s *ShardFlags) Add(app *kingpin.Application) {
	flags.Add(app, "shard.total", "1", "How many exporters divide the gateways of a file among them.", &s.total, config.ParseValue[int64])
	flags.Add(app, "shard.index", "0", "Which one of them this is, from 0.", &s.index, config.ParseValue[int64])
	app.GetFlag("shard.index").IsSetByUser(&s.indexGiven)
	app.Flag("shard.from-pod-name", "Name of a StatefulSet's pod, such as hoop-exporter-2, to take the index from.").StringVar(&s.pod)
	app.Flag("shard.address", "Where the exporters are, for service discovery, such as hoop-exporter-{index}.hoop-exporter:10068.").StringVar(&s.Address)
}

// Validate fails if flags are given that do not fit each other. file reports that there is a file whose gateways can be divided.
func (s *ShardFlags) Validate(file bool) error {
	switch {
	case s.total != 1 && !file:
		return errors.New("--shard.total divides the gateways of a file: name it with --config.file")
	case s.pod != "" && s.indexGiven:
		return errors.New("--shard.index and --shard.from-pod-name: choose one")
	case s.total > 1 && s.pod == "" && !s.indexGiven:
		return errors.New("--shard.total: say which one of them this is, by --shard.index or --shard.from-pod-name")
	}
	return nil
}

// Of returns the shard that the flags name. The errors name the flags.
func (s *ShardFlags) Of() (shard.Shard, error) { return shard.Of(s.total, s.index, s.pod, s.Address) }
