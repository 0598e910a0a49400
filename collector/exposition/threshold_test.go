package exposition

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseThresholds(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []Threshold
		wantErr    string
	}{
		{"some", "5m,1h,7d", []Threshold{{"5m", 5 * time.Minute}, {"1h", time.Hour}, {"7d", 7 * 24 * time.Hour}}, ""},
		{"as written", " 60m , 1h30m", []Threshold{{"60m", time.Hour}, {"1h30m", 90 * time.Minute}}, ""},
		{"none", " ", nil, ""},
		{"the same twice", "1h,5m,60m", nil, `"1h" and "60m" are the same`},
		{"zero", "0,1h", nil, `"0" is not a threshold`},
		{"zero with a unit", "0s", nil, `"0s" is not a threshold`},
		{"negative", "-1h", nil, `"-1h" is not a threshold`},
		{"without a unit", "60", nil, `"60" is not a threshold`},
		{"a comma too many", "1h,", nil, `"" is not a threshold`},
		{"too large", "999999999999y", nil, "is not a threshold"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseThresholds(test.text)
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Errorf("error %v, want %q in it", err, test.wantErr)
				}
				return
			}
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
		})
	}
}
