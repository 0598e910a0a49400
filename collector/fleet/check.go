package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/check"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/shard"
)

// Check asks all gateways of a shard for a page, one after the other, and writes to out what came. The error tells of each that is of no use.
func Check(ctx context.Context, c *config.Config, own shard.Shard, connect func(*config.Gateway) (*client.Client, error), out io.Writer) (err error) {
	for _, g := range c.Gateways() {
		if !own.Owns(g.Address()) {
			continue
		}
		if g.Name() != "" {
			_, _ = fmt.Fprintf(out, "%s:\n", g.Name())
		}
		to, failed := connect(g)
		if failed == nil {
			failed = check.Gateway(ctx, to, g.Collector().Timeout, out)
		}
		if failed != nil && g.Name() != "" {
			failed = fmt.Errorf("gateway %s: %w", g.Name(), failed)
		}
		err = errors.Join(err, failed)
	}
	return err
}
