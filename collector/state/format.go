package state

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

const (
	magic = "HOOPSTAT"
	// version is the version of what this program writes.
	version = 1
	// The header has the magic, the version, the length of what follows the header, and its checksum. It is the same in all versions.
	versionAt  = len(magic)
	lengthAt   = versionAt + 4
	checksumAt = lengthAt + 8
	headerSize = checksumAt + sha256.Size
)

// Why a file is not used. Each text says what to do.
var (
	// ErrNewer is a file that a newer version of the program wrote.
	ErrNewer = errors.New("it was written by a newer version of this program: run that version, or move the file away to begin anew")
	// ErrOther is a file that is about something else than its name says.
	ErrOther = errors.New("it does not belong to what its name says, and two ledgers are never mixed: move it away to begin anew")

	errDamaged = errors.New("it is damaged")
)

// format is what is written and what can be read.
type format struct {
	version uint32
	// migrations turn what a version wrote into what the next one would have, by the version they start from.
	migrations map[uint32]func(ledger.Image) (ledger.Image, error)
}

func current() format { return format{version: version} }

// encode makes the content of a file.
func (f format) encode(id Identity, i ledger.Image) []byte {
	digest := id.digest()
	b := make([]byte, headerSize, headerSize+len(id.Organization)+len(i.Facts)+len(i.Times)+2*sha256.Size)
	b = appendText(b, id.Organization)
	b = appendText(b, id.visibility())
	b = append(b, digest[:]...)
	b = appendText(b, i.Facts)
	b = appendText(b, i.Times)
	f.seal(b)
	return b
}

// seal fills in the header.
func (f format) seal(b []byte) {
	copy(b, magic)
	binary.BigEndian.PutUint32(b[versionAt:], f.version)
	binary.BigEndian.PutUint64(b[lengthAt:], uint64(len(b)-headerSize))
	sum := checksum(b[:checksumAt], b[headerSize:])
	copy(b[checksumAt:], sum[:])
}

// checksum is of all that comes before it and after it.
func checksum(before, after []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	_, _ = h.Write(before) // a hash never fails
	_, _ = h.Write(after)
	h.Sum(sum[:0])
	return sum
}

// decode reads the content of a file.
func (f format) decode(id Identity, b []byte) (ledger.Image, error) {
	var none ledger.Image
	version, body, err := open(b)
	if err != nil {
		return none, err
	}
	if version > f.version {
		return none, fmt.Errorf("%w (format %d, this one reads up to %d)", ErrNewer, version, f.version)
	}
	r := reader{left: body}
	organisation, visibility, digest := string(r.text()), string(r.text()), r.bytes(sha256.Size)
	i := ledger.Image{Facts: r.text(), Times: r.text()}
	if r.short || len(r.left) > 0 {
		return none, fmt.Errorf("%w: its parts are not as long as they say", errDamaged)
	}
	switch want := id.digest(); {
	case organisation != id.Organization:
		return none, fmt.Errorf("%w (it is about organization %q, and the credential belongs to %q)", ErrOther, organisation, id.Organization)
	case visibility != id.visibility():
		return none, fmt.Errorf("%w (it was written with %s sessions visible, and now it is %s)", ErrOther, visibility, id.visibility())
	case string(digest) != string(want[:]):
		return none, fmt.Errorf("%w (it was written with other filters, or by another user)", ErrOther)
	}
	for ; version < f.version; version++ {
		migrate := f.migrations[version]
		if migrate == nil {
			return none, fmt.Errorf("%w: there is no format %d", errDamaged, version)
		}
		if i, err = migrate(i); err != nil {
			return none, fmt.Errorf("%w: migrating it from format %d: %w", errDamaged, version, err)
		}
	}
	return i, nil
}

// open checks that a file is whole, and returns its version and what follows the header.
func open(b []byte) (version uint32, body []byte, err error) {
	switch {
	case len(b) == 0:
		return 0, nil, fmt.Errorf("%w: it is empty", errDamaged)
	case len(b) < headerSize || string(b[:versionAt]) != magic:
		return 0, nil, fmt.Errorf("%w: it does not begin as a state file does", errDamaged)
	}
	version = binary.BigEndian.Uint32(b[versionAt:])
	body = b[headerSize:]
	if n := binary.BigEndian.Uint64(b[lengthAt:]); n != uint64(len(body)) {
		return 0, nil, fmt.Errorf("%w: %d bytes follow its header instead of %d", errDamaged, len(body), n)
	}
	if sum := checksum(b[:checksumAt], body); string(sum[:]) != string(b[checksumAt:headerSize]) {
		return 0, nil, fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	return version, body, nil
}

func appendText[T ~string | ~[]byte](b []byte, text T) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// reader takes a body apart.
type reader struct {
	left  []byte
	short bool // it ended too early
}

func (r *reader) text() []byte {
	n, size := binary.Uvarint(r.left)
	if size <= 0 {
		r.short = true
		return nil
	}
	r.left = r.left[size:]
	return r.bytes(n)
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.left)) {
		r.short, r.left = true, nil
		return nil
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b
}
