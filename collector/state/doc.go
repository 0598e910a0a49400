// Package state keeps ledgers, so that their counters outlive the process: one record for each organization, visibility and set of filters,
// replaced as a whole. A [Directory] has files; package postgres has the rows of a database. The format is documented in
// statepb/state.proto, what it is for in docs/state.md.
package state
