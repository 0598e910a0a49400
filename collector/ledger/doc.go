// Package ledger counts the sessions and reviews that a gateway lists. It remembers what is unfinished, what lies in open coverage (time
// whose sessions may still be new) and the counters; it remembers nothing of closed coverage, so its size does not grow with history.
//
// It is pure: it does no I/O, reads no clock and writes no log. Time is an argument.
package ledger
