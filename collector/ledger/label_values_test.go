package ledger_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// Eight words that are not documented keep their name, for each label; the documented ones do not count. It makes no difference
// whether they come in one refresh or in several.
func TestUnknownWordsAreBounded(t *testing.T) {
	types := func(s *snapshot) []string {
		var out []string
		for _, n := range s.Targets {
			out = append(out, n.Type)
		}
		return out
	}
	openReviews := func(s *snapshot) []string {
		var out []string
		for _, c := range ledger.ByStatus(s.Targets[0].OpenReviews) {
			out = append(out, fmt.Sprint(c.Status, "=", c.Count))
		}
		return out
	}
	access := revokeAt(day)
	for _, tt := range []struct {
		name   string
		change func(word string) func(*client.Session)
		known  []string
		shown  func(s *snapshot) []string
		want   string
	}{
		{"verbs", verb, []string{"connect", "exec"},
			func(s *snapshot) []string { return labels(s.Targets[0].Started) }, "[connect exec new0 new1 new2 new3 new4 new5 new6 new7 other]"},
		{"types", typed, []string{"application", "command-line", "custom", "database", "httpproxy", "rdp", "ssh"},
			types, "[application command-line custom database httpproxy new0 new1 new2 new3 new4 new5 new6 new7 other rdp ssh]"},
		{"statuses of reviews that are not final", func(word string) func(*client.Session) { return reviewed(jit, word, 0, access) },
			[]string{"APPROVED", "PENDING", "PROCESSING", "UNKNOWN"}, openReviews,
			"[APPROVED=1 PENDING=1 PROCESSING=1 UNKNOWN=1 new0=1 new1=1 new2=1 new3=1 new4=1 new5=1 new6=1 new7=1 other=2]"},
		{"statuses of final reviews",
			func(word string) func(*client.Session) {
				return func(s *client.Session) { done(time.Minute, 0)(s); reviewed(jit, word, 0)(s) }
			},
			[]string{"APPROVED", "EXECUTED", "REJECTED", "REVOKED", "UNKNOWN"},
			func(s *snapshot) []string { return labels(s.Targets[0].Resolved) },
			"[APPROVED EXECUTED EXPIRED PROCESSING REJECTED REVOKED UNKNOWN new0 new1 new2 new3 new4 new5 new6 new7 other]"},
	} {
		words := append([]string{}, tt.known...)
		for i := range 10 {
			words = append(words, fmt.Sprint("new", i))
		}
		for _, together := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, in one refresh: %v", tt.name, together), func(t *testing.T) {
				b := newBook(t)
				for i, word := range words {
					if b.apply(time.Hour, row(fmt.Sprint(i), 0, tt.change(word))); !together {
						b.commit(time.Hour)
					}
				}
				b.want("shown", tt.shown(b.commit(time.Hour)), tt.want)
			})
		}
	}
}

func TestGroupsAreBounded(t *testing.T) {
	b := newBook(t)
	for i := range 300 { // groups of a review that is decided need no name
		b.apply(time.Minute, row("decided", 0, reviewed(onetime, "APPROVED", 0, undatedGroup(fmt.Sprint("a", i), "PENDING"))))
	}
	b.commit(time.Minute)
	var groups []func(*client.Review)
	for i := range 202 {
		groups = append(groups, undatedGroup(fmt.Sprintf("g%03d", i), "PENDING"))
	}
	b.apply(time.Minute, row("a", 0, reviewed(onetime, "PENDING", 0, groups...)))
	n := b.one(time.Minute)
	b.want("groups", []any{len(n.Approvals), n.Approvals[0].Group, n.Approvals[199].Group}, "[201 g000 g199]")
	b.want("those beyond the bound count as one", []any{n.Approvals[200].Group, n.Approvals[200].Count}, "[other 1]")
}

func TestLabelValuesAreValidAndNotEndless(t *testing.T) {
	long, euros := strings.Repeat("x", 257), strings.Repeat("x", 238)+strings.Repeat("\u20ac", 10)
	digest := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:8]) }
	for _, tt := range []struct{ name, value, want string }{
		{"invalid UTF-8", "a\xffb", "a\uFFFDb"},
		{"256 bytes", long[:256], long[:256]},
		{"one byte more", long, long[:239] + "~" + digest(long)},
		{"a letter across the end of what is kept", euros, euros[:238] + "~" + digest(euros)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t, tags("team"))
			target := func(s *client.Session) {
				s.Connection, s.Type, s.ConnectionSubtype, s.ConnectionTags = tt.value, tt.value, tt.value, map[string]string{"team": tt.value}
			}
			b.apply(time.Minute, row("a", 0, target, verb(tt.value), reviewed(onetime, "PENDING", 0, undatedGroup(tt.value, "PENDING"))))
			b.apply(time.Minute, row("b", 0, target, reviewed(onetime, tt.value, 0)))
			s := b.commit(time.Minute)
			n := b.only(s)
			b.want("connection, type", n.Connection == tt.want && n.Type == tt.want, true)
			b.want("verb", counts(n.Started)[tt.want], 1)
			b.want("group", n.Approvals[0].Group == tt.want, true)
			b.want("status", n.OpenReviews[3].Status == tt.want, true)
			b.want("subtype, tag", s.Connections[0].Subtype == tt.want && s.Connections[0].Tags["team"] == tt.want, true)
		})
	}
}

