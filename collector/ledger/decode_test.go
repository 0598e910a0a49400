package ledger

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

// fullLedger is one whose image has every field of the messages.
func fullLedger() *Ledger {
	l := New(imageOptions(), noon())
	review := func(status string) *client.Review {
		return &client.Review{
			ID: "review", Type: "jit", Status: status, CreatedAt: at(time.Minute), RevokeAt: at(time.Hour),
			Groups: []client.ReviewGroup{
				{Group: "sre", Status: status, ReviewDate: at(2 * time.Minute)}, {Group: "dba", Status: "APPROVED", ReviewDate: at(2 * time.Minute), Forced: true},
				{Group: "audit", Status: "APPROVED", ReviewDate: at(3 * time.Minute)},
			},
		}
	}
	round := func(name string, d time.Duration) {
		var rows []client.Session
		for i, status := range []string{"PENDING", "APPROVED", "REVOKED", "ODD" + name} {
			open, done := sessionRow(name+"open"+status, d), sessionRow(name+"done"+status, d)
			open.Review, done.Review = review(status), review(status)
			done.Status, done.EndDate, done.ExitCode, done.EventSize = "done", at(d+time.Hour), code(i), int64(i*1000)
			plain := sessionRow(name+"plain"+status, d)
			plain.Status, plain.EndDate, plain.ExitCode, plain.EventSize = "done", at(d+time.Duration(i)*time.Minute), code(0), int64(i)
			plain.ScriptSize, plain.Metrics.Truncated = 40, i == 0
			plain.Metrics.Masking = &client.Masking{InfoTypes: map[string]int64{"type " + name: 3, "EMAIL_ADDRESS": 1}, TransformedBytes: 100, ErrCount: 1}
			plain.Guardrails = client.Guardrails{{Rule: "rule " + name, Direction: "direction " + name, Count: 2}}
			plain.AI = &client.AIAnalysis{RiskLevel: "risk " + name, Action: "action " + name}
			for _, row := range []client.Session{open, done, plain} {
				row.Connection, row.Type, row.Verb, row.ConnectionSubtype = name+status, "type"+name, "verb"+name, "postgres"
				row.ConnectionTags = map[string]string{"team": "red"}
				rows = append(rows, row)
			}
		}
		l.Apply(noon().Add(d), rows)
	}
	round("a", time.Minute)
	l.Finish(noon().Add(time.Minute), noon().Add(time.Minute))
	l.MarkServed(l.generation, noon().Add(2*time.Minute))
	round("c", 2*time.Minute)
	l.Finish(noon().Add(3*time.Minute), noon().Add(4*time.Minute))
	l.MarkServed(l.generation, noon().Add(4*time.Minute))
	round("a", 5*time.Minute) // what is shown is less than what was counted
	for i := range 3 {
		row := sessionRow("more", time.Duration(i)*time.Second)
		row.ID += string(rune('a' + i))
		row.Connection, row.Type, row.Verb, row.EventSize = "aPENDING", "typea", "verba", int64(i*1000)
		row.Status, row.EndDate, row.ExitCode = "done", at(time.Minute), code(0)
		l.Apply(noon().Add(5*time.Minute), []client.Session{row})
	}
	impossible := sessionRow("impossible", time.Second)
	impossible.Status, impossible.EndDate, impossible.EventSize = "done", at(time.Minute), -1
	executed, revoked := sessionRow("executed", time.Second), sessionRow("revoked", time.Second)
	executed.Review, revoked.Review = review("EXECUTED"), review("REVOKED")
	revoked.Review.Status = "APPROVED"
	second := sessionRow("second", -time.Hour)
	second.Review, second.Status = review("EXECUTED"), "done"
	l.Apply(noon().Add(5*time.Minute), []client.Session{impossible, executed, revoked, second})
	l.options.MaxConnections += 10 // a change of the settings admits more
	round("b", 5*time.Minute)      // what waits for the next commit
	l.ApplyMalformed(noon(), []client.MalformedSession{{ID: "bad", Near: noon()}, {Digest: "d", Near: noon()}})
	for range 2 {
		l.MarkMissed("aopenAPPROVED", noon().Add(5*time.Minute))
	}
	l.MarkPendingRead(noon().Add(-time.Hour), noon().Add(time.Hour), noon().Add(time.Hour))
	l.MarkPendingComplete(noon())
	l.clock.firstT0 = noon().Add(time.Hour)
	l.baselineComplete, l.abandoned, l.unobserved = true, 1, [Measures]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	return l
}

