package collector

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// ParseThresholds reads a list of durations such as 1h,8h,24h. Each one's text, as it was written, is its label value.
// Durations are those of Prometheus, so that 90d is one. "" is no threshold at all.
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
			return nil, fmt.Errorf("%q is no threshold: write durations above 0 such as 5m,1h,7d", name)
		}
		if same, ok := seen[time.Duration(d)]; ok {
			return nil, fmt.Errorf("%q and %q are the same threshold: leave one out", same, name)
		}
		seen[time.Duration(d)] = name
		list = append(list, Threshold{Name: name, Duration: time.Duration(d)})
	}
	return list, nil
}
