package state

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

// A file is a header and a [statepb.File]. Both are documented in state.proto.
const (
	magic = "HOOPSTAT"
	// version is the only version that this program reads and writes.
	version = 1

	versionAt  = len(magic)
	lengthAt   = versionAt + 4
	checksumAt = lengthAt + 8
	headerSize = checksumAt + sha256.Size
)

// Why a state is not used. Each text says what to do.
var (
	// errNewer is the error for a state that a newer version of the program wrote.
	errNewer = errors.New("it was written by a newer version of this program: run that version, or move the state away to start with an empty one")
	// errOther is the error for a state whose content belongs to another name.
	errOther = errors.New("its content does not match its name, and two ledgers are never mixed: move it away to start with an empty one")

	// ErrDamaged is the error for a state that cannot be read. Such a state is moved aside.
	ErrDamaged = errors.New("it is damaged")
)

// encode returns the content of a file.
func encode(id Identity, i ledger.Image) ([]byte, error) {
	digest := id.digest()
	file := &statepb.File{
		Organization: id.Organization, Visibility: id.visibility(), Identity: digest[:],
		Ledger: i.Ledger, Progress: i.Progress,
	}
	b := make([]byte, headerSize, headerSize+proto.Size(file))
	b, err := proto.MarshalOptions{Deterministic: true, UseCachedSize: true}.MarshalAppend(b, file)
	if err != nil {
		return nil, fmt.Errorf("encoding the state: %w", err)
	}
	seal(b, version)
	return b, nil
}

// seal writes the header in front of what follows it.
func seal(b []byte, version uint32) {
	copy(b, magic)
	binary.BigEndian.PutUint32(b[versionAt:], version)
	binary.BigEndian.PutUint64(b[lengthAt:], uint64(len(b)-headerSize))
	sum := checksum(b[:checksumAt], b[headerSize:])
	copy(b[checksumAt:], sum[:])
}

// checksum is the checksum of what comes before and after it in the file.
func checksum(before, after []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	_, _ = h.Write(before) // a hash never fails
	_, _ = h.Write(after)
	h.Sum(sum[:0])
	return sum
}

// decode reads the content of a file.
func decode(id Identity, b []byte) (ledger.Image, error) {
	var none ledger.Image
	body, err := open(b)
	if err != nil {
		return none, err
	}
	var file statepb.File
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, &file); err != nil {
		return none, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if proto.Size(&file) != len(body) { // an unknown field, or a field that occurs twice
		return none, fmt.Errorf("%w: it contains an invalid value", ErrDamaged)
	}
	switch want := id.digest(); {
	case file.Organization != id.Organization:
		return none, fmt.Errorf("%w (it is of organization %q, but the credential belongs to %q)", errOther, file.Organization, id.Organization)
	case file.Visibility != id.visibility():
		return none, fmt.Errorf("%w (it was written with %s sessions visible, and now it is %s)", errOther, file.Visibility, id.visibility())
	case string(file.Identity) != string(want[:]):
		return none, fmt.Errorf("%w (it was written with other filters, or by another user)", errOther)
	}
	return ledger.Image{Ledger: file.Ledger, Progress: file.Progress}, nil
}

// open checks that a file is complete and of this version, and returns what follows the header.
func open(b []byte) (body []byte, err error) {
	switch {
	case len(b) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrDamaged)
	case len(b) < headerSize || string(b[:versionAt]) != magic:
		return nil, fmt.Errorf("%w: it does not start like a state", ErrDamaged)
	}
	body = b[headerSize:]
	if n := binary.BigEndian.Uint64(b[lengthAt:]); n != uint64(len(body)) {
		return nil, fmt.Errorf("%w: %d bytes follow its header instead of %d", ErrDamaged, len(body), n)
	}
	if sum := checksum(b[:checksumAt], body); string(sum[:]) != string(b[checksumAt:headerSize]) {
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	switch v := binary.BigEndian.Uint32(b[versionAt:]); {
	case v > version:
		return nil, fmt.Errorf("%w (format %d, this one reads up to %d)", errNewer, v, version)
	case v < version:
		return nil, fmt.Errorf("%w: there is no format %d", ErrDamaged, v)
	}
	return body, nil
}
