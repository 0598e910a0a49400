// Package statepb has the messages of the state file, generated from state.proto: the documentation of the format. "make proto" generates
// them again.
package statepb
