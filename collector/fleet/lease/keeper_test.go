package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// script is a table whose answers a test sets, and a watcher that records its calls.
type script struct {
	mu         sync.Mutex
	view       View
	err        error // of all calls
	acquireErr error // of Acquire
	releaseErr error // of Release
	epochs     map[string]Epoch
	calls      []string // but those of Heartbeat
	heartbeats int
	hangs      bool
	configured []string
	watched    map[string]*scriptedWatch
	did        []string
}

func newScript(addresses ...string) *script {
	return &script{configured: addresses, epochs: map[string]Epoch{}, watched: map[string]*scriptedWatch{}, view: View{Members: []Member{{ID: "a", URL: "http://a:1"}}}}
}

func (s *script) Heartbeat(ctx context.Context, m Member) (View, error) {
	s.mu.Lock()
	s.heartbeats++
	view, err, hangs := s.view, s.err, s.hangs
	s.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return View{}, ctx.Err()
	}
	return view, err
}

func (s *script) Acquire(_ context.Context, member string, addresses []string) (got []Lease, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprint("acquire ", addresses))
	if s.acquireErr != nil {
		return nil, s.acquireErr
	}
	for _, a := range addresses {
		s.epochs[a]++
		got = append(got, Lease{a, member, s.epochs[a]})
	}
	s.view.Leases = append(s.view.Leases, got...) // even if the answer is lost
	if s.err != nil {
		return nil, s.err
	}
	return got, nil
}

func (s *script) Release(_ context.Context, leases []Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range leases {
		s.calls = append(s.calls, fmt.Sprint("release ", l.Address, " ", l.Epoch))
	}
	return cmp.Or(s.err, s.releaseErr)
}

func (s *script) Leave(context.Context, string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, "leave")
	return s.err
}

func (s *script) Configured() ([]string, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.configured, ""
}

func (s *script) Watch(l Lease, t Term) Watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &scriptedWatch{s: s, lease: l, term: t, done: make(chan struct{})}
	s.watched[l.Address] = w
	s.did = append(s.did, fmt.Sprint("watch ", l.Address, " ", l.Epoch))
	return w
}

// set changes what the next calls answer.
func (s *script) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// since returns what was done and called since the last time.
func (s *script) since() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := strings.Join(slices.Concat(s.did, s.calls), ", ")
	s.did, s.calls = nil, nil
	return out
}

type scriptedWatch struct {
	s     *script
	lease Lease
	term  Term
	done  chan struct{}
	lost  bool
}

// now is the term as it was replaced last.
func (w *scriptedWatch) now() (t Term) {
	w.s.set(func() { t = w.term })
	return t
}

func (w *scriptedWatch) Extend(t Term) { w.s.set(func() { w.term = t }) }
func (w *scriptedWatch) Stop() <-chan struct{} {
	w.s.set(func() { w.s.did = append(w.s.did, "stop "+w.lease.Address) })
	return w.done
}
func (w *scriptedWatch) Drop() {
	w.s.set(func() { w.s.did = append(w.s.did, "drop "+w.lease.Address) })
}
func (w *scriptedWatch) Lost() bool {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.lost
}

// kept runs a keeper in a bubble.
func kept(t *testing.T, s *script, test func(t *testing.T, k *Keeper, out *collectortest.Log)) {
	t.Helper()
	keptWith(t, s, s, test)
}

func keptWith(t *testing.T, s *script, table Table, test func(t *testing.T, k *Keeper, out *collectortest.Log)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		out := &collectortest.Log{}
		k := NewKeeper(KeeperOptions{ID: "a", URL: "http://a:1", Table: table, Watcher: s, Logger: level.NewFilter(log.NewLogfmtLogger(log.NewSyncWriter(out)), level.AllowInfo())})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			k.Run(ctx)
		}()
		synctest.Wait()
		test(t, k, out)
		cancel()
		<-ended
	})
}

func tick() {
	time.Sleep(heartbeatEvery)
	synctest.Wait()
}

func want(t *testing.T, s *script, what string) {
	t.Helper()
	if got := s.since(); got != what {
		t.Errorf("%q, want %q", got, what)
	}
}