// Every field of the messages is written if a ledger has something in it, and read: what is read is written as it was.
func TestEveryFieldIsWrittenAndRead(t *testing.T) {
	l := fullLedger()
	written := image(t, l)
	again := image(t, reborn(t, imageOptions(), l))
	if !bytes.Equal(written.Ledger, again.Ledger) || !bytes.Equal(written.Progress, again.Progress) {
		t.Error("it is not written as it was read")
	}
	ledger, progress := messages(t, written)
	set := map[protoreflect.FullName]bool{}
	for _, m := range []proto.Message{ledger, progress} {
		note(set, m.ProtoReflect())
	}
	all := ledger.ProtoReflect().Descriptor().ParentFile().Messages()
	for i := range all.Len() {
		fields := all.Get(i).Fields()
		for j := range fields.Len() {
			name := fields.Get(j).FullName()
			if !set[name] && fields.Get(j).ContainingMessage().Name() != "File" {
				t.Errorf("the test has nothing in %s", name)
			}
		}
	}
}

// note notes which fields are set in a message and in those in it.
func note(set map[protoreflect.FullName]bool, m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		set[f.FullName()] = true
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				note(set, v.List().Get(i).Message())
			}
		case f.Message() != nil:
			note(set, v.Message())
		}
		return true
	})
}

func messages(t *testing.T, i Image) (*statepb.Ledger, *statepb.Progress) {
	t.Helper()
	ledger, progress := &statepb.Ledger{}, &statepb.Progress{}
	if err := errors.Join(proto.Unmarshal(i.Ledger, ledger), proto.Unmarshal(i.Progress, progress)); err != nil {
		t.Fatal(err)
	}
	return ledger, progress
}

