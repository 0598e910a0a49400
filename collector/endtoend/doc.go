// Package endtoend has tests that run the exporter as people do: scraped by Prometheus over TLS, with the rules and dashboards of this project,
// and alerting through an Alertmanager. They are for .ci/e2e, which has the programs that they need.
package endtoend