// A request that the gateway still works on, or counters that another process has gone on with: both are why a holder stops in time.
func TestAHolderStopsBeforeItsLeaseEnds(t *testing.T) {
	s := newScript("x")
	kept(t, s, func(t *testing.T, k *Keeper, out *collectortest.Log) {
		want(t, s, "watch x 1, acquire [x]")
		tick()
		sent := time.Now()
		w := s.watched["x"]
		if w.now().RequestUntil != sent.Add(10*time.Second) || w.now().End != sent.Add(12*time.Second) || w.now().End.After(sent.Add(TTL-3*time.Second)) {
			t.Errorf("requests until %v, holds until %v, which is %v and %v after the heartbeat", w.now().RequestUntil, w.now().End, w.now().RequestUntil.Sub(sent), w.now().End.Sub(sent))
		}
		s.set(func() { s.hangs = true })
		was := w.now()
		time.Sleep(12*time.Second - time.Millisecond)
		if _, err := k.Seen(); err != nil || k.Up() {
			t.Errorf("%v before the end of the term, up: %v", err, k.Up())
		}
		time.Sleep(time.Millisecond)
		if _, err := k.Seen(); err == nil || w.now() != was {
			t.Errorf("%v after the end of the term, which is %v", err, w.now())
		}
		k.Leave(t.Context())
		want(t, s, "") // the gateway may work on a canceled request: the table ends the lease
		s.set(func() { s.hangs = false })
		time.Sleep(10 * time.Second)
		if _, err := k.Seen(); err != nil || !k.Up() || w.now() == was {
			t.Errorf("%v when the table is back", err)
		}
		want(t, s, "") // it has its epoch: nothing is loaded again
		k.Leave(t.Context())
		want(t, s, "leave")
		if n := strings.Count(out.String(), `level=warn msg="this process cannot reach the database`); n != 1 || strings.Count(out.String(), "msg=recovered subject=database") != 1 {
			t.Errorf("%s", out)
		}
	})
}

// What fails at every heartbeat is reported once and then every hour, whichever call of the table it is.
func TestWhatFailsAtEveryHeartbeatIsReportedOnceAnHour(t *testing.T) {
	for name, tc := range map[string]struct {
		says string
		err  func(s *script) *error
	}{
		"heartbeat": {"cannot reach the database", func(s *script) *error { return &s.err }},
		"acquiring": {"acquiring leases failed", func(s *script) *error { return &s.acquireErr }},
		"releasing": {"releasing leases failed", func(s *script) *error { return &s.releaseErr }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript("x")
			kept(t, s, func(t *testing.T, _ *Keeper, out *collectortest.Log) {
				s.set(func() {
					*tc.err(s) = errors.New("refused")
					s.configured, s.view.Leases = []string{"y"}, []Lease{{"z", "a", 1}} // y is to be acquired, and z to be released
				})
				time.Sleep(2*time.Hour + time.Minute)
				lines := strings.Split(strings.TrimSpace(out.String()), "\n")
				lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.Contains(l, tc.says) })
				if len(lines) != 3 || !strings.HasPrefix(lines[0], "level=warn") || !strings.Contains(lines[2], "since=") {
					t.Errorf("%d lines in two hours: %.3000s", len(lines), strings.Join(lines, "\n"))
				}
				s.set(func() { *tc.err(s) = nil })
				time.Sleep(time.Minute)
				if n := strings.Count(out.String(), "recovered"); n != 1 {
					t.Errorf("%d lines say that it is over: %s", n, out)
				}
			})
		})
	}
}

func TestALeaseWhoseAnswerWasLostIsAdopted(t *testing.T) {
	s := newScript("x")
	s.err = errors.New("lost")
	kept(t, s, func(t *testing.T, _ *Keeper, _ *collectortest.Log) {
		want(t, s, "") // no heartbeat has succeeded yet
		s.set(func() { s.err, s.view.Leases = nil, []Lease{{"x", "a", 7}} })
		tick()
		want(t, s, "watch x 7")
	})
}

// The answer of a release is lost. It may take effect at any time, so what it was about must not be used, though the view still shows it.
func TestAnEpochThatWasReleasedIsNotUsedAgain(t *testing.T) {
	s := newScript("x")
	kept(t, s, func(t *testing.T, _ *Keeper, _ *collectortest.Log) {
		want(t, s, "watch x 1, acquire [x]")
		s.set(func() { s.configured = nil })
		tick()
		want(t, s, "stop x")
		tick()
		want(t, s, "") // the request under way has not ended
		s.set(func() { s.err = errors.New("lost") })
		close(s.watched["x"].done)
		synctest.Wait()
		want(t, s, "release x 1")
		s.set(func() { s.err, s.configured = nil, []string{"x"} })
		tick()
		want(t, s, "release x 1") // and no watch
		s.set(func() { s.view.Leases = nil })
		tick()
		want(t, s, "watch x 2, acquire [x]")
	})
}

