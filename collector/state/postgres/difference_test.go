package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// large is a content that compresses badly.
func large(seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, 20<<10)
	for i := range b {
		b[i] = byte(rng.IntN(256))
	}
	return string(b)
}

// columns are the sizes of the content and of the difference; a difference that is not there has 0.
func columns(t *testing.T, conn *pgx.Conn) (content, difference int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT length(content), coalesce(length(difference), 0) FROM hoop_exporter.states").Scan(&content, &difference); err != nil {
		t.Fatal(err)
	}
	return content, difference
}

// Whatever changes, and however often, the next holder finds what was saved last; and most saves write little.
func TestDifferencesAddUpToWhatWasSaved(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	l := leased(t, d, "a", "x")
	r, _ := recordOf(t, d, l)
	conn := pgtest.Connect(t, url)
	saves(t, r, "small", nil)
	saves(t, r, "small, too", nil)
	if _, difference := columns(t, conn); difference != 0 {
		t.Errorf("%d bytes of a difference from nearly nothing", difference)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	content := []byte(large(1))
	wholes, differences := 0, 0
	for i := range 150 {
		switch at := rng.IntN(len(content)); rng.IntN(4) {
		case 0:
			content = slices.Insert(content, at, []byte(large(uint64(i)))[:rng.IntN(300)]...)
		case 1:
			content = slices.Delete(slices.Clone(content), at, min(len(content), at+rng.IntN(300)))
		case 2:
			content[at]++
		case 3: // as it is
		}
		if i == 100 {
			content = []byte(large(3)) // nothing is as it was
		}
		saves(t, r, string(content), nil)
		if found, err := r.Load(t.Context()); err != nil || !slices.Equal(found, content) {
			t.Fatalf("save %d: %d bytes, %v; want %d", i, len(found), err, len(content))
		}
		whole, difference := columns(t, conn)
		if difference > whole/2 {
			t.Errorf("save %d: a difference of %d bytes from %d", i, difference, whole)
		}
		if difference == 0 {
			wholes++
		} else {
			differences++
		}
	}
	if wholes < 3 || wholes > 30 || differences < 100 {
		t.Errorf("%d whole contents and %d differences", wholes, differences)
	}
}

// A content that is not known for sure is not built upon.
func TestAfterAFailureTheWholeContentIsSaved(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	l := leased(t, d, "a", "x")
	r, _ := recordOf(t, d, l)
	conn := pgtest.Connect(t, url)
	common := large(1)
	saves(t, r, common, nil)
	saves(t, r, common+"old", nil)
	if _, difference := columns(t, conn); difference == 0 {
		t.Fatal("it is not a difference")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Save(ended, []byte(large(2))); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was canceled", err)
	}
	saves(t, r, common+"new", nil)
	if _, difference := columns(t, conn); difference != 0 {
		t.Error("it is a difference")
	}
	if found, err := r.Load(t.Context()); err != nil || string(found) != common+"new" {
		t.Errorf("%d bytes, %v", len(found), err)
	}
	// Nor is what another process has saved.
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	next, content := recordOf(t, d, l)
	if content != common+"new" {
		t.Errorf("the next one finds %d bytes", len(content))
	}
	saves(t, next, common+"newer", nil)
	if _, difference := columns(t, conn); difference != 0 {
		t.Error("the first save is a difference")
	}
}

// A difference from another content than the one in the row is damage, and the process whose record was opened again saves none.
func TestADifferenceFromAnotherContentIsDamaged(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	l := leased(t, d, "a", "x")
	r, _ := recordOf(t, d, l)
	saves(t, r, large(1), nil)
	saves(t, r, large(1)+"more", nil)
	whole := d.encoder.EncodeAll([]byte(large(2)), nil)
	conn := pgtest.Connect(t, url)
	if _, err := conn.Exec(t.Context(), "UPDATE hoop_exporter.states SET content = $1", whole); err != nil {
		t.Fatal(err)
	}
	if content, err := r.Load(t.Context()); !errors.Is(err, state.ErrDamaged) {
		t.Errorf("%d bytes, %v", len(content), err)
	}
	other := d.Store(lease.Lease{Address: l.Address, Holder: l.Holder, Epoch: l.Epoch})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	saves(t, r, large(1)+"even more", state.ErrFenced)
}

// If the window of the encoder is smaller than the contents, a difference is larger, but right.
func TestDifferencesOfAllSizesCanBeApplied(t *testing.T) {
	for _, size := range []int{0, 1, 100, 20 << 10, 3 << 20, 12 << 20} {
		content := make([]byte, size)
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range content {
			content[i] = byte(rng.IntN(256))
		}
		for name, next := range map[string][]byte{"the same": content, "more": append(slices.Clone(content), "more"...), "less": content[:size/2], "nothing": {}} {
			b := base{content: content, size: 1 << 30, limit: 1}
			difference, err := b.difference(next)
			if err != nil || difference == nil {
				t.Fatalf("%d bytes, %s: %v", size, name, err)
			}
			if size == 20<<10 && len(difference) > 100 {
				t.Errorf("%d bytes, %s: the difference has %d", size, name, len(difference))
			}
			if got, err := applied(content, difference); err != nil || !slices.Equal(got, next) {
				t.Errorf("%d bytes, %s: %d bytes, %v", size, name, len(got), err)
			}
		}
	}
}

// A state of the first day has thousands of rows, sorted by their random ids. A few that come and go are a small difference.
func TestAFewOfManyRowsAreASmallDifference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	row := func() string {
		return fmt.Sprintf("\x92\x01\x2f\x0a\x24%08x-%04x-4%03x-8%03x-%012x\x11%c%c%c", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<12), rng.IntN(1<<12), rng.Uint64()>>16,
			rng.IntN(1e4), rng.IntN(1e4), rng.IntN(1e4))
	}
	rows := make([]string, 7500)
	for i := range rows {
		rows[i] = row()
	}
	content := func() []byte {
		slices.Sort(rows)
		return []byte(strings.Join(rows, ""))
	}
	b := base{content: content(), size: 200 << 10, limit: 1}
	for i := range 20 {
		rows[300*i] = row()
	}
	difference, err := b.difference(content())
	if err != nil || len(difference) == 0 || len(difference) > 3000 {
		t.Errorf("%d bytes, %v", len(difference), err)
	}
}

// Differences that are large for once do not stay so, and ones that are always as large do not have the whole content written again and
// again.
func TestTheBaseIsReplacedWhereThatHelps(t *testing.T) {
	const size = 20 << 10 // as large as it is: it does not compress
	var b base
	content := []byte(large(1))
	wholes, last := 0, 0
	save := func(changed int) {
		copy(content[rand.New(rand.NewPCG(uint64(wholes), uint64(last))).IntN(size-changed):][:changed], large(uint64(9000+last+wholes)))
		last = 0
		difference, err := b.difference(content)
		if err != nil {
			t.Fatal(err)
		}
		if last = len(difference); last == 0 {
			wholes++
			b = b.replaced(content, size)
		}
	}
	save(10)
	save(size / 4) // a page of a backfill
	for range 10 {
		save(10)
	}
	if last > 1000 {
		t.Errorf("differences still have %d bytes", last)
	}
	b, wholes = base{}, 0
	for range 500 {
		// Always another part of what is at the same place.
		copy(content[:size/10], large(uint64(wholes+1000+last)))
		save(1)
	}
	if wholes > 12 {
		t.Errorf("%d of 500 saves were of the whole content", wholes)
	}
}
