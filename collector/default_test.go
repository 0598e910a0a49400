package collector

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// DefaultConfig is what most tests start from: the usual settings, without a client. The defaults of the program are in package config.
func DefaultConfig() Config {
	const day = 24 * time.Hour
	return Config{
		Lookback: 7 * day, AllowedLateness: 15 * time.Minute, ForgetAfter: 90 * day,
		LongRunning:    []exposition.Threshold{{Name: "1h", Duration: time.Hour}, {Name: "8h", Duration: 8 * time.Hour}, {Name: "24h", Duration: day}, {Name: "72h", Duration: 3 * day}},
		Overdue:        []exposition.Threshold{{Name: "5m", Duration: 5 * time.Minute}, {Name: "20m", Duration: 20 * time.Minute}, {Name: "1h", Duration: time.Hour}, {Name: "24h", Duration: day}},
		FirstValueHold: 2 * time.Minute,
		CacheTTL:       10 * time.Second, StaleAfter: 5 * time.Minute, Timeout: 30 * time.Second, Budget: 0.1,
	}
}
