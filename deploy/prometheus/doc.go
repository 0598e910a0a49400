// Package rules compares Prometheus' rules and their runbooks with the exporter: what the collector describes, what the flags' defaults
// are, and that each alert has unit tests and a runbook.
//
// It is a module of its own, so that nobody who builds the exporter needs Prometheus, whose own parsers read the rules here.
package rules
