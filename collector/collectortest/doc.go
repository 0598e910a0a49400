// Package collectortest is what tests of the exporter share: which tests are long, logs that can be read while they are written, waiting,
// the built programs, simulated worlds, series by name, and a ledger to measure with.
//
// It imports neither collector nor collector/state, so that the internal tests of these packages can import it. Tests of collector/ledger
// that import it are in package ledger_test.
//
// # Environment
//
// These variables change what the tests of this module do. Nothing else does; testing.Short is not used.
//
//	HOOP_LONG=1                   plays days and weeks of simulated life, and measures processes (.ci/run). The default run takes a minute and a half
//	                              on two cores: it plays the same scenarios with fewer seeds, gateways, sessions and hours
//
// How many, if a make target wants more than HOOP_LONG=1 does:
//
//	HOOP_SEEDS=20                 seeds that TestCountersStayTrueWhateverGoesWrong, TestEverySeriesEqualsTheTruth and TestCountersStayTrueWhicheverProcessWatches play
//	HOOP_SEED=7                   plays this seed alone; repeats what TestCountersNeverFallAcrossKills left to chance
//	HOOP_FOR=10m                  plays as many seeds as fit, from a random one on (make simulate)
//	HOOP_KILLS=50                 how often the exporter is killed (make kills)
//	HOOP_MEMORY_SESSIONS=1000000  the sessions of the backfill whose memory is measured (make memory)
//	HOOP_SOAK=10m                 for how long the exporter is watched under load (make soak)
//	HOOP_FLEET=3m                 for how long 200 gateways are watched, ten of each scenario; 20 s of a few with HOOP_LONG=1 (make fleet)
//	HOOP_COST=10m                 for how long the cost of 100 gateways is measured (make cost)
//	HOOP_COST_CLUSTER=10m         for how long the cost of three processes and their database is measured (make cost-cluster)
//	HOOP_COST_GATEWAYS=1000       of how many gateways then
//	HOOP_COST_CONNECTIONS=12      with how many connections each
//	HOOP_COST_HISTORY=500         and with how many sessions each when it starts
//
// What tests need from outside, set by .ci/e2e unless noted:
//
//	HOOP_E2E=1                    runs the tests with a real Prometheus and Alertmanager
//	HOOP_PROMETHEUS               path of Prometheus
//	HOOP_PROMETHEUS_OLD=1         it is older than 3.0: no native histograms, no created timestamps
//	HOOP_ALERTMANAGER             path of Alertmanager
//	HOOP_DASHBOARD_QUERIES        file to which the tests of package dashboards write all queries, and from which those of collector/e2e read them
//	HOOP_CONFORMANCE_URL, _TOKEN  a real gateway that package client is tested against; set by hand
//	HOOP_PICTURES                 folder for the pictures of the status page that package collector/web draws with Chromium; set by .ci/screenshots
//	HOOP_UPDATE=1                 writes the pinned image of package ledger instead of comparing it; set by hand
package collectortest
