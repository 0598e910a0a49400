package fleet

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/go-kit/log"
	"golang.org/x/sync/errgroup"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/check"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

// CheckOptions are what [Check] needs besides the configuration.
type CheckOptions struct {
	// Client makes the client of a gateway. Required.
	Client func(*config.Gateway) (*client.Client, error)
	// State says where the states are to be saved. Required.
	State *StateFlags
}

// checksAtOnce is how many gateways [Check] queries at once.
const checksAtOnce = 20

// Check checks that the state can be saved and that all gateways can be started, requests a page from each, and writes to out what each one
// answered, or why it cannot be used, in the order of their names. It queries up to 20 gateways at once, but only one at a time at each
// address. If flags describe the only gateway, the error says why that one cannot be used. It creates nothing.
func Check(ctx context.Context, c *config.Config, o CheckOptions, out io.Writer) error {
	if err := o.State.Check(ctx); err != nil {
		return err
	}
	f := New(Options{Logger: log.NewNopLogger(), Client: o.Client})
	if err := f.Apply(c); err != nil {
		return err
	}
	if err := checkAll(ctx, f.all(), out); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "configuration: valid")
	return err
}

// answer is what one gateway answered. It may be read once ended is closed.
type answer struct {
	ended chan struct{}
	text  bytes.Buffer
	err   error
}

// checkAll queries the gateways, and writes each answer once it and all answers before it have arrived.
func checkAll(ctx context.Context, all []*watched, out io.Writer) error {
	answers := map[*watched]*answer{}
	byAddress := map[string][]*watched{}
	for _, w := range all {
		answers[w] = &answer{ended: make(chan struct{})}
		byAddress[w.gateway.Address()] = append(byAddress[w.gateway.Address()], w)
	}
	var checking errgroup.Group
	checking.SetLimit(checksAtOnce)
	go func() {
		for _, w := range all { // the first ones first
			of := byAddress[w.gateway.Address()]
			if w != of[0] {
				continue
			}
			checking.Go(func() error {
				for _, w := range of {
					a := answers[w]
					a.err = check.Gateway(ctx, w.client, w.gateway.Collector().Timeout, &a.text)
					w.client.CloseIdleConnections()
					close(a.ended)
				}
				return nil
			})
		}
	}()
	failed := 0
	for _, w := range all {
		a := answers[w]
		<-a.ended // also when ctx ends: requests end with it
		name := w.gateway.Name()
		if name != "" {
			_, _ = fmt.Fprintf(out, "%s:\n", name)
		}
		_, _ = a.text.WriteTo(out)
		if name == "" {
			return a.err
		}
		if a.err != nil {
			failed++
			_, _ = fmt.Fprintf(out, "failed: %s\n", a.err)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d gateways cannot be used", failed, len(all))
	}
	return nil
}
