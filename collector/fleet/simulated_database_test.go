package fleet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

// simulatedDatabase has the members, leases and states of a simulated cluster. It is linearizable: each operation takes effect at one
// moment. Its clock is its own. The switches take away what makes it safe, to see that the simulation notices.
type simulatedDatabase struct {
	ttl time.Duration // of members; shorter than lease.TTL: holders do not stop in time
	// unfenced has saves take effect whatever the lease is.
	unfenced bool

	mu      sync.Mutex
	began   time.Time
	rate    float64 // of its clock
	members map[string]heardFrom
	leases  map[string]lease.Lease
	states  map[string]*simulatedState
	fenced  int // saves
	late    int // saves that came after later ones of the same record
	epochs  int // how many leases there were
}

type heardFrom struct {
	lease.Member
	at time.Time
}

// simulatedState is the row of a record. opened changes each time it is opened.
type simulatedState struct {
	content       []byte
	opened, saves int
}

var (
	errNoMember = errors.New("the member is dead")
	errDiskFull = errors.New("simulated: could not extend file: no space left on device")
)

func newSimulatedDatabase(rate float64) *simulatedDatabase {
	return &simulatedDatabase{ttl: lease.TTL, began: time.Now(), rate: rate, members: map[string]heardFrom{}, leases: map[string]lease.Lease{}, states: map[string]*simulatedState{}}
}

// now is years off, and may run fast or slowly.
func (d *simulatedDatabase) now() time.Time {
	return d.began.Add(-87600*time.Hour + time.Duration(float64(time.Since(d.began))*d.rate))
}

func (d *simulatedDatabase) lives(member string) bool {
	m, ok := d.members[member]
	return ok && d.now().Sub(m.at) <= d.ttl
}

func (d *simulatedDatabase) heartbeat(m lease.Member) (v lease.View) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.members[m.ID] = heardFrom{m, d.now()}
	for _, other := range d.members {
		if d.lives(other.ID) {
			v.Members = append(v.Members, other.Member)
		}
	}
	for _, l := range d.leases {
		if d.lives(l.Holder) {
			v.Leases = append(v.Leases, l)
		}
	}
	slices.SortFunc(v.Members, func(a, b lease.Member) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(v.Leases, func(a, b lease.Lease) int { return strings.Compare(a.Address, b.Address) })
	return v
}

func (d *simulatedDatabase) acquire(member string, addresses []string) (got []lease.Lease, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.lives(member) {
		return nil, errNoMember
	}
	for _, a := range addresses {
		if l := d.leases[a]; l.Holder == "" || !d.lives(l.Holder) {
			d.epochs++
			d.leases[a] = lease.Lease{Address: a, Holder: member, Epoch: l.Epoch + 1}
			got = append(got, d.leases[a])
		}
	}
	return got, nil
}

func (d *simulatedDatabase) release(leases []lease.Lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range leases {
		if d.leases[l.Address] == l {
			d.leases[l.Address] = lease.Lease{Address: l.Address, Epoch: l.Epoch}
		}
	}
}

func (d *simulatedDatabase) leave(member string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.members, member)
	for a, l := range d.leases {
		if l.Holder == member {
			d.leases[a] = lease.Lease{Address: a, Epoch: l.Epoch}
		}
	}
}

// machineTable is the database as one machine reaches it.
type machineTable struct{ *machine }

// Heartbeat implements [lease.Table].
func (m machineTable) Heartbeat(ctx context.Context, self lease.Member) (lease.View, error) {
	return toDatabase(ctx, m.machine, "heartbeat", func() (lease.View, error) { return m.s.db.heartbeat(self), nil })
}

// Acquire implements [lease.Table].
func (m machineTable) Acquire(ctx context.Context, member string, addresses []string) ([]lease.Lease, error) {
	return toDatabase(ctx, m.machine, "acquire", func() ([]lease.Lease, error) { return m.s.db.acquire(member, addresses) })
}

// Release implements [lease.Table].
func (m machineTable) Release(ctx context.Context, leases []lease.Lease) error {
	_, err := toDatabase(ctx, m.machine, "release", func() (struct{}, error) {
		m.s.db.release(leases)
		return struct{}{}, nil
	})
	return err
}

// Leave implements [lease.Table].
func (m machineTable) Leave(ctx context.Context, member string) error {
	_, err := toDatabase(ctx, m.machine, "leave", func() (struct{}, error) {
		m.s.db.leave(member)
		return struct{}{}, nil
	})
	return err
}

// machineStore is the store of a lease as one machine reaches it.
type machineStore struct {
	*machine
	lease lease.Lease
}

// machineRecord is a record that was opened under a lease.
type machineRecord struct {
	machineStore
	name          string
	opened, tries int
}

// Open implements [state.Store].
func (m machineStore) Open(ctx context.Context, name string) (state.Record, error) {
	r := &machineRecord{machineStore: m, name: name}
	opened, err := toDatabase(ctx, m.machine, "open", func() (int, error) {
		return r.change(func(row *simulatedState) error {
			row.opened++
			row.saves = 0
			return nil
		})
	})
	r.opened = opened
	return r, err
}

// change does something to the row if the lease holds, and returns what opened is then.
func (m *machineRecord) change(do func(*simulatedState) error) (opened int, err error) {
	d := m.s.db
	d.mu.Lock()
	defer d.mu.Unlock()
	row := d.states[m.name]
	if row == nil {
		row = &simulatedState{}
		d.states[m.name] = row
	}
	if d.leases[m.lease.Address] != m.lease && !d.unfenced {
		d.fenced++
		return 0, fmt.Errorf("the state %s: %w", m.name, state.ErrFenced)
	}
	err = do(row)
	return row.opened, err
}

// Name implements [state.Record].
func (m *machineRecord) Name() string { return m.name }

// Load implements [state.Record].
func (m *machineRecord) Load(ctx context.Context) ([]byte, error) {
	return toDatabase(ctx, m.machine, "load", func() (content []byte, err error) {
		_, err = m.change(func(row *simulatedState) error {
			if content = row.content; content == nil {
				return fs.ErrNotExist
			}
			return nil
		})
		return content, err
	})
}

// Save implements [state.Record].
func (m *machineRecord) Save(ctx context.Context, content []byte) error {
	m.tries++
	try := m.tries
	_, err := toDatabase(ctx, m.machine, "save", func() (int, error) {
		return m.change(func(row *simulatedState) error {
			if m.s.full.Load() {
				return errDiskFull
			}
			d := m.s.db
			if row.opened != m.opened && !d.unfenced || row.saves >= try && row.opened == m.opened {
				d.late++
				return fmt.Errorf("the state %s: %w", m.name, state.ErrFenced)
			}
			if row.content == nil {
				m.s.countsSince(m.lease.Address, t0Of(content))
			}
			row.content, row.saves = content, try
			return nil
		})
	})
	return err
}

// t0Of is the time from which the ledger of a state counts. The header's size is part of the format (see statepb/state.proto).
func t0Of(content []byte) time.Time {
	const header = 52
	file, saved := &statepb.File{}, &statepb.Ledger{}
	if err := proto.Unmarshal(content[header:], file); err != nil {
		panic(err)
	}
	if err := proto.Unmarshal(file.GetLedger(), saved); err != nil {
		panic(err)
	}
	return time.Unix(0, saved.GetT0())
}

// MoveAside implements [state.Record]. Nothing is ever damaged.
func (m *machineRecord) MoveAside(context.Context, time.Time) (string, error) {
	m.s.complain("a state was moved aside")
	return "", errors.New("not simulated")
}

// Close implements [state.Record].
func (m *machineRecord) Close() error { return nil }
