// Package check checks the dashboards with the code of the programs that read them: their queries with Prometheus' parser, their form with
// Grafana's types; and it compares their panels with the alerts that they explain.
//
// It is a module of its own, so that nobody who builds the exporter needs any of that.
package check
