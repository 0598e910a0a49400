package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mostOfFile is how large a file of the server may become while its disk is full. A segment of the log (WAL) is as large: it is there
// before it is written, as most of a disk is that has just become full.
const mostOfFile = 16 << 20

// FillDisk makes a table so large that it cannot grow, and has the server's kernel refuse what lies beyond, as on a full disk. What needs
// no new page goes on, such as updates of small rows. A limit of processes does that, because a small disk needs the rights to mount one.
// The address is a superuser's, and insert is an INSERT with a value of type bytea as $1. Room ends it; no other test may use the cluster
// until then.
func (c *Cluster) FillDisk(t testing.TB, address, insert string) (room func()) {
	t.Helper()
	conn := Connect(t, address)
	if _, err := conn.Exec(t.Context(), insert, make([]byte, mostOfFile+mostOfFile/8)); err != nil {
		t.Fatal(err)
	}
	Exec(t, address, "CHECKPOINT") // which could not write the pages that lie beyond
	c.limit(t, strconv.Itoa(mostOfFile))
	return func() { c.limit(t, "unlimited") }
}

// limit sets the largest file that the server's processes may write, as their user: root may be without the right to do that to others.
func (c *Cluster) limit(t testing.TB, most string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		t.Fatal("the server does not run")
	}
	set := func(pid int) error {
		out, err := c.commands("prlimit", "--pid", strconv.Itoa(pid), "--fsize="+most+":").CombinedOutput()
		if err != nil {
			return fmt.Errorf("prlimit: %w: %s", err, out)
		}
		return nil
	}
	server := c.server.Process.Pid
	if err := set(server); err != nil {
		t.Fatal(err)
	}
	for _, pid := range children(server) { // those that start from now on inherit it
		if _, ended := os.Stat(fmt.Sprintf("/proc/%d", pid)); ended != nil {
			continue
		}
		if err := set(pid); err != nil {
			t.Log(err) // it may have ended by now
		}
	}
}

// children are the processes that a process has started and that still run.
func children(of int) (pids []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil { // it has ended
			continue
		}
		// The name of the program is in parentheses, and may have anything in it.
		var pid, parent int
		var state string
		_, errParent := fmt.Sscan(string(text[strings.LastIndexByte(string(text), ')')+1:]), &state, &parent)
		if _, err := fmt.Sscan(string(text), &pid); err == nil && errParent == nil && parent == of {
			pids = append(pids, pid)
		}
	}
	return pids
}
