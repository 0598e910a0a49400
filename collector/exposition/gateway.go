package exposition

// unknownVersion is the version of a gateway whose answers name none.
const unknownVersion = "unknown"

// gatewayFamilies are the families about the gateway as a whole.
func gatewayFamilies() []family {
	return []family{
		{
			name: "hoop_up",
			help: "1 if the last refresh succeeded (it read the newest page and the first page of pending reviews" +
				" of GET /api/sessions) and is not too old, else 0; 0 before the first refresh." +
				" Read through a cache.",
			send: gauge(func(s *sender) float64 { return boolValue(s.Up && !s.Withheld) }),
		},
		{
			name: "hoop_gateway_info",
			help: "Always 1, with the version from the Server header of the gateway's last answer (unknown if a proxy removes it)," +
				" read through a cache; absent before the first answer.",
			labels: []string{"version"},
			send: func(s *sender) {
				switch {
				case s.Version != "":
					s.gauge(1, s.Version)
				case !s.LastSuccess.IsZero(): // it has answered
					s.gauge(1, unknownVersion)
				}
			},
		},
		{
			name: "hoop_agent_up",
			help: "1 if the agent is connected to the gateway, else 0; absent without --collect.agents, and if the gateway refuses to list its agents." +
				" From status of GET /api/agents, read through a cache.",
			labels: []string{"agent", "version"},
			send: func(s *sender) {
				if s.Withheld {
					return
				}
				for _, a := range s.Agents {
					s.gauge(boolValue(a.Up), a.Name, a.Version)
				}
			},
		},
	}
}
