package fleet

import (
	"context"
	"fmt"
	"io"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/check"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/shard"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// CheckOptions are what [Check] needs besides the configuration.
type CheckOptions struct {
	// Client makes the client of a gateway. Required.
	Client func(*config.Gateway) (*client.Client, error)
	// StateDir is the directory in which the state is to be saved; "": nowhere.
	StateDir string
	// Shard has the gateways to check.
	Shard shard.Shard
}

// Check checks that the state can be saved, asks all gateways of a shard for a page, one after the other, and writes to out what came, or why a
// gateway cannot be used. With only one gateway, made by flags, that is the error. It creates nothing.
func Check(ctx context.Context, c *config.Config, o CheckOptions, out io.Writer) error {
	if o.StateDir != "" {
		if err := state.CheckDirectory(o.StateDir); err != nil {
			return fmt.Errorf("--state.dir: %w", err)
		}
	}
	if err := checkGateways(ctx, c, o, out); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "configuration: all is well")
	return err
}

func checkGateways(ctx context.Context, c *config.Config, o CheckOptions, out io.Writer) error {
	asked, failed := 0, 0
	for _, g := range c.Gateways() {
		if !o.Shard.Owns(g.Address()) {
			continue
		}
		if g.Name() != "" {
			_, _ = fmt.Fprintf(out, "%s:\n", g.Name())
		}
		to, err := o.Client(g)
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
