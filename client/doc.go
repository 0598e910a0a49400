// Package client speaks the sessions API of a hoop gateway: requests, answers, errors and the walk from the newest
// session to the oldest. It knows no metric.
package client
