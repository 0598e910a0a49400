// Package check holds what people deploy to those who will read it: manifests and charts to the types of Kubernetes' own
// API, compose files to compose's loader, workflows and release configuration to their makers' parsers. Unknown
// fields fail.
//
// It is a module of its own, so that nobody who builds the exporter needs any of that.
package check
