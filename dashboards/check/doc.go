// Package check holds the dashboards to those who read them: their queries to Prometheus' parser, their form to Grafana's types, and
// their panels to the alerts that they explain.
//
// It is a module of its own, so that nobody who builds the exporter needs any of that.
package check
