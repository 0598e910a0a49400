// Package planner decides what to ask the gateway next, and what the answers mean for the ledger. It is pure: it does no I/O and holds
// no clock.
//
// A refresh asks, in this order: the head (the newest page and what lies between it and the last one), the reviews that are
// pending, the unfinished sessions that are due for a look. Stretches of the past that have not been read are read in between. Each
// of these kinds has its share of the time that requests may take.
package planner
