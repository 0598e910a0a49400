// Package rules holds Prometheus' rules and their runbooks to the exporter: what the collector describes, what the flags' defaults
// are, and each alert to its unit tests and its runbook.
//
// It is a module of its own, so that nobody who builds the exporter needs Prometheus, whose own parsers read the rules here.
package rules
