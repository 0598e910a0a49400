package state

import "errors"

// ErrFenced is wrapped by the errors of a [Store] and its records once another process may have them, with a newer lease. What is not saved then never
// will be.
var ErrFenced = errors.New("another process has taken over the gateway, or is about to: its lease or its state has a newer holder")
