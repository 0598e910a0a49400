package e2e

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

const (
	// mostLife is how long an exporter lives at most before it is killed.
	mostLife     = 2 * time.Second
	killLookback = 2 * time.Hour
)

// allowedLateness is short, so that what was counted is also forgotten again in the time that a test has. No session shows up later.
func allowedLateness() time.Duration { return collectortest.Pick(8*time.Second, 30*time.Second) }

// Killed at any moment, many times, the exporter never shows less than before, counts nothing twice, and in the end it has missed nothing.
func TestCountersNeverFallAcrossKills(t *testing.T) {
	t.Parallel()
	p := built(t)
	rng := rand.New(rand.NewPCG(seed(t), 0))
	dialect := []string{"old", "new"}[rng.IntN(2)]
	t.Logf("a gateway of the %s dialect", dialect)
	// Rewriting is off, so that breakdowns have to be exact as well. Everything else happens, sixty times as fast.
	sessions, late := collectortest.Pick("1s", "3s"), collectortest.Pick("1s", "4s")
	_, gateway := serve(t, p.Gateway, "--history="+collectortest.Pick("5000", "20000"), "--history-span=3h", "--unfinished=60", "--pending=20", "--ready=10", "--connections=8", "--cost=new",
		"--dialect="+dialect, "--rate=5", "--hurry=60", "--duration="+sessions, "--late-max="+late, "--no-rewriting", "--seed="+strconv.FormatUint(rng.Uint64N(1e6), 10))
	args := []string{
		"--hoop.url=" + gateway, "--state.dir=" + t.TempDir(), "--sessions.lookback=" + killLookback.String(), "--sessions.overlap=" + allowedLateness().String(),
		"--cache.ttl=20ms", "--hoop.duty=0.5", "--metrics.first-value-hold=500ms", "--web.listen-address=127.0.0.1:0",
	}
	w := &witness{t: t, gateway: gateway, books: newBooks()}
	watching, enough := context.WithCancel(t.Context())
	var scraper sync.WaitGroup
	scraper.Go(func() { w.watch(watching) })
	defer scraper.Wait()
	defer enough()

	kills := int(collectortest.Number(t, "HOOP_KILLS", collectortest.Pick[uint64](2, 5)))
	for i := 0; i < kills && !t.Failed(); i++ {
		e := launch(t, anyToken(), p.Exporter, args...)
		if i == 0 {
			// The truth counts from the first answer that the gateway gave, so this one has to live until then.
			w.visit(t.Context(), e)
			collectortest.Eventually(t, time.Minute, 10*time.Millisecond, func() string {
				if w.ups.Load() == 0 {
					return "nothing is shown"
				}
				return ""
			})
		}
		// Every other one at the worst moment: when a scrape has just been answered.
		w.live(e, time.Duration(rng.Int64N(int64(mostLife))), i%2 == 1)
		e.kill()
	}
	enough()
	scraper.Wait()
	t.Logf("%d scrapes, %d cut off, %d the last that was answered; %d compared with the truth", w.scrapes, w.cut, w.aimed, w.compared)
	if t.Failed() {
		return
	}

	if _, err := fetch(t.Context(), http.MethodPost, gateway+"/calm", ""); err != nil {
		t.Fatal(err)
	}
	// Once more after it was equal: what is remembered wrongly shows when it is read again.
	for range 2 {
		e, exporter := serve(t, p.Exporter, args...)
		w.becomesTrue(exporter)
		e.kill()
	}
}

// witness scrapes the exporters, whichever is alive.
type witness struct {
	t       *testing.T
	gateway string
	books   *books
	now     atomic.Pointer[visited]
	ups     atomic.Int64 // scrapes with hoop_up 1
	aim     atomic.Bool  // kill the exporter when its next answer is there

	scrapes, cut, aimed, compared int
}

// visited is an exporter that listens.
type visited struct {
	*process
	url string
}

// visit has an exporter scraped from when it listens. It reports whether it does before ctx ends.
func (w *witness) visit(ctx context.Context, e *process) bool {
	url, err := e.listens(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.t.Error(err)
		}
		return false
	}
	w.now.Store(&visited{e, url})
	return true
}

// live gives an exporter its time, and then, if it is to be killed with its next answer, until that is there.
func (w *witness) live(e *process, life time.Duration, aim bool) {
	ctx, cancel := context.WithTimeout(w.t.Context(), life)
	defer cancel()
	listens := w.visit(ctx, e)
	select {
	case <-ctx.Done():
	case <-e.ended:
		w.t.Errorf("it ended by itself: %v", e.err)
		return
	}
	if !listens || !aim {
		return
	}
	w.aim.Store(true)
	defer w.aim.Store(false)
	select {
	case <-e.ended:
	case <-time.After(time.Minute):
		w.t.Error("no answer within a minute")
	}
}

// watch scrapes until ctx ends, all the time.
func (w *witness) watch(ctx context.Context) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil && !w.t.Failed() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
		e := w.now.Load()
		if e == nil || e.killed.Load() {
			continue
		}
		w.look(ctx, e)
	}
}

func (w *witness) look(ctx context.Context, e *visited) {
	body, err := fetch(ctx, http.MethodGet, e.url+"/metrics", protobuf)
	if err == nil && w.aim.CompareAndSwap(true, false) {
		e.kill()
		w.aimed++
	}
	if err != nil && e.killed.Load() {
		w.cut++
		return
	}
	s := collectortest.Series{}
	if err == nil {
		s, err = decode(body)
	}
	switch {
	case err == nil:
		w.examine(ctx, s)
	case ctx.Err() == nil:
		w.t.Error(err)
	}
}

func (w *witness) examine(ctx context.Context, s collectortest.Series) {
	w.scrapes++
	if s.Values["hoop_up"] == 1 {
		w.ups.Add(1)
	}
	if wrong := w.books.enter(s); wrong != nil {
		w.t.Errorf("scrape %d: %s", w.scrapes, few(wrong))
	}
	if w.scrapes%10 != 0 {
		return
	}
	now, err := truth(ctx, w.gateway, killLookback, allowedLateness())
	if err != nil {
		if ctx.Err() == nil {
			w.t.Error(err)
		}
		return
	}
	w.compared++
	if wrong := exceeds(s, now); wrong != nil {
		w.t.Errorf("scrape %d: %s", w.scrapes, few(wrong))
	}
}

// becomesTrue waits until the exporter shows what the gateway knows, every series of it.
func (w *witness) becomesTrue(exporter string) {
	w.t.Helper()
	began, series := time.Now(), 0
	collectortest.Eventually(w.t, 3*time.Minute, 250*time.Millisecond, func() string {
		s, err := observe(w.t.Context(), exporter)
		if err != nil {
			w.t.Fatal(err)
		}
		w.examine(w.t.Context(), s)
		now, err := truth(w.t.Context(), w.gateway, killLookback, allowedLateness())
		if err != nil {
			w.t.Fatal(err)
		}
		series = len(now.Samples)
		return few(differs(s, now))
	})
	w.t.Logf("all of %d series are the truth %v after the start", series, time.Since(began).Round(10*time.Millisecond))
}

// seed decides what is left to chance. It is logged, so that a failure can be repeated as far as the machine allows.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := collectortest.Number(t, "HOOP_SEED", rand.Uint64N(1e6))
	t.Logf("HOOP_SEED=%d", n)
	return n
}
