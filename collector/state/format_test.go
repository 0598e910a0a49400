package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func someone() Identity { return Identity{Organization: "5d1f2c8a-6b7e-4c39-9a40-e1d3f5b7a912"} }

func someImage() ledger.Image { return ledger.Image{Facts: []byte("facts"), Times: []byte("times")} }

func TestWhatIsWrittenIsRead(t *testing.T) {
	got, err := current().decode(someone(), current().encode(someone(), someImage()))
	if err != nil || !bytes.Equal(got.Facts, []byte("facts")) || !bytes.Equal(got.Times, []byte("times")) {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestFilesThatAreNotUsed(t *testing.T) {
	good := current().encode(someone(), someImage())
	changed := func(at int) []byte { b := bytes.Clone(good); b[at] ^= 1; return b }
	newer := format{version: 7}
	limited, filtered := someone(), someone()
	limited.Limited, limited.Subject = true, "u"
	filtered.ReviewApprover = "somebody@example.com"
	for _, tc := range []struct {
		name    string
		content []byte
		want    error
		says    string
	}{
		{"empty", nil, errDamaged, "empty"},
		{"garbage", bytes.Repeat([]byte("garbage "), 100), errDamaged, "does not begin"},
		{"torn in the header", good[:20], errDamaged, "does not begin"},
		{"torn", good[:len(good)-3], errDamaged, "bytes follow"},
		{"with something behind", append(bytes.Clone(good), 0), errDamaged, "bytes follow"},
		{"zeros, as after a power cut", make([]byte, len(good)), errDamaged, "does not begin"},
		{"a bit of the version", changed(11), errDamaged, "checksum"},
		{"a bit of the checksum", changed(30), errDamaged, "checksum"},
		{"a bit of the end", changed(len(good) - 1), errDamaged, "checksum"},
		{"newer", newer.encode(someone(), someImage()), ErrNewer, "format 7, this one reads up to 1"},
		{"of another organisation", current().encode(Identity{Organization: "other"}, someImage()), ErrOther, `about organization "other"`},
		{"of another visibility", current().encode(limited, someImage()), ErrOther, "with limited sessions visible, and now it is all"},
		{"of other filters", current().encode(filtered, someImage()), ErrOther, "other filters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := current().decode(someone(), tc.content)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, want %v and %q", err, tc.want, tc.says)
			}
		})
	}
}

// An older file is taken through every format since.
func TestOlderFilesAreMigrated(t *testing.T) {
	step := func(from, to string) func(ledger.Image) (ledger.Image, error) {
		return func(i ledger.Image) (ledger.Image, error) {
			if string(i.Facts) != from {
				return i, errors.New("not what it was made for")
			}
			return ledger.Image{Facts: []byte(to), Times: i.Times}, nil
		}
	}
	later := format{version: 4, migrations: map[uint32]func(ledger.Image) (ledger.Image, error){2: step("two", "three"), 3: step("three", "four")}}
	for _, tc := range []struct {
		version uint32
		facts   string
		want    string
	}{
		{4, "four", "four"},
		{3, "three", "four"},
		{2, "two", "four"},
		{2, "three", "damaged: migrating it from format 2: not what it was made for"},
		{1, "one", "damaged: there is no format 1"},
	} {
		i, err := later.decode(someone(), format{version: tc.version}.encode(someone(), ledger.Image{Facts: []byte(tc.facts)}))
		got := string(i.Facts)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, tc.want) {
			t.Errorf("format %d with %s: %s, want %s", tc.version, tc.facts, got, tc.want)
		}
	}
}

func TestNamesTellIdentitiesApart(t *testing.T) {
	names := map[string]Identity{}
	for _, id := range []Identity{
		someone(),
		{Organization: "other"},
		{Organization: "../../etc/passwd"},
		{Organization: strings.Repeat("long", 100)},
		{Organization: "o", Limited: true, Subject: "a"},
		{Organization: "o", Limited: true, Subject: "b"},
		{Organization: "o", Connection: "a"},
		{Organization: "o", Type: "a"},
		{Organization: "o", User: "a"},
		{Organization: "o", ReviewApprover: "somebody@example.com"},
		{Organization: "o", Connection: `a" "b`},
		{Organization: "o", Connection: "a", Type: "b"},
	} {
		name := id.name()
		if other, taken := names[name]; taken {
			t.Errorf("%+v and %+v are both %s", id, other, name)
		}
		names[name] = id
		if strings.ContainsAny(name, `/\:@ `) || len(name) > 100 || strings.HasPrefix(name, ".") {
			t.Errorf("%q is no good name", name)
		}
	}
	if got, want := someone().name(), "hoop_exporter-5d1f2c8a-6b7e-4c39-9a40-e1d3f5b7a912-all-"; !strings.HasPrefix(got, want) {
		t.Errorf("%s does not begin with %s", got, want)
	}
}

// No content of a file does worse than to be refused, and what is accepted is what was written.
func FuzzDecode(f *testing.F) {
	good := current().encode(someone(), someImage())
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(format{version: 2}.encode(someone(), someImage()))
	f.Add(current().encode(Identity{Organization: "other"}, ledger.Image{}))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, sealed := range []bool{false, true} {
			if sealed { // so that what lies behind the checksum is reached
				if len(content) < headerSize {
					return
				}
				content = bytes.Clone(content)
				current().seal(content)
			}
			i, err := current().decode(someone(), content)
			switch {
			case err == nil && !bytes.Equal(current().encode(someone(), i), content) && !overlong(content):
				t.Errorf("%q was read as %q", content, i)
			case err != nil && !errors.Is(err, errDamaged) && !errors.Is(err, ErrNewer) && !errors.Is(err, ErrOther):
				t.Errorf("%v says not what is wrong", err)
			}
		}
	})
}

// overlong tells whether a length is written in more bytes than it needs, which is read all the same.
func overlong(content []byte) bool {
	r := reader{left: content[headerSize:]}
	sizes := 0
	for i := range 4 {
		if i == 2 {
			r.bytes(32)
		}
		n, size := binary.Uvarint(r.left)
		sizes += size - len(binary.AppendUvarint(nil, n))
		r.text()
	}
	return sizes > 0
}
