// Package check checks what people deploy with the code of the programs that will read it: manifests and charts with the types of
// Kubernetes' own API, compose files with compose's loader, workflows and release configuration with their makers' parsers. Unknown fields
// fail.
//
// It is a module of its own, so that nobody who builds the exporter needs any of that.
package check
