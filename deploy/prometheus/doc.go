// Package rules checks that Prometheus' rules and their runbooks fit the metrics that the collector describes and the defaults of the
// flags, and that each alert has unit tests and a runbook.
//
// It is a module of its own, so that nobody who builds the exporter needs Prometheus, whose own parsers read the rules here.
package rules
