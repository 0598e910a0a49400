// Package state keeps a ledger on disk, so that its counters outlive the process: one file for each organisation, visibility and set of
// filters, replaced as a whole. What is in a file is written down in docs/state.md.
package state
