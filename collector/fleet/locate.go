package fleet

import (
	"errors"

	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

// ErrUnknown is the error for a gateway that the configuration does not have.
var ErrUnknown = errors.New("there is no gateway of this name")

// errUnheld is the error for a gateway that no process watches.
var errUnheld = errors.New("no process watches the gateway at the moment: it moves to another process, which takes a few seconds")

// errUnwatchable is the error for a gateway that this process holds and cannot watch.
var errUnwatchable = errors.New("this process should watch the gateway and cannot: its log says why")

// Locate returns where the metrics of a gateway are: the collector if this process watches the gateway, else the URL of the process that
// does. It fails with [ErrUnknown], or with an error for the client if no process watches the gateway at the moment, or it is not known
// which one does.
func (f *Fleet) Locate(name string) (c *collector.Collector, url string, err error) {
	f.mu.Lock()
	w, cfg := f.watched[name], f.config
	f.mu.Unlock()
	var g *config.Gateway
	if cfg != nil {
		g = cfg.Gateway(name)
	}
	switch {
	case w != nil:
		if err := w.collector.CheckTerm(); err != nil {
			return nil, "", err
		}
		return w.collector, "", nil
	case g == nil || f.keeper == nil:
		return nil, "", ErrUnknown
	}
	if f.unwatchable(g) {
		return nil, "", errUnwatchable
	}
	seen, err := f.keeper.Seen()
	if err != nil {
		return nil, "", err
	}
	holder, ok := seen.Holder(g.Address())
	if !ok || holder.ID == f.o.Cluster.ID {
		return nil, "", errUnheld
	}
	return nil, holder.URL, nil
}

// unwatchable reports whether this process holds a gateway's address and cannot watch the gateway.
func (f *Fleet) unwatchable(g *config.Gateway) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.holds[g.Address()]
	return h != nil && h.failed != nil && f.watched[g.Name()] == nil
}
