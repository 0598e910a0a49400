// Package gatewaytest is a simulated hoop gateway: an http.Handler that answers like real ones do, plays the life of
// sessions on a clock that its owner holds, and knows what every metric must be.
package gatewaytest
