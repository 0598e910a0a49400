package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// process is a program that runs.
type process struct {
	cmd    *exec.Cmd
	out    collectortest.Log
	killed atomic.Bool
	ended  chan struct{}
	err    error // how it ended, once it has
}

// launch starts a program with this environment and nothing else of the test's own. It is killed when the test ends, at the latest.
func launch(t *testing.T, env []string, program string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Env = append([]string{}, env...) // nil would be the test's own
	p.cmd.SysProcAttr = withParent()
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said at last:\n%s", program, p.out.Tail(3000))
		}
	})
	return p
}

// kill ends it as a machine without memory left would: without a word.
func (p *process) kill() {
	p.killed.Store(true)
	// It may have ended by itself; a test that cares looks at ended.
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop ends it as an operator would.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.killed.Store(true)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		t.Error("it goes on after SIGTERM")
		p.kill()
	}
	if p.err != nil {
		t.Errorf("SIGTERM: %v: %s", p.err, p.out.Tail(1000))
	}
}

// listens waits until it says where it listens.
func (p *process) listens(ctx context.Context) (url string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.ended:
			cancel(fmt.Errorf("it ended before it listened: %w: %s", p.err, p.out.Tail(1000)))
		case <-ctx.Done():
		}
	}()
	said, err := p.out.Await(ctx, regexp.MustCompile(`[Ll]istening on"? .*?(?:address=|http://)(\S+)`))
	if err != nil {
		return "", context.Cause(ctx)
	}
	return "http://" + said[1], nil
}

// serve starts a program, with a credential that the simulated gateway takes, and waits until it listens.
func serve(t *testing.T, program string, args ...string) (p *process, url string) {
	t.Helper()
	return serveWith(t, anyToken(), program, args...)
}

// anyToken is a credential that the simulated gateway takes.
func anyToken() []string { return []string{"HOOP_TOKEN=any"} }

// serveWith is serve with an environment.
func serveWith(t *testing.T, env []string, program string, args ...string) (p *process, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p = launch(t, env, program, args...)
	url, err := p.listens(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return p, url
}

// errNoProc is returned on a machine that does not show the memory of processes as Linux does.
var errNoProc = errors.New("no VmHWM and VmRSS in /proc")

// resident is the memory of a process that is and was resident at most, in bytes.
func (p *process) resident() (now, most int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, errors.Join(errNoProc, err)
	}
	for name, into := range map[string]*int64{"VmRSS": &now, "VmHWM": &most} {
		m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(text)
		if m == nil {
			return 0, 0, errNoProc
		}
		kib, err := strconv.ParseInt(string(m[1]), 10, 64)
		if err != nil {
			return 0, 0, err
		}
		*into = kib << 10
	}
	return now, most, nil
}

// mib is a size as people read it.
func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