// A table that was restored from a backup has lower epochs, and counts on from them.
func TestALeaseOfARestoredTableIsUsed(t *testing.T) {
	s := newScript("x")
	s.epochs["x"] = 1000
	kept(t, s, func(t *testing.T, _ *Keeper, _ *collectortest.Log) {
		want(t, s, "watch x 1001, acquire [x]")
		s.set(func() { s.epochs["x"], s.view.Leases = 7, []Lease{{"x", "a", 7}} })
		tick()
		want(t, s, "drop x, release x 7") // a release of it from before the backup may be under way
		s.set(func() { s.view.Leases = nil })
		tick()
		want(t, s, "watch x 8, acquire [x]")
		tick()
		want(t, s, "")
	})
}

func TestALeaseThatAnotherMemberHasIsDropped(t *testing.T) {
	for name, tc := range map[string]struct {
		now []Lease
		did string
	}{
		"another holder": {[]Lease{{"x", "b", 2}}, "drop x"},
		"another epoch":  {[]Lease{{"x", "a", 2}}, "drop x, watch x 2"},
		"none":           {nil, "drop x, watch x 2, acquire [x]"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript("x")
			kept(t, s, func(t *testing.T, _ *Keeper, _ *collectortest.Log) {
				want(t, s, "watch x 1, acquire [x]")
				s.set(func() {
					s.view.Leases, s.view.Members = tc.now, append(s.view.Members, Member{ID: "b", Configuration: "other"})
				})
				tick()
				want(t, s, tc.did)
			})
		})
	}
}

// If a save was fenced although the table shows the lease as it was, the lease is given up all the same.
func TestALostWatchIsReleased(t *testing.T) {
	s := newScript("x")
	kept(t, s, func(t *testing.T, _ *Keeper, _ *collectortest.Log) {
		s.since()
		s.set(func() { s.watched["x"].lost = true })
		tick()
		want(t, s, "drop x, release x 1")
	})
}

func TestWhatIsWrongWithMembersIsReportedOnceAnHour(t *testing.T) {
	for text, b := range map[string]Member{
		"members have different configurations": {ID: "b", URL: "http://b:1", Configuration: "other"},
		"members have the same URL":             {ID: "b", URL: "http://a:1"},
	} {
		t.Run(text, func(t *testing.T) {
			s := newScript("x")
			s.view.Members = append(s.view.Members, b)
			kept(t, s, func(t *testing.T, k *Keeper, out *collectortest.Log) {
				reports := func() int { return strings.Count(out.String(), text) }
				time.Sleep(58 * time.Second)
				if n := reports(); n != 0 {
					t.Errorf("%d reports within a minute: %s", n, out)
				}
				time.Sleep(59 * time.Minute)
				if n := reports(); n != 1 || !strings.Contains(out.String(), "such_as="+b.URL) || strings.Count(out.String(), "msg=\"members have") != 1 {
					t.Errorf("%d reports within an hour: %s", n, out)
				}
				time.Sleep(time.Hour)
				if n := reports(); n != 2 {
					t.Errorf("%d reports within two hours", n)
				}
				if seen, err := k.Seen(); err != nil || seen.Same+seen.Other != 2 || (seen.Other == 1) != (b.Configuration != "") {
					t.Errorf("%+v, %v", seen, err)
				}
			})
		})
	}
}

func TestWhatIsSeenSaysWhoHoldsWhat(t *testing.T) {
	s := newScript()
	s.view.Members = append(s.view.Members, Member{ID: "b", URL: "http://b:1", Configuration: "other"})
	s.view.Leases = []Lease{{"x", "b", 3}}
	kept(t, s, func(t *testing.T, k *Keeper, _ *collectortest.Log) {
		seen, err := k.Seen()
		if m, ok := seen.Holder("x"); err != nil || !ok || m.URL != "http://b:1" || seen.Expected("x") != "http://b:1" {
			t.Errorf("%v, %v, %v", m, ok, err)
		}
		if m, ok := seen.Holder("y"); ok || seen.Expected("y") != "http://a:1" {
			t.Errorf("%v, %v; %q is expected to have it", m, ok, seen.Expected("y"))
		}
	})
}