func TestWhatNoLedgerWritesIsRefused(t *testing.T) {
	histogram := func(l *statepb.Ledger) *statepb.Histogram {
		for _, t := range l.Targets {
			if t.Duration.GetShown() != nil && len(t.Duration.Counted.Exemplars) > 1 && len(t.Duration.Counted.NativeIndex) > 1 {
				return t.Duration
			}
		}
		t.Fatal("no histogram has counted more than it shows")
		return nil
	}
	counter := func(l *statepb.Ledger) *statepb.Counter {
		for _, c := range l.Targets[0].Finished {
			if c.Exemplar != nil {
				return c
			}
		}
		t.Fatal("no counter has an exemplar")
		return nil
	}
	symbol := func(l *statepb.Ledger, s string) uint32 {
		l.Symbols = append(l.Symbols, s)
		return uint32(len(l.Symbols) - 1)
	}
	const (
		order   = "not in order"
		label   = "a label value is invalid"
		count   = "a histogram's buckets differ from its count"
		missing = "a symbol is missing"
	)
	long := strings.Repeat("x", maxLabelBytes+1)
	for name, tc := range map[string]struct {
		change func(l *statepb.Ledger)
		says   string
	}{
		"no T0":               {func(l *statepb.Ledger) { l.T0 = 0 }, "start of its counting"},
		"an empty gap":        {func(l *statepb.Ledger) { l.UnreadGaps[0].To = l.UnreadGaps[0].From }, order},
		"gaps that overlap":   {func(l *statepb.Ledger) { l.UnreadGaps = append(l.UnreadGaps, l.UnreadGaps[0]) }, order},
		"no such symbol":      {func(l *statepb.Ledger) { l.Sessions[0].Status = uint32(len(l.Symbols)) }, missing},
		"no such group":       {func(l *statepb.Ledger) { reviewed(l).PendingGroups = []uint32{1 << 31} }, missing},
		"no such review type": {func(l *statepb.Ledger) { reviewed(l).Type = 1 << 31 }, missing},
		"a long label":        {func(l *statepb.Ledger) { l.Sessions[0].Type = symbol(l, long) }, label},
		"a long name":         {func(l *statepb.Ledger) { l.Connections[3].Name = symbol(l, long) }, label},
		"a long subtype":      {func(l *statepb.Ledger) { l.Connections[3].Subtype = symbol(l, long) }, label},
		"a long tag":          {func(l *statepb.Ledger) { tags(l)[0].Value = symbol(l, long) }, label},
		"a tag twice":         {func(l *statepb.Ledger) { l.Connections[3].Tags = append(tags(l), tags(l)...) }, order},
		"a type twice": {func(l *statepb.Ledger) {
			l.Types.Admitted = append(l.Types.Admitted, l.Types.Admitted[0])
		}, order},
		"a verb waits twice": {func(l *statepb.Ledger) {
			l.Verbs.Waiting = append(l.Verbs.Waiting, l.Verbs.Waiting[0])
		}, order},
		"too many statuses": {func(l *statepb.Ledger) {
			l.ReviewStatuses.Admitted = nil
			for i := range maxUnknownLabels + 1 {
				l.ReviewStatuses.Admitted = append(l.ReviewStatuses.Admitted, symbol(l, "z"+string(rune('A'+i))))
			}
		}, "more label values"},
		"connections in disorder":        {func(l *statepb.Ledger) { slices.Reverse(l.Connections) }, order},
		"targets in disorder":            {func(l *statepb.Ledger) { slices.Reverse(l.Targets) }, order},
		"folded connections in disorder": {func(l *statepb.Ledger) { slices.Reverse(l.FoldedConnections) }, order},
		"too many folded connections":    {func(l *statepb.Ledger) { l.FoldedConnections = make([]uint64, maxDistinct+1) }, "too many"},
		"counters in disorder":           {func(l *statepb.Ledger) { slices.Reverse(several(l)) }, order},
		"sessions in disorder":           {func(l *statepb.Ledger) { slices.Reverse(l.Sessions) }, order},
		"a session twice":                {func(l *statepb.Ledger) { l.Sessions[1] = l.Sessions[0] }, order},
		"known in disorder":              {func(l *statepb.Ledger) { slices.Reverse(l.Seen) }, order},
		"malformed in disorder":          {func(l *statepb.Ledger) { slices.Reverse(l.Malformed) }, order},
		"too many malformed": {func(l *statepb.Ledger) {
			for len(l.Malformed) <= maxMalformed {
				l.Malformed = append(l.Malformed, l.Malformed[0])
			}
		}, "too many malformed"},
		"nothing requested":   {func(l *statepb.Ledger) { committed(l).Requested = nil }, "requested"},
		"a long second label": {func(l *statepb.Ledger) { counter(l).SecondLabel = symbol(l, long) }, label},
		"no such third label": {func(l *statepb.Ledger) { counter(l).ThirdLabel = 1 << 31 }, missing},
		"a rule twice": {func(l *statepb.Ledger) {
			l.Rules.Admitted = append(l.Rules.Admitted, l.Rules.Admitted[0])
		}, order},
		"an input size alone": {func(l *statepb.Ledger) {
			t := measured(l)
			t.EventSize, t.Duration, t.ReviewWait, t.AccessDuration = nil, nil, nil, nil
		}, "some of its histograms"},
		"groups that decided in disorder": {func(l *statepb.Ledger) { slices.Reverse(l.GroupWaits) }, order},
		"a group without a histogram":     {func(l *statepb.Ledger) { l.GroupWaits[0].Wait = nil }, "no histogram"},
		"a group without buckets":         {func(l *statepb.Ledger) { l.GroupWaits[0].Wait.Counted = nil }, "other buckets"},
		"a long group":                    {func(l *statepb.Ledger) { l.GroupWaits[1].Group = symbol(l, long) }, label},
		"decided groups in disorder":      {func(l *statepb.Ledger) { slices.Reverse(decided(l).DecidedGroups) }, order},
		"a group decided and undecided": {func(l *statepb.Ledger) {
			s := decided(l)
			s.UndecidedGroups = []uint64{s.DecidedGroups[0]}
		}, order},
		"groups that do not count": {func(l *statepb.Ledger) { decided(l).CountedDecisions = true }, "does not count"},
		"too many groups of a review": {func(l *statepb.Ledger) {
			s := decided(l)
			s.UndecidedGroups, s.DecidedGroups = nil, make([]uint64, maxReviewGroups+1)
			for i := range s.DecidedGroups {
				s.DecidedGroups[i] = uint64(i)
			}
		}, "too many groups"},
		"a histogram too few":       {func(l *statepb.Ledger) { l.Targets[0].ReviewWait = nil }, "some of its histograms"},
		"more shown than counted":   {func(l *statepb.Ledger) { c := counter(l); c.NotShown = c.Value + 1 }, "shown more"},
		"a counter's value":         {func(l *statepb.Ledger) { counter(l).Exemplar.Value = 1 }, "exemplar has a value"},
		"a counter's bucket":        {func(l *statepb.Ledger) { counter(l).Exemplar.Bucket = 1 }, "exemplar has a value"},
		"a delay without end":       {func(l *statepb.Ledger) { counter(l).Delay = &statepb.Delay{Duration: 1 << 63} }, "delay of a series is too long"},
		"a sum below 0":             {func(l *statepb.Ledger) { histogram(l).Sum = -1 }, "below 0"},
		"a sum that is no number":   {func(l *statepb.Ledger) { histogram(l).ShownSum = math.NaN() }, "sum is not a number"},
		"a value that is no number": {func(l *statepb.Ledger) { histogram(l).Counted.Exemplars[0].Value = math.Inf(1) }, "value is not a number"},
		"all shown, and less":       {func(l *statepb.Ledger) { histogram(l).ShownAll = true }, "less than all"},
		"no buckets":                {func(l *statepb.Ledger) { histogram(l).Counted = nil }, "other buckets"},
		"a bucket too few":          {func(l *statepb.Ledger) { h := histogram(l).Counted; h.Classic = h.Classic[1:] }, "other buckets"},
		"a shown bucket too many": {func(l *statepb.Ledger) {
			h := histogram(l).Shown
			h.Classic = append(h.Classic, 0)
		}, "other buckets"},
		"a histogram shows more": {func(l *statepb.Ledger) {
			h := histogram(l)
			h.Counted, h.Shown = h.Shown, h.Counted
		}, "shown more"},
		"more in classic buckets": {func(l *statepb.Ledger) { histogram(l).Counted.Classic[0]++ }, count},
		"less in classic buckets": {func(l *statepb.Ledger) { decrement(histogram(l).Counted.Classic) }, count},
		"classic buckets overflow": {func(l *statepb.Ledger) {
			h := histogram(l).Counted
			h.Classic[0], h.Classic[1] = h.Classic[0]-1-math.MaxUint64/2, h.Classic[1]+1+math.MaxUint64/2
		}, count},
		"more in native buckets":  {func(l *statepb.Ledger) { histogram(l).Counted.NativeCount[0]++ }, count},
		"less in native buckets":  {func(l *statepb.Ledger) { decrement(histogram(l).Counted.NativeCount) }, count},
		"more in the zero bucket": {func(l *statepb.Ledger) { histogram(l).Counted.Zero += 1000 }, count},
		"a native count too few": {func(l *statepb.Ledger) {
			h := histogram(l).Counted
			h.NativeCount = h.NativeCount[1:]
		}, count},
		"native buckets in disorder": {func(l *statepb.Ledger) { slices.Reverse(histogram(l).Counted.NativeIndex) }, order},
		"a native bucket far below":  {func(l *statepb.Ledger) { histogram(l).Counted.NativeIndex[0] = -maxNativeIndex }, "out of range"},
		"a native bucket far above": {func(l *statepb.Ledger) {
			h := histogram(l).Counted
			h.NativeIndex[len(h.NativeIndex)-1] = maxNativeIndex
		}, "out of range"},
		"a resolution too fine":      {func(l *statepb.Ledger) { histogram(l).Counted.Schema = nativeSchema + 1 }, "resolution"},
		"a resolution too coarse":    {func(l *statepb.Ledger) { histogram(l).Counted.Schema = nativeSchemaMin - 1 }, "resolution"},
		"exemplars in disorder":      {func(l *statepb.Ledger) { slices.Reverse(histogram(l).Counted.Exemplars) }, "exemplars are not in order"},
		"an exemplar without bucket": {func(l *statepb.Ledger) { last(histogram(l).Counted).Bucket = 1000 }, "exemplars are not in order"},
		"two exemplars of one bucket": {func(l *statepb.Ledger) {
			h := histogram(l).Counted
			h.Exemplars[1].Bucket = h.Exemplars[0].Bucket
		}, "exemplars are not in order"},
	} {
		t.Run(name, func(t *testing.T) {
			ledger, progress := messages(t, image(t, fullLedger()))
			tc.change(ledger)
			refused(t, ledger, progress, tc.says)
		})
	}
}

func TestWhatNoProgressHasIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(p *statepb.Progress)
		says   string
	}{
		"no head":            {func(p *statepb.Progress) { p.Head = 0 }, "how far"},
		"no watermark":       {func(p *statepb.Progress) { p.Watermark = 0 }, "how far"},
		"a recheck too few":  {func(p *statepb.Progress) { p.Rechecked = p.Rechecked[1:] }, "differ in number"},
		"a recheck too many": {func(p *statepb.Progress) { p.Rechecked = append(p.Rechecked, 1) }, "differ in number"},
	} {
		t.Run(name, func(t *testing.T) {
			ledger, progress := messages(t, image(t, fullLedger()))
			tc.change(progress)
			refused(t, ledger, progress, tc.says)
		})
	}
}

func refused(t *testing.T, ledger *statepb.Ledger, progress *statepb.Progress, says string) {
	t.Helper()
	l, err := Restore(imageOptions(), Image{marshal(t, ledger), marshal(t, progress)})
	if l != nil || !errors.Is(err, errState) || !strings.Contains(err.Error(), says) {
		t.Errorf("%v, want an error with %q", err, says)
	}
}

// committed is a target that a snapshot has had.
func committed(l *statepb.Ledger) *statepb.TargetCounters {
	return l.Targets[slices.IndexFunc(l.Targets, func(t *statepb.TargetCounters) bool { return t.Committed })]
}

