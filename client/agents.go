package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// maxAgents bounds the agents of an answer.
const maxAgents = 10_000

// AgentConnected is the status of an agent that is connected to the gateway.
const AgentConnected = "CONNECTED"

// Agent is an agent of the gateway: a row of GET /agents.
type Agent struct {
	// Name is the agent's name; never empty.
	Name string
	// Status is [AgentConnected], DISCONNECTED or another word.
	Status string
	// Version is the agent's version; empty if the gateway does not know it.
	Version string
}

// AgentList is an answer of GET /agents.
type AgentList struct {
	ResponseInfo
	// Agents are the agents with a name, in the gateway's order.
	Agents []Agent
	// MalformedFields are the fields that could not be used and count as absent; nil if there are none. An agent without a name is left
	// out.
	MalformedFields []MalformedField
}

// Agents requests the agents of the gateway: GET /agents. Gateways deny it to users who are neither admin nor auditor.
func (c *Client) Agents(ctx context.Context) (*AgentList, error) {
	list := &AgentList{}
	var err error
	list.ResponseInfo, err = c.get(ctx, "list agents", "agents", nil, '[', func(r io.Reader) error { return decodeAgents(r, list) })
	if err != nil {
		return nil, err
	}
	return list, nil
}

// decodeAgents reads an answer of GET /agents agent by agent.
func decodeAgents(r io.Reader, list *AgentList) error {
	text := newJSONText(r)
	if err := text.expect('['); err != nil {
		return err
	}
	page := &SessionPage{}
	for n := 0; ; n++ {
		more, err := text.next(n == 0, ']')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if n == maxAgents {
			return malformed(fmt.Sprintf("it has more than %d agents", maxAgents))
		}
		raw, err := text.field("an agent")
		if err != nil {
			return err
		}
		if a, ok := (fieldReader{page: page}).agent(raw); ok {
			list.Agents = append(list.Agents, a)
		}
	}
	list.MalformedFields = page.MalformedFields
	return text.expectEnd()
}

// agent reads an agent. The result is false if it has no name.
func (f fieldReader) agent(raw []byte) (Agent, bool) {
	var row struct {
		Name    json.RawMessage `json:"name"`
		Status  json.RawMessage `json:"status"`
		Version json.RawMessage `json:"version"`
	}
	if !f.object("agent", raw, &row) {
		return Agent{}, false
	}
	a := Agent{Name: f.word("agent.name", row.Name), Status: f.word("agent.status", row.Status), Version: f.word("agent.version", row.Version)}
	if a.Name == "" && isNull(row.Name) {
		f.unusable("agent.name", "it is missing")
	}
	return a, a.Name != ""
}
