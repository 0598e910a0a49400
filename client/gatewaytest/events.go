package gatewaytest

// The events of the gateway's life, as counted in [Stats].Events.
const (
	EventConnect      = "connect"
	EventExec         = "exec"
	EventLong         = "long"
	EventLate         = "late"
	EventVeryLate     = "very late"
	EventSkewed       = "skewed"
	EventSameTime     = "same time"
	EventBurst        = "burst"
	EventSuccess      = "success"
	EventFailure      = "failure"
	EventAborted      = "aborted"
	EventDisconnected = "disconnected"
	EventNoExitCode   = "no exit code"
	EventBornDone     = "born done" // new gateways only
	EventStuck        = "stuck"
	EventRewritten    = "rewritten"
	EventSizeZero     = "size zero"

	EventOneTime       = "onetime review"
	EventJIT           = "jit review"
	EventApart         = "review later than its session"
	EventAgain         = "second review"
	EventTwoGroups     = "two groups"
	EventApproved      = "approved"
	EventForced        = "approved by force"
	EventRejected      = "rejected"
	EventUndecided     = "undecided"
	EventGivenUp       = "given up"
	EventApprovedLater = "given up, approved later"
	EventNeverRun      = "never run"
	EventReadyRunning  = "ready while running" // old gateways only
	EventExecuted      = "executed"
	EventProcessing    = "processing for ever" // old gateways only
	EventUnknown       = "unknown review"      // old gateways only
	EventExpired       = "jit expired before the end"
	EventRevoked       = "revoked"
	EventRevokedOpen   = "revoked, stays open"
	EventOverturned    = "approved, then rejected"
	EventNoRevokeAt    = "approved without revoke_at" // old gateways only

	EventMasked        = "masked"
	EventMaskingFailed = "masking failed"
	EventTruncated     = "recording truncated"
	EventGuarded       = "guardrail matched" // new gateways only
	EventAnalyzed      = "analyzed by an AI" // new gateways only
	EventMachine       = "machine"           // new gateways only

	EventExpiredPending  = "expired undecided"        // new gateways only
	EventExpiredApproved = "expired after approval"   // new gateways only
	EventEscalated       = "review of unknown status" // new gateways only
)

// Events returns the names of all events that can happen in a gateway of the dialect.
func Events(d Dialect) []string {
	both := []string{
		EventConnect, EventExec, EventLong, EventLate, EventVeryLate, EventSkewed, EventSameTime, EventBurst, EventSuccess,
		EventFailure, EventAborted, EventDisconnected, EventNoExitCode, EventStuck, EventRewritten, EventSizeZero,
		EventOneTime, EventJIT, EventApart, EventAgain, EventTwoGroups, EventApproved, EventForced, EventRejected, EventUndecided, EventGivenUp,
		EventApprovedLater, EventNeverRun, EventExecuted, EventExpired, EventRevoked, EventRevokedOpen, EventOverturned,
		EventMasked, EventMaskingFailed, EventTruncated,
	}
	if d == Old {
		return append(both, EventReadyRunning, EventProcessing, EventUnknown, EventNoRevokeAt)
	}
	return append(both, EventBornDone, EventExpiredPending, EventExpiredApproved, EventEscalated, EventGuarded, EventAnalyzed, EventMachine)
}
