package exposition

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Threshold is a duration with its text as the user wrote it, which is its label value.
type Threshold struct {
	Name     string
	Duration time.Duration
}

// ParseThresholds reads a list of durations such as 1h,8h,24h. The text of each, as it was written, is its label value.
// Durations are those of Prometheus, so that 90d is one. An empty text is an empty list. It fails on what is not a duration above zero, and
// on one that is given twice.
func ParseThresholds(text string) ([]Threshold, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []Threshold
	seen := map[time.Duration]string{}
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		d, err := model.ParseDuration(name)
		if err != nil || d == 0 {
			return nil, fmt.Errorf("%q is not a threshold: write durations above 0 such as 5m,1h,7d", name)
		}
		if same, ok := seen[time.Duration(d)]; ok {
			return nil, fmt.Errorf("%q and %q are the same threshold: leave one out", same, name)
		}
		seen[time.Duration(d)] = name
		list = append(list, Threshold{Name: name, Duration: time.Duration(d)})
	}
	return list, nil
}

// checkThresholds fails on a threshold that cannot be shown.
func checkThresholds(of []Threshold) error {
	names := map[string]bool{}
	for _, t := range of {
		switch {
		case t.Name == "":
			return fmt.Errorf("the one of %v has no name", t.Duration)
		case t.Duration <= 0:
			return fmt.Errorf("%q is not above zero", t.Name)
		case names[t.Name]:
			return fmt.Errorf("%q is given twice", t.Name)
		}
		names[t.Name] = true
	}
	return nil
}
