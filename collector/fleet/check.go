package fleet

import (
	"context"
	"fmt"
	"io"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/check"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/shard"
)

// Check requests a page from each gateway of a shard, one after the other, and writes to out what it got, or why a gateway cannot be used. Where
// the configuration came from flags, with its one gateway, the reason is returned instead.
func Check(ctx context.Context, c *config.Config, own shard.Shard, connect func(*config.Gateway) (*client.Client, error), out io.Writer) error {
	asked, failed := 0, 0
	for _, g := range c.Gateways() {
		if !own.Owns(g.Address()) {
			continue
		}
		if g.Name() != "" {
			_, _ = fmt.Fprintf(out, "%s:\n", g.Name())
		}
		to, err := connect(g)
		if err == nil {
			err = check.Gateway(ctx, to, g.Collector().Timeout, out)
		}
		if g.Name() == "" {
			return err
		}
		if asked++; err != nil {
			failed++
			_, _ = fmt.Fprintf(out, "failed: %s\n", err)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d gateways cannot be used", failed, asked)
	}
	return nil
}
