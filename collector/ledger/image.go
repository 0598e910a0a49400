package ledger

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

// Image is a ledger as it is written to disk. The same ledger always gives the same bytes. The messages are documented in state.proto.
type Image struct {
	// Ledger is a [statepb.Ledger]: what was counted, what is unfinished and what has not been read.
	Ledger []byte
	// Progress is a [statepb.Progress]: what changes while nothing is counted. A Ledger with an older Progress counts the same; only
	// rechecks are repeated.
	Progress []byte
}

// Image returns everything that the ledger keeps. Users occur only as hashes. It fails if a text is not valid UTF-8, which an answer of a
// gateway never contains.
func (l *Ledger) Image() (Image, error) { return encode(l) }

// Restore returns a ledger that continues the one that an Image was made of; the settings may differ. It fails if [Ledger.Image] cannot
// have returned the Image.
func Restore(o Options, i Image) (*Ledger, error) {
	ledger, progress := &statepb.Ledger{}, &statepb.Progress{}
	if err := unmarshal(i.Ledger, ledger); err != nil {
		return nil, err
	}
	if err := unmarshal(i.Progress, progress); err != nil {
		return nil, err
	}
	l := newEmpty(o)
	d := decoder{l: l, symbols: ledger.Symbols}
	d.ledger(ledger)
	d.progress(ledger, progress)
	if d.err != nil {
		return nil, d.err
	}
	l.resumed()
	return l, nil
}

// unmarshal decodes a message, and rejects what an encoder never writes: unknown fields, a field twice, numbers that are longer than
// needed.
func unmarshal(b []byte, m proto.Message) error {
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		return fmt.Errorf("%w: %w", errState, err)
	}
	if size := proto.Size(m); size != len(b) {
		return fmt.Errorf("%w: %d of its %d bytes have no meaning", errState, len(b)-size, len(b))
	}
	return nil
}

// resumed sets the fields that follow from those that were read.
func (l *Ledger) resumed() {
	l.clock.restored, l.clock.before = true, l.head
	l.prunedSize = len(l.seen)
	for _, c := range l.connections {
		c.shown = l.chosenOf(c.tags)
	}
	l.admitted = len(l.connections) - len(l.newConnections)
}

// lastPublished returns what a snapshot of a restored ledger showed before it was written, as far as that survives a restart: its counters
// and histograms.
func (l *Ledger) lastPublished() *Snapshot { return l.snapshot(l.head, nil) }
