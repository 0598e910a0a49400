// Package processtest tests the exporter as people run it: the built binary, a simulated gateway in another process, and what is
// between them. Only here can a process be killed, and its memory measured as the machine counts it.
//
// By default each test is short. These make them long:
//
//	HOOP_MEMORY_SESSIONS=1000000  the sessions of the read-back whose memory is measured (make memory)
//	HOOP_KILLS=50                 how often the exporter is killed (make kills)
//	HOOP_SOAK=10m                 for how long the exporter is watched under load; not at all by default (make soak)
//	HOOP_FLEET=3m                 for how long 200 gateways are watched, ten of each scenario; 20 s of a few by default (make fleet)
//	HOOP_COST=10m                 for how long the costs of a shard are measured; not at all by default (make cost)
//	HOOP_SEED=7                   repeats what the test with kills left to chance
package processtest