// Names that begin alike stay apart, and what was cut is not cut again when the state is read.
func TestLongNamesDoNotMerge(t *testing.T) {
	begin := strings.Repeat("x", 255)
	b := newBook(t)
	b.apply(time.Minute, row("a", 0, on(begin+"\u20acfirst")), row("b", 0, on(begin+"\u20acsecond")))
	b.want("connections", len(b.commit(time.Minute).Targets), 2)
	image, err := b.ledger.Image()
	if err != nil {
		t.Fatal(err)
	}
	if b.ledger, err = ledger.Restore(options{ForgetAfter: forget}, image); err != nil {
		t.Fatal(err)
	}
	b.apply(2*time.Minute, row("c", 0, on(begin+"\u20acfirst")))
	b.want("connections after a stop", len(b.commit(2*time.Minute).Targets), 2)
}

// A tag key that a change of the settings adds is shown from what is known. How many tags are remembered is bounded.
func TestATagThatIsChosenLaterIsShownAtOnce(t *testing.T) {
	b := newBook(t, tags("team"))
	all := map[string]string{"team": "red", "tier": "1", strings.Repeat("k", 300): "odd", "zone": "z"}
	for i := range 100 {
		all[fmt.Sprintf("u%02d", i)] = "x"
	}
	b.apply(time.Minute, row("a", 0, func(s *client.Session) { s.ConnectionTags = all }))
	b.want("before", b.commit(time.Minute).Connections, "[{pg  map[team:red]}]")
	image, err := b.ledger.Image()
	if err != nil {
		t.Fatal(err)
	}
	if len(image.Ledger) > 2000 {
		t.Errorf("the state has %d bytes", len(image.Ledger))
	}
	o := options{ForgetAfter: forget, ConnectionTags: []string{"team", "tier", "zone", "u98"}}
	if b.ledger, err = ledger.Restore(o, image); err != nil {
		t.Fatal(err)
	}
	b.want("after, as far as the tags are remembered", b.commit(time.Minute).Connections, "[{pg  map[team:red tier:1]}]")
	b.apply(2*time.Minute, row("a", 0, func(s *client.Session) { s.ConnectionTags = all }))
	b.want("the others with the next row", b.commit(2*time.Minute).Connections, "[{pg  map[team:red tier:1 u98:x zone:z]}]")
}

// Names beyond the cap leave nothing behind but what is counted of them.
func TestNamesBeyondTheCapAreNotKept(t *testing.T) {
	size := func(names int) (*book, int, *snapshot) {
		b := readBook(t, connections(5))
		for i := range names { // in closed time, so that their ids are not remembered either
			b.apply(time.Minute, row(fmt.Sprint("id", i), -time.Hour, on(fmt.Sprintf("made-up-%06d", i)), done(-time.Minute, 0)))
			if i%500 == 0 {
				b.commit(time.Minute)
			}
		}
		s := b.commit(time.Minute)
		image, err := b.ledger.Image()
		if err != nil {
			t.Fatal(err)
		}
		return b, len(image.Ledger), s
	}
	b, few, s := size(100)
	b.want("folded", s.Folded, 95)
	b, many, s := size(100_000)
	t.Logf("%d bytes with 100 names, %d with 100,000; %d folded", few, many, s.Folded)
	if many > few+8*1024+64 {
		t.Errorf("%d bytes with 100 names, %d with 100,000", few, many)
	}
	if off := float64(s.Folded)/99_995 - 1; off < -0.1 || off > 0.1 {
		t.Errorf("%d folded connections, want about 99,995", s.Folded)
	}
	b.apply(time.Minute, row("z", 0, on("made-up-000000")), row("y", 0, on("made-up-099999")))
	b.want("connections", len(b.commit(time.Minute).Connections), 6)
}

func TestTagsOfAConnection(t *testing.T) {
	b := newBook(t, tags("team", "tier", "absent"))
	tagged := func(team, tier string) func(*client.Session) {
		return func(s *client.Session) {
			s.ConnectionTags = map[string]string{"team": team, "tier": tier, "secret": "x"}
		}
	}
	show := func(what, want string) {
		t.Helper()
		b.want(what, b.commit(time.Hour).Connections, want)
	}
	b.apply(time.Hour, row("b", time.Minute, tagged("blue", "1")))
	show("the chosen ones that it has", "[{pg  map[team:blue tier:1]}]")
	b.apply(time.Hour, row("z", time.Second, tagged("red", "2")), row("a", time.Minute, tagged("red", "3")))
	show("not of an older session, nor of a lower id", "[{pg  map[team:blue tier:1]}]")
	b.apply(time.Hour, row("c", time.Minute, tagged("green", "4")))
	show("of a higher id", "[{pg  map[team:green tier:4]}]")
	b.apply(time.Hour, row("c", time.Minute, tagged("green", "5")))
	show("changed since", "[{pg  map[team:green tier:5]}]")
	b.apply(time.Hour, row("0", 2*time.Minute))
	show("of a newer session, which has none", "[{pg  map[]}]")
}

