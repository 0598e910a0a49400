package collector

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/failurelog"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

const (
	// agentsEvery is how often the agents are read.
	agentsEvery = time.Minute
	// maxAgents bounds the agents that are shown.
	maxAgents = 1000
)

// agents are the gateway's agents, as they were last read. Their list may be shown only after dropOld.
type agents struct {
	list []exposition.Agent
	read time.Time // when they were read
	next time.Time // when to request them again
}

// dropOld drops the list if it is older than the stale limit, because reading it failed or the budget did not allow it.
func (a *agents) dropOld(now time.Time, staleAfter time.Duration) {
	if now.Sub(a.read) >= staleAfter {
		a.list = nil
	}
}

// readAgents reads the agents of the gateway if that is due. It is called at the end of a refresh that was allowed to make requests.
func (r *refresher) readAgents(ctx context.Context) {
	if !r.cfg().CollectAgents {
		r.agents = agents{}
		return
	}
	if r.cfg().clock().Before(r.agents.next) {
		return
	}
	var list *client.AgentList
	made, leave, err := r.requestOther(ctx, func(ctx context.Context) (took time.Duration, err error) {
		if list, took, err = r.gateway.agents(ctx); err == nil {
			err = r.planner.CheckAge(list.Date, r.cfg().clock())
		}
		return took, err
	})
	if !made {
		return
	}
	now := r.cfg().clock()
	r.agents.next = now.Add(max(agentsEvery, leave))
	if err != nil {
		r.log.Failed("agents", "cannot read the gateway's agents", err, "next_try", failurelog.Moment(r.agents.next))
		if status, ok := errors.AsType[*client.StatusError](err); ok && status.Refused() {
			r.agents.list = nil
		}
		return
	}
	r.log.Recovered("agents")
	r.instruments.MalformedFields(list.MalformedFields)
	r.agents.list, r.agents.read = shownAgents(list.Agents), now
	if len(r.agents.list) == maxAgents {
		r.log.FailedOnce("agents", "only the first agents are shown, by name", errTooManyAgents)
	}
}

// errTooManyAgents is why some agents are not shown.
var errTooManyAgents = errors.New("the gateway has 1,000 agents or more")

// shownAgents returns what is shown of agents: sorted, each pair of name and version once. Such a pair is up if at least one of its agents
// is connected.
func shownAgents(all []client.Agent) []exposition.Agent {
	up := map[exposition.Agent]bool{}
	for _, a := range all {
		key := exposition.Agent{Name: ledger.LabelValue(a.Name), Version: ledger.LabelValue(a.Version)}
		up[key] = up[key] || a.Status == client.AgentConnected
	}
	byName := func(a, b exposition.Agent) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	}
	list := slices.SortedFunc(maps.Keys(up), byName)
	list = list[:min(len(list), maxAgents)]
	for i := range list {
		list[i].Up = up[list[i]]
	}
	return list
}