// measured is a target that has counted a session.
func measured(l *statepb.Ledger) *statepb.TargetCounters {
	return l.Targets[slices.IndexFunc(l.Targets, func(t *statepb.TargetCounters) bool { return t.EventSize != nil })]
}

// decided is a session with more than one group that has decided.
func decided(l *statepb.Ledger) *statepb.Session {
	return l.Sessions[slices.IndexFunc(l.Sessions, func(s *statepb.Session) bool { return len(s.DecidedGroups) > 1 })]
}

// several are the counters of a target that has some.
func several(l *statepb.Ledger) []*statepb.Counter {
	i := slices.IndexFunc(l.Targets, func(t *statepb.TargetCounters) bool { return len(t.Finished) > 1 })
	return l.Targets[i].Finished
}

func reviewed(l *statepb.Ledger) *statepb.Review {
	i := slices.IndexFunc(l.Sessions, func(s *statepb.Session) bool { return s.Review != nil })
	return l.Sessions[i].Review
}

func tags(l *statepb.Ledger) []*statepb.Tag {
	i := slices.IndexFunc(l.Connections, func(c *statepb.Connection) bool { return len(c.Tags) > 0 })
	return l.Connections[i].Tags
}

func last(b *statepb.Buckets) *statepb.Exemplar { return b.Exemplars[len(b.Exemplars)-1] }

// decrement takes one from the first count that has one.
func decrement(counts []uint64) {
	i := slices.IndexFunc(counts, func(n uint64) bool { return n > 0 })
	counts[i]--
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
