// Package dashboards checks the Grafana dashboards for what makes them usable: one form, one screen, descriptions and units everywhere, and
// no metric that the collector does not describe. It has tests only; those that need Prometheus' parser or Grafana's types are in the
// module check.
package dashboards
