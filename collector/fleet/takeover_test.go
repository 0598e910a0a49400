package fleet

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// Nobody has to fix what a suspended process finds when it wakes up: others have taken over, and its saves are refused.
func TestAProcessThatWakesUpLogsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quietCluster(t, 2)
		defer s.stopAll()
		time.Sleep(time.Minute)
		m := s.machines[0]
		for _, w := range m.fleet.all() {
			s.gateways[w.gateway.Name()].AddHistory(1, time.Now().Add(-time.Second), time.Now(), gatewaytest.HistoryOptions{})
			w.collector.Wake(0)
		}
		m.pause(time.Minute)
		time.Sleep(2 * time.Minute)
		if text := m.out.String(); strings.Contains(text, "level=error") || !strings.Contains(text, "another process watches") {
			t.Errorf("%s", text)
		}
	})
}

// Only the holder knows of a pause that a gateway wants (Retry-After): the next holder sends one request, and gets the same answer.
func TestANewHolderQueriesAGatewayThatWantsAPauseOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quietCluster(t, 2, func(host string, cfg *gatewaytest.Config) {
			if host != "g0" {
				return
			}
			cfg.Fault = func(*http.Request) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", "300")
					w.WriteHeader(http.StatusServiceUnavailable)
				})
			}
		})
		defer s.stopAll()
		g := s.gateways["g0"]
		scrape := func(m *machine) {
			for range 20 {
				time.Sleep(5 * time.Second)
				m.fleet.Wake()
			}
		}
		scrape(s.machines[0])
		if n := requests(g); n != 1 {
			t.Errorf("%d requests in a pause", n)
		}
		s.machines[0].kill()
		scrape(s.machines[1])
		if n := requests(g); n != 2 {
			t.Errorf("%d requests by two holders", n)
		}
	})
}

// An old backup of the database is restored while processes run: leases have lower epochs, and saves are refused. Soon each gateway is
// watched again.
func TestARestoredDatabaseIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quietCluster(t, 2)
		defer s.stopAll()
		time.Sleep(time.Minute)
		restore := s.db.backup()
		for i := range 5 { // all gateways of one process move, and others come back to it
			s.machines[1].end()
			<-s.machines[1].ended
			time.Sleep(10 * time.Second)
			s.machines[1] = s.boot(1, i+1, s.yaml(0))
			time.Sleep(10 * time.Second)
		}
		before := s.holders()
		restore()
		time.Sleep(20 * time.Second)
		if now := s.holders(); now != before {
			t.Errorf("%s\nbefore: %s", now, before)
		}
	})
}

// backup returns what restores the database as it is now.
func (d *simulatedDatabase) backup() (restore func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	members, leases, states := maps.Clone(d.members), maps.Clone(d.leases), map[string]*simulatedState{}
	for name, row := range d.states {
		same := *row
		states[name] = &same
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.members, d.leases, d.states = members, leases, states
	}
}
