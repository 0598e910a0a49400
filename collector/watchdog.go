package collector

import (
	"context"
	"errors"
	"time"
)

// grace is how long a request may take to end once its time is up, or the exporter stops.
const grace = 5 * time.Second

// errStuck is a request that is still under way although its time is up: what carries it out does not keep to its deadline.
var errStuck = errors.New("a request has not ended although its time is up, and nothing more is asked until it does: " +
	"look at what lies between, such as a credential's file on a network disk, and restart the exporter if this lasts")

// watchdog lets the exporter go on without a request that does not end. It starts no other one meanwhile, so that no more than one is ever
// left behind. It is for one goroutine at a time.
type watchdog struct {
	left <-chan struct{} // closed when the request that was left behind has ended; nil: there is none
}

// stuck tells whether a request that was left behind is still under way.
func (w *watchdog) stuck() bool {
	select {
	case <-w.left:
		w.left = nil
	default:
	}
	return w.left != nil
}

// watch returns what f returns. If f goes on for longer than [grace] after ctx has ended, it returns [errStuck] without it; f's
// goroutine then ends with f.
func watch[T any](ctx context.Context, w *watchdog, f func(context.Context) (T, error)) (out T, err error) {
	ended := make(chan struct{})
	var came struct {
		out T
		err error
	}
	go func() {
		defer close(ended)
		came.out, came.err = f(ctx)
	}()
	select {
	case <-ended:
		return came.out, came.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-ended:
		return came.out, came.err
	case <-late.C:
		w.left = ended
		return out, errStuck
	}
}
