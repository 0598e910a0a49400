// Package e2e tests the exporter as people run it: the built binary, a simulated gateway in another process, and what is between them. Only here can
// a process be killed, and its memory measured as the machine counts it. Some tests have a real PostgreSQL. Some add a real Prometheus and Alertmanager:
// .ci/e2e has these, and runs the tests whose names begin with TestPrometheus or TestCluster.
//
// Tests that only measure run in the long run, or for as long as a variable says: package collectortest lists all variables.
package e2e
