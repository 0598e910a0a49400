package state

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func someone() Identity { return Identity{Organization: "5d1f2c8a-6b7e-4c39-9a40-e1d3f5b7a912"} }

func someImage() ledger.Image {
	return ledger.Image{Ledger: []byte("ledger"), Progress: []byte("progress")}
}

// content is what a file has.
func content(t testing.TB, id Identity, i ledger.Image) []byte {
	t.Helper()
	b, err := encode(id, i)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newer is what a file of another version has.
func newer(t testing.TB, version uint32) []byte {
	t.Helper()
	b := content(t, someone(), someImage())
	seal(b, version)
	return b
}

// withHeader is a file of this version with a right checksum, whatever follows its header.
func withHeader(body []byte) []byte {
	b := append(make([]byte, headerSize), body...)
	seal(b, version)
	return b
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	got, err := decode(someone(), content(t, someone(), someImage()))
	if err != nil || !bytes.Equal(got.Ledger, []byte("ledger")) || !bytes.Equal(got.Progress, []byte("progress")) {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestFilesThatAreNotUsed(t *testing.T) {
	good := content(t, someone(), someImage())
	changed := func(at int) []byte { b := bytes.Clone(good); b[at] ^= 1; return b }
	limited, filtered := someone(), someone()
	limited.Limited, limited.Subject = true, "u"
	filtered.ReviewApprover = "somebody@example.com"
	for _, tc := range []struct {
		name    string
		content []byte
		want    error
		says    string
	}{
		{"empty", nil, ErrDamaged, "empty"},
		{"garbage", bytes.Repeat([]byte("garbage "), 100), ErrDamaged, "does not start"},
		{"torn in the header", good[:20], ErrDamaged, "does not start"},
		{"torn", good[:len(good)-3], ErrDamaged, "bytes follow"},
		{"with something behind", append(bytes.Clone(good), 0), ErrDamaged, "bytes follow"},
		{"zeros, as after a power cut", make([]byte, len(good)), ErrDamaged, "does not start"},
		{"a bit of the version", changed(11), ErrDamaged, "checksum"},
		{"a bit of the checksum", changed(30), ErrDamaged, "checksum"},
		{"a bit of the end", changed(len(good) - 1), ErrDamaged, "checksum"},
		{"newer", newer(t, 7), errNewer, "format 7, this one reads up to 1"},
		{"of another organization", content(t, Identity{Organization: "other"}, someImage()), errOther, `of organization "other"`},
		{"of another visibility", content(t, limited, someImage()), errOther, "with limited sessions visible, and now it is all"},
		{"of other filters", content(t, filtered, someImage()), errOther, "other filters"},
		{"of a version that never was", newer(t, 0), ErrDamaged, "there is no format 0"},
		{"a header alone", withHeader(nil), errOther, `of organization ""`},
		{"a field without its end", withHeader([]byte{1<<3 | 2, 5}), ErrDamaged, "cannot parse"},
		{"an unknown field", withHeader(append(bytes.Clone(good[headerSize:]), 15<<3, 1)), ErrDamaged, "it contains an invalid value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := decode(someone(), tc.content)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, want %v and %q", err, tc.want, tc.says)
			}
		})
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
		{Organization: "o", Filters: client.Filters{Connection: "a"}},
		{Organization: "o", Filters: client.Filters{Type: "a"}},
		{Organization: "o", Filters: client.Filters{User: "a"}},
		{Organization: "o", Filters: client.Filters{ReviewApprover: "somebody@example.com"}},
		{Organization: "o", Filters: client.Filters{Connection: `a" "b`}},
		{Organization: "o", Filters: client.Filters{Connection: "a", Type: "b"}},
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

// A file is found again after an update only if its name stays the same.
func TestTheNameOfAFileStaysTheSame(t *testing.T) {
	for want, id := range map[string]Identity{
		"hoop_exporter-az-09__az-all-0cfcb00cca8087be.state": {Organization: "az-09_/AZ"},
		"hoop_exporter-a-limited-52363f610969d677.state":     {Organization: "a", Limited: true, Subject: "u"},
	} {
		if got := id.name(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// No content of a file does worse than to be refused, and what is accepted is what was written.
func FuzzDecode(f *testing.F) {
	good := content(f, someone(), someImage())
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(newer(f, 2))
	f.Add(content(f, Identity{Organization: "other"}, ledger.Image{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, sealed := range []bool{false, true} {
			if sealed { // so that what lies behind the checksum is reached
				if len(b) < headerSize {
					return
				}
				b = bytes.Clone(b)
				seal(b, version)
			}
			i, err := decode(someone(), b)
			switch {
			case err == nil && !bytes.Equal(content(t, someone(), i)[headerSize:], inOrder(b[headerSize:])):
				t.Errorf("%q was read as %q", b, i)
			case err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, errNewer) && !errors.Is(err, errOther):
				t.Errorf("%v says not what is wrong", err)
			}
		}
	})
}

// inOrder is a message with its fields in the order of their numbers: other orders are read all the same.
func inOrder(message []byte) []byte {
	fields := map[protowire.Number][]byte{}
	for b := message; len(b) > 0; {
		number, _, n := protowire.ConsumeField(b)
		fields[number] = append(fields[number], b[:n]...)
		b = b[n:]
	}
	var out []byte
	for _, number := range slices.Sorted(maps.Keys(fields)) {
		out = append(out, fields[number]...)
	}
	return out
}
