// Package state keeps a ledger on disk, so that its counters outlive the process: one file for each organization, visibility and set of
// filters, replaced as a whole. The format is documented in statepb/state.proto, what it is for in docs/state.md.
package state
