package gatewaytest

import (
	"encoding/json"
	"net/http"
	"time"
)

// The statuses of an agent.
const (
	AgentConnected    = "CONNECTED"
	AgentDisconnected = "DISCONNECTED"
)

// Agent is an agent as in the answer of GET /agents.
type Agent struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Mode is standard or embedded.
	Mode string `json:"mode"`
	// Status is [AgentConnected] or [AgentDisconnected].
	Status   string `json:"status"`
	Hostname string `json:"hostname"`
	Version  string `json:"version"`
	Platform string `json:"platform"`
}

// DefaultAgents returns the agents at a moment. One of three is disconnected during the first five minutes of each hour.
func DefaultAgents(now time.Time) []Agent {
	agents := []Agent{
		{ID: "75122bce-f957-49eb-a812-2ab60977cd9f", Name: "default", Mode: "standard", Version: "1.148.0"},
		{ID: "2f1b7d52-91c4-4e4f-8c52-7f6a3a1e0b11", Name: "office", Mode: "standard", Version: "1.49.10"},
		{ID: "c0a4a8f6-5d0b-4c6e-9d53-3e1f0f9b7a22", Name: "batch", Mode: "embedded", Version: "1.148.0"},
	}
	for i := range agents {
		a := &agents[i]
		a.Status, a.Hostname, a.Platform = AgentConnected, a.Name+".example.com", "linux/amd64"
		if a.Name == "office" && now.UTC().Minute() < 5 {
			a.Status = AgentDisconnected
		}
	}
	return agents
}

// agents answers GET /agents, which users without a role for it must not read.
func (g *Gateway) agents(caller Credential, now time.Time) *reply {
	if !caller.seesAll() {
		return refuse(refusal{http.StatusForbidden, "access denied"})
	}
	b, err := json.Marshal(append([]Agent{}, g.cfg.Agents(now)...)) // never null
	if err != nil {
		return refuse(refusal{http.StatusInternalServerError, err.Error()})
	}
	return &reply{code: http.StatusOK, body: b}
}
