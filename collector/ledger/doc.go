// Package ledger is the exporter's bookkeeping: it is told which rows the gateway answered, and knows what has been
// counted, what is unfinished and which stretches of time have not been read. It does no I/O and holds no clock: time
// comes in as an argument.
package ledger
