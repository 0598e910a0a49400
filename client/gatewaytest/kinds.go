package gatewaytest

// What can happen in the gateway's life, as counted in [Stats].Kinds.
const (
	KindConnect      = "connect"
	KindExec         = "exec"
	KindLong         = "long"
	KindLate         = "late"
	KindVeryLate     = "very late"
	KindSkewed       = "skewed"
	KindSameTime     = "same time"
	KindBurst        = "burst"
	KindSuccess      = "success"
	KindFailure      = "failure"
	KindAborted      = "aborted"
	KindDisconnected = "disconnected"
	KindNoExitCode   = "no exit code"
	KindBornDone     = "born done" // new gateways only
	KindStuck        = "stuck"
	KindRewritten    = "rewritten"
	KindSizeZero     = "size zero"

	KindOneTime       = "onetime review"
	KindJIT           = "jit review"
	KindApart         = "review later than its session"
	KindTwoGroups     = "two groups"
	KindApproved      = "approved"
	KindForced        = "approved by force"
	KindRejected      = "rejected"
	KindUndecided     = "undecided"
	KindGivenUp       = "given up"
	KindApprovedLater = "given up, approved later"
	KindNeverRun      = "never run"
	KindReadyRunning  = "ready while running" // old gateways only
	KindExecuted      = "executed"
	KindProcessing    = "processing for ever" // old gateways only
	KindUnknown       = "unknown review"      // old gateways only
	KindExpired       = "jit expired before the end"
	KindRevoked       = "revoked"
	KindRevokedOpen   = "revoked, stays open"
	KindOverturned    = "approved, then rejected"
	KindNoRevokeAt    = "approved without revoke_at" // old gateways only
)

// Kinds is everything that can happen in a gateway of the dialect.
func Kinds(d Dialect) []string {
	both := []string{
		KindConnect, KindExec, KindLong, KindLate, KindVeryLate, KindSkewed, KindSameTime, KindBurst, KindSuccess,
		KindFailure, KindAborted, KindDisconnected, KindNoExitCode, KindStuck, KindRewritten, KindSizeZero,
		KindOneTime, KindJIT, KindApart, KindTwoGroups, KindApproved, KindForced, KindRejected, KindUndecided, KindGivenUp,
		KindApprovedLater, KindNeverRun, KindExecuted, KindExpired, KindRevoked, KindRevokedOpen, KindOverturned,
	}
	if d == Old {
		return append(both, KindReadyRunning, KindProcessing, KindUnknown, KindNoRevokeAt)
	}
	return append(both, KindBornDone)
}
