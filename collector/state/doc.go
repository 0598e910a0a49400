// Package state keeps ledgers, so that their counters outlive the process: one record for each organization, visibility and set of filters,
// replaced as a whole. A [Directory] has files; package postgres has the rows of a database. statepb/state.proto documents the format, and
// docs/state.md what it is for.
package state