// Connections beyond the cap share a name. What they have counted in the refresh that they came with is then counted there as if it had
// been from the beginning.
func TestFoldedConnectionsCountTogether(t *testing.T) {
	rows := func(connection func(i int) string) []client.Session {
		out := []client.Session{row("first", 0, on("a"))}
		add := func(i int, change ...func(*client.Session)) {
			id := fmt.Sprintf("%04d", len(out))
			out = append(out, row(id, time.Duration(i)*time.Second, append(change, on(connection(i)))...))
		}
		for i := range 20 {
			add(i)
			add(i, verb("connect"), done(time.Hour, 254), size(int64(i)))
			add(i, done(time.Duration(i*i)*time.Second, i%3), size(-1))
			add(i, verb(fmt.Sprint("new", i)), undated)
			add(i, reviewed(onetime, "PENDING", time.Minute))
			add(i, reviewed(onetime, "REJECTED", 0, group("g", "REJECTED", time.Duration(i)*time.Minute)))
			add(i, done(time.Hour, 0), reviewed(jit, fmt.Sprint("NEW", i), 0, revokeAt(time.Duration(i)*time.Minute)))
		}
		for i := range 170 { // one of them needs a coarser resolution than the others
			add(7, done(time.Hour, 0), size(int64(math.Exp2(float64(i)/8+4))))
		}
		for i := range 200 { // several of them together need one
			add(i%10, done(time.Duration(i%10)*time.Second+microsec<<(i/8), 0))
		}
		return out
	}
	of := func(s *snapshot, connection string) (n target) {
		for _, n = range s.Targets {
			if n.Connection == connection {
				n.Connection = ""
				return n
			}
		}
		t.Fatalf("connection %s has no target", connection)
		return n
	}
	for range 10 { // in the random order of maps
		several, single := newBook(t, connections(1)), newBook(t)
		several.apply(2*time.Hour, rows(func(i int) string { return fmt.Sprint("b", i) })...)
		single.apply(2*time.Hour, rows(func(int) string { return "b" })...)
		got, want := several.commit(2*time.Hour), single.commit(2*time.Hour)
		if g, w := describe(of(got, "<other>")), describe(of(want, "b")); g != w {
			t.Fatalf("several connections:\n%v\na single one:\n%v", g, w)
		}
		several.want("unobserved", got.Unobserved, want.Unobserved)
		several.want("folded", got.Folded, 20)
	}
}

func TestFoldedConnectionsStayForAMonth(t *testing.T) {
	b := newBook(t, connections(1))
	b.apply(time.Hour, row("a", 0, on("a")), row("b", time.Minute, on("b"), done(time.Hour, 0)), row("c", time.Second, on("c"), done(time.Hour, 0)))
	b.want("targets", len(b.commit(time.Hour).Targets), 2)
	b.want("targets just before", len(b.commit(30*day+time.Minute-microsec).Targets), 2)
	b.want("targets then", len(b.commit(30*day+time.Minute).Targets), 1)
}

func TestNativeBucketsOfFoldedConnectionsAreBounded(t *testing.T) {
	for n, schema := range map[int]int{160: 3, 161: 2} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := newBook(t, connections(1))
			b.apply(time.Hour, row("first", 0, on("a"), done(time.Minute, 0)))
			for i := range n {
				bytes := int64(math.Exp2(float64(i)/8 + 4)) // each in a bucket of its own
				b.apply(time.Hour, row(fmt.Sprint(i), 0, on(fmt.Sprint("b", i%2)), done(time.Minute, 0), size(bytes)))
			}
			b.want("schema", b.commit(time.Hour).Targets[0].Histograms[ledger.EventSize].Schema, schema)
		})
	}
}

// A gateway can send any number of new words in one refresh. Only those that can still be admitted are kept until its end.
func TestNewWordsOfOneRefreshAreBounded(t *testing.T) {
	const rows, words = 200, 500
	b := newBook(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range rows {
		masked := &client.Masking{InfoTypes: map[string]int64{}}
		for j := range words {
			masked.InfoTypes[fmt.Sprintf("%0100d", i*words+j)] = 1
		}
		b.apply(time.Minute, row(fmt.Sprint(i), 0, done(time.Minute, 0), func(s *client.Session) { s.Metrics.Masking = masked }))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 10; kept > 2<<10 {
		t.Errorf("%d KB are kept of %d words", kept, rows*words)
	}
	counted := b.commit(time.Minute).Targets[0].Redactions
	sum := uint64(0)
	for _, c := range counted {
		sum += c.Value
	}
	if len(counted) != 65 || sum != rows*words {
		t.Errorf("%d words with %d values, want 65 with %d", len(counted), sum, rows*words)
	}
}
