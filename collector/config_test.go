package collector

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// A zero value is never taken for a default.
func TestNewRefusesAConfigurationThatIsIncomplete(t *testing.T) {
	c, err := client.New("https://hoop.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"":                 func(*Config) {},
		"without a client": func(c *Config) { c.Client = nil },
		"Lookback":         func(c *Config) { c.Lookback = 0 },
		"AllowedLateness":  func(c *Config) { c.AllowedLateness = -time.Second },
		"ForgetAfter":      func(c *Config) { c.ForgetAfter = 0 },
		"CacheTTL":         func(c *Config) { c.CacheTTL = 0 },
		"StaleAfter":       func(c *Config) { c.StaleAfter = 0 },
		"Timeout":          func(c *Config) { c.Timeout = 0 },
		"Budget is 0":      func(c *Config) { c.Budget = 0 },
		"Budget is 1.5":    func(c *Config) { c.Budget = 1.5 },
		"Budget is NaN":    func(c *Config) { c.Budget = math.NaN() },
	} {
		cfg := DefaultConfig()
		cfg.Client = c
		change(&cfg)
		if _, err := New(cfg); (err != nil) != (name != "") || err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
