package ledger

import "github.com/hoop-exporter/hoop_exporter/client"

// countProtection counts what a session reports about the protection of data at its end. Nothing of that is kept except in the counters.
func (l *Ledger) countProtection(c *targetCounters, row *client.Session, ref sessionRef) {
	if l.options.NoDataProtection {
		return
	}
	if m := row.Metrics.Masking; m != nil {
		for name, n := range m.InfoTypes {
			if n != 0 && c.isPossible(Redactions, n) {
				c.series(redactions, Labels{l.words.infoTypes.register(name)}).add(uint64(n), ref)
			}
		}
		c.addAmount(redactedBytes, RedactedBytes, m.TransformedBytes, ref)
		c.addAmount(redactionErrors, RedactionErrors, m.ErrCount, ref)
	}
	if row.Metrics.Truncated {
		c.series(truncatedRecordings, Labels{}).add(1, ref)
	}
	for _, m := range row.Guardrails {
		labels := Labels{l.words.rules.register(m.Rule), l.words.directions.register(m.Direction)}
		c.series(guardrailMatches, labels).add(uint64(m.Count), ref)
	}
	if row.AI != nil {
		labels := Labels{l.words.riskLevels.register(row.AI.RiskLevel), l.words.actions.register(row.AI.Action)}
		c.series(aiAnalyses, labels).add(1, ref)
	}
	if row.Verb == client.VerbExec && row.ScriptSize != 0 && row.ScriptSize != client.UnknownScriptSize {
		c.observe(InputSize, row.ScriptSize, maxEventSize, ref)
	}
}

// addAmount adds to a counter without labels of its own.
func (c *targetCounters) addAmount(f family, m Measure, n int64, ref sessionRef) {
	if n != 0 && c.isPossible(m, n) {
		c.series(f, Labels{}).add(uint64(n), ref)
	}
}

// isPossible reports whether a session can add n to a counter. If it cannot, the value is counted as unobserved.
func (c *targetCounters) isPossible(m Measure, n int64) bool {
	if n < 0 || n > maxAmount {
		c.unobserved[m]++
		return false
	}
	return true
}
