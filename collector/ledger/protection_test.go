package ledger_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// allCounts are the counters above 0, by all their labels.
func allCounts(counters []ledger.Counter) map[string]uint64 {
	out := map[string]uint64{}
	for _, c := range counters {
		if c.Value > 0 {
			out[fmt.Sprint(c.Labels)] = c.Value
		}
	}
	return out
}

func masked(bytes, errors int64, types map[string]int64) func(*client.Session) {
	return func(s *client.Session) {
		s.Metrics.Masking = &client.Masking{InfoTypes: types, TransformedBytes: bytes, ErrCount: errors}
	}
}

// What a session reports about the protection of data counts once: as the first answer says that has it finished.
func TestProtectionCountsOnceAtTheEnd(t *testing.T) {
	b := newBook(t)
	growing := func(n int64) func(*client.Session) { return masked(10*n, n, map[string]int64{"EMAIL_ADDRESS": n}) }
	protected := func(s *client.Session) {
		s.Metrics.Truncated = true
		s.Guardrails = client.Guardrails{{Rule: "no-secrets", Direction: "input", Count: 2}, {Rule: "no-secrets", Direction: "output", Count: 1}}
		s.AI = &client.AIAnalysis{RiskLevel: "high", Action: "block_execution"}
		s.ScriptSize = 40
	}
	b.apply(time.Minute, row("a", 0, growing(1), protected))
	n := b.one(time.Minute)
	b.want("while it runs", []any{total(n.Redactions), total(n.RedactedBytes), total(n.TruncatedRecordings), total(n.GuardrailMatches), total(n.AIAnalyses)}, "[0 0 0 0 0]")
	for i := range 3 { // it is read again with other numbers
		b.apply(2*time.Minute, row("a", 0, growing(int64(3+i)), protected, done(time.Minute, 0)))
		n = b.one(2 * time.Minute)
	}
	b.want("redactions", allCounts(n.Redactions), "map[[EMAIL_ADDRESS  ]:3]")
	b.want("bytes, errors, truncated", []any{n.RedactedBytes[0].Value, n.RedactionErrors[0].Value, n.TruncatedRecordings[0].Value}, "[30 3 1]")
	b.want("guardrails", allCounts(n.GuardrailMatches), "map[[no-secrets input ]:2 [no-secrets output ]:1]")
	b.want("analyses", allCounts(n.AIAnalyses), "map[[high block_execution ]:1]")
	b.want("input", []any{n.Histograms[ledger.InputSize].Count, n.Histograms[ledger.InputSize].Sum}, "[1 40]")
	b.want("exemplar", n.GuardrailMatches[0].Exemplar.SessionID, "a")
}

// The counters without a further label are there beforehand, and all others with their first value.
func TestZerosOfProtection(t *testing.T) {
	b := newBook(t)
	b.apply(time.Minute, row("a", 0))
	n := b.one(time.Minute)
	b.want("zeros", []any{len(n.RedactedBytes), len(n.RedactionErrors), len(n.TruncatedRecordings), total(n.RedactedBytes)}, "[1 1 1 0]")
	b.want("others", []any{len(n.Redactions), len(n.GuardrailMatches), len(n.AIAnalyses), len(n.Decisions)}, "[0 0 0 0]")
	b.want("started", []any{len(n.Started), allCounts(n.Started)}, "[6 map[[exec unknown ]:1]]")
	b.want("requested, resolved", []any{len(n.Requested), len(n.Resolved)}, "[3 21]")
	b.want("open reviews", fmt.Sprint(n.OpenReviews), "[{PENDING jit 0} {PENDING onetime 0} {PENDING unknown 0}]")
}

func TestIdentityIsThatOfTheFirstAnswer(t *testing.T) {
	for _, tt := range []struct{ says, want string }{{"user", "user"}, {"machine", "machine"}, {"", "unknown"}, {"robot", "unknown"}} {
		b := newBook(t)
		identity := func(i string) func(*client.Session) {
			return func(s *client.Session) { s.Identity = client.Identity(i) }
		}
		b.apply(time.Minute, row("a", 0, identity(tt.says)))
		b.apply(time.Minute, row("a", 0, identity("machine")))
		b.want(tt.says, allCounts(b.one(time.Minute).Started), fmt.Sprintf("map[[exec %s ]:1]", tt.want))
	}
}

func TestImpossibleProtectionIsNotCounted(t *testing.T) {
	b := newBook(t)
	for i, n := range []int64{-1, 1<<50 + 1} {
		b.apply(time.Minute, row(fmt.Sprint("a", i), 0, masked(n, n, map[string]int64{"EMAIL_ADDRESS": n, "US_SSN": 1}), done(time.Minute, 0),
			func(s *client.Session) { s.ScriptSize = n }))
	}
	s := b.commit(time.Minute)
	n := b.only(s)
	b.want("counted", []any{allCounts(n.Redactions), total(n.RedactedBytes), total(n.RedactionErrors), n.Histograms[ledger.InputSize].Count}, "[map[[US_SSN  ]:2] 0 0 0]")
	for _, m := range []ledger.Measure{ledger.Redactions, ledger.RedactedBytes, ledger.RedactionErrors, ledger.InputSize} {
		b.want(fmt.Sprint("unobserved ", m), s.Unobserved[m], 2)
	}
}

