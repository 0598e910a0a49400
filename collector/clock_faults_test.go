package collector

import (
	"net/http"
	"time"
)

const wrongClock = "the gateway's clock is wrong"

// clockFaults are what is wrong with the gateway's clock, or with a replica's, for a while. All of them are set right later.
func clockFaults() []fault {
	return []fault{
		{"some answers are hours old, others hours ahead", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			off := time.Duration(0)
			if w.chance(30) {
				off = time.Duration(w.pick(12*3600)-6*3600) * time.Second
			}
			w.answerDated(rw, r, off)
		}},
		{wrongClock, func(w *weather, rw http.ResponseWriter, r *http.Request) { w.answerDated(rw, r, w.clockIsOff()) }},
	}
}

// answerDated is a good answer whose date is off.
func (w *weather) answerDated(rw http.ResponseWriter, r *http.Request, off time.Duration) {
	body, h := w.normal(r)
	h(rw)
	rw.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
	_, _ = rw.Write(body)
}

func (w *weather) clockIsOff() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.off
}

// clockWasWrong says whether the gateway's clock was ever wrong.
func (w *weather) clockWasWrong() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[wrongClock] > 0
}

// drawOff draws how far the gateway's clock is off: by minutes to hours either way. It is never before T0: which of two first times was
// right then is not known after a restart with another wrong clock of the exporter.
func (w *weather) drawOff() time.Duration {
	most := []time.Duration{10 * time.Minute, time.Hour, 5 * time.Hour}[w.rng.IntN(3)]
	off := time.Duration((2*w.rng.Float64() - 1) * float64(most))
	if -off > time.Since(w.began) {
		return -off
	}
	return off
}

// wrongFrom has the gateway's clock be wrong for a while from now on, whatever the weather is.
func (w *weather) wrongFrom(now time.Time, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off = w.drawOff()
	for _, f := range clockFaults() {
		if f.name == wrongClock {
			w.now, w.until = f, now.Add(d)
		}
	}
}
