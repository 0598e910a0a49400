package collector

import (
	"context"
	"errors"
	"time"
)

// grace is how long a request may go on after its context has ended.
const grace = 5 * time.Second

// errStuck is returned for a request that goes on long after its context has ended: its transport ignores the deadline.
var errStuck = errors.New("a request has not ended although its time is up, and no other request is sent until it does: " +
	"check the network, and whether the credential's file is on a network disk; restart the exporter if this continues")

// watchdog gives up requests that do not end. Always holds: at most one request that was given up is still under way, because no other one
// is started until it has ended. Before each [watch] its caller checks stuck. It is for one goroutine at a time.
type watchdog struct {
	givenUp <-chan struct{} // closed when the request that was given up has ended; nil: there is none
}

// stuck reports whether a request that was given up is still under way.
func (w *watchdog) stuck() bool {
	select {
	case <-w.givenUp:
		w.givenUp = nil
	default:
	}
	return w.givenUp != nil
}

// watch returns what f returns. If f goes on for longer than [grace] after ctx has ended, watch gives it up and returns [errStuck]; f's
// goroutine then ends with f.
func watch[T any](ctx context.Context, w *watchdog, f func(context.Context) (T, error)) (out T, err error) {
	ended := make(chan struct{})
	var result struct {
		out T
		err error
	}
	go func() {
		defer close(ended)
		result.out, result.err = f(ctx)
	}()
	select {
	case <-ended:
		return result.out, result.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-ended:
		return result.out, result.err
	case <-late.C:
		w.givenUp = ended
		return out, errStuck
	}
}