// The size of an input is observed only for exec, and only if it is known and above 0.
func TestInputsThatAreObserved(t *testing.T) {
	for _, tt := range []struct {
		verb       string
		size       int64
		count, bad int
	}{
		{"exec", 1, 1, 0}, {"exec", 0, 0, 0}, {"exec", client.UnknownScriptSize, 0, 0}, {"exec", -1, 0, 1}, {"connect", 40, 0, 0}, {"connect", -1, 0, 0},
	} {
		b := newBook(t)
		b.apply(time.Minute, row("a", 0, verb(tt.verb), done(time.Minute, 0), func(s *client.Session) { s.ScriptSize = tt.size }))
		s := b.commit(time.Minute)
		b.want(fmt.Sprint(tt), []any{b.only(s).Histograms[ledger.InputSize].Count, s.Unobserved[ledger.InputSize]}, []any{tt.count, tt.bad})
	}
}

// However many words a gateway sends, the labels have a bounded number of values, and nothing that was counted gets lost.
func TestWordsOfProtectionAreBounded(t *testing.T) {
	for _, together := range []bool{true, false} {
		b := newBook(t)
		for i := range 100 {
			word := fmt.Sprintf("word%02d", i)
			b.apply(time.Minute, row(word, 0, done(time.Minute, 0), masked(0, 0, map[string]int64{word: 1}), func(s *client.Session) {
				s.Guardrails = client.Guardrails{{Rule: word, Direction: word, Count: 1}}
				s.AI = &client.AIAnalysis{RiskLevel: word, Action: word}
			}, reviewed(onetime, "EXECUTED", 0, group(word, word, time.Minute))))
			if !together {
				b.commit(time.Minute)
			}
		}
		s := b.commit(time.Minute)
		n := b.only(s)
		for _, tt := range []struct {
			what     string
			counters []ledger.Counter
			label    int
			want     int
		}{
			{"info types", n.Redactions, 0, 65}, {"rules", n.GuardrailMatches, 0, 51}, {"directions", n.GuardrailMatches, 1, 9},
			{"risk levels", n.AIAnalyses, 0, 9}, {"actions", n.AIAnalyses, 1, 9}, {"groups", n.Decisions, 0, 100}, {"statuses", n.Decisions, 1, 9},
		} {
			values := map[string]bool{}
			for _, c := range tt.counters {
				values[c.Labels[tt.label]] = true
			}
			b.want(tt.what, len(values), tt.want)
			b.want(tt.what+" in all", total(tt.counters), 100)
		}
		b.want("groups that waited", len(s.GroupWaits), 100)
	}
}

// A switched off group of counters is not kept, and not restored either; switched on again, it starts at 0.
func TestCountersThatAreLeftOut(t *testing.T) {
	session := row("a", 0, done(time.Minute, 0), masked(1, 1, map[string]int64{"EMAIL_ADDRESS": 1}), func(s *client.Session) { s.ScriptSize = 1 },
		reviewed(jit, "APPROVED", 0, revokeAt(time.Hour), group("sre", "APPROVED", time.Minute), func(r *client.Review) { r.AccessDuration = time.Hour }))
	kept := func(s *snapshot) string {
		n := s.Targets[0]
		return fmt.Sprint(len(n.Redactions), len(n.RedactedBytes), n.Histograms[ledger.InputSize] != nil, len(n.Decisions), n.Histograms[ledger.AccessDuration] != nil, len(s.GroupWaits))
	}
	for _, tt := range []struct {
		name   string
		change func(*ledger.Options)
		want   string
		again  string
	}{
		{"nothing", func(*ledger.Options) {}, "1 1 true 1 true 1", "1 1 true 1 true 1"},
		{"data protection", func(o *ledger.Options) { o.NoDataProtection = true }, "0 0 false 1 true 1", "0 1 true 1 true 1"},
		{"decisions", func(o *ledger.Options) { o.NoDecisions = true }, "1 1 true 0 false 0", "1 1 true 0 true 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			b.apply(time.Minute, session)
			b.want("with all", kept(b.commit(time.Minute)), "1 1 true 1 true 1")
			without := newBook(t, tt.change)
			without.apply(time.Minute, session)
			without.want("counted", kept(without.commit(time.Minute)), tt.want)
			b.reopen(tt.change)
			b.want("restored", kept(b.commit(2*time.Minute)), tt.want)
			b.reopen(func(o *ledger.Options) { o.NoDataProtection, o.NoDecisions = false, false })
			b.want("switched on again", kept(b.commit(3*time.Minute)), tt.again)
		})
	}
}

// No counter falls, however large the amounts that a broken gateway sends.
func TestACounterThatIsFullDoesNotFall(t *testing.T) {
	b := newBook(t)
	last := uint64(0)
	for i := range 40 {
		types := map[string]int64{}
		for j := range 1000 {
			types[fmt.Sprint("type ", j)] = 1 << 50
		}
		b.apply(time.Minute, row(fmt.Sprint(i), 0, done(time.Minute, 0), masked(0, 0, types)))
		for _, c := range b.one(time.Minute).Redactions {
			if c.Labels[0] != "other" {
				continue
			}
			if c.Value < last {
				t.Fatalf("after %d sessions: %d, and before %d", i+1, c.Value, last)
			}
			last = c.Value
		}
	}
	if last != math.MaxUint64 {
		t.Errorf("%d is not full, so nothing was tested", last)
	}
}
