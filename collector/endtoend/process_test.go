package endtoend

import (
	"bytes"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs.
type process struct {
	cmd   *exec.Cmd
	out   *output
	ended chan struct{}
	err   error // how it ended, once it has
}

// launch starts a program and returns the address on which it says to listen. It is killed when the test ends, at the latest.
func launch(t *testing.T, program string, args ...string) (p *process, address string) {
	t.Helper()
	p = &process{cmd: exec.Command(program, args...), out: &output{}, ended: make(chan struct{})}
	p.cmd.Env = []string{"HOOP_TOKEN=any"} // the simulated gateway takes it
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
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
			t.Logf("%s said at last:\n%s", program, p.out.tail(2000))
		}
	})
	said := regexp.MustCompile(`Listening on"? .*?(?:address=|http://)(\S+)`)
	eventually(t, time.Minute, func() string {
		select {
		case <-p.ended:
			t.Fatalf("%s ended before it listened: %v", program, p.err)
		default:
		}
		m := said.FindStringSubmatch(p.out.tail(1 << 20))
		if m == nil {
			return program + " does not listen"
		}
		address = m[1]
		return ""
	})
	return p, address
}

// kill ends it as a machine without memory left would: without a word.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.ended
}

// stop ends it as an operator would.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	select {
	case <-p.ended:
		if p.err != nil {
			t.Errorf("%s: SIGTERM: %v", p.cmd.Path, p.err)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("%s goes on after SIGTERM", p.cmd.Path)
	}
}

// output is what a program writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) tail(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.text.String()
	return s[max(0, len(s)-n):]
}
