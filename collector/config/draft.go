package config

import (
	"fmt"
	"math"
	"net/url"
	"strings"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/credential"
	"github.com/hoop-exporter/hoop_exporter/collector"
)

// Draft holds the values of all settings of a gateway, before they were checked against each other. [Setting.Set] fills it.
type Draft struct {
	source                      credential.Options
	collector                   collector.Config
	maxResponse, maxConnections int64
	exemplars, native, classic  bool
}

// newDraft returns a draft in which every setting has its default.
func newDraft() (Draft, error) {
	d := Draft{}
	for _, s := range Settings() {
		if err := s.Set(&d, s.Default); err != nil && s.Default != "" {
			return d, err
		}
	}
	return d, nil
}

// conflict says that settings do not fit each other.
type conflict struct {
	text  string   // what to change about the first one
	flags []string // of the settings
}

// conflicts returns what no single setting can know. A name is what the text calls a setting.
func (d *Draft) conflicts(name func(flag string) string) (found []conflict) {
	add := func(broken bool, text string, flags ...string) {
		if broken {
			found = append(found, conflict{text, flags})
		}
	}
	c := &d.collector
	add(c.Overlap > c.Lookback, "must not be longer than "+name("sessions.lookback"), "sessions.overlap", "sessions.lookback")
	add(c.ForgetAfter <= c.Overlap, "must be longer than "+name("sessions.overlap"), "sessions.forget-after", "sessions.overlap")
	add(c.StaleAfter <= c.CacheTTL, "must be longer than "+name("cache.ttl"), "stale.after", "cache.ttl")
	add(!d.native && !d.classic, "is false as "+name("metrics.classic-histograms")+" is: switch one of them on, or histograms have no buckets",
		"metrics.native-histograms", "metrics.classic-histograms")
	if err := collector.CheckConnectionTags(c.ConnectionTags); err != nil {
		add(true, err.Error(), "labels.connection-tags")
	}
	return found
}

// check returns the first problem of a draft that flags filled, with the name of the flag.
func (d *Draft) check() error {
	for _, s := range Settings() {
		if err := s.check(d); err != nil { // it was not filled by Set
			return fmt.Errorf("--%s: %w", s.Flag, err)
		}
	}
	asFlag := func(flag string) string { return "--" + flag }
	for _, c := range d.conflicts(asFlag) {
		return fmt.Errorf("%s: %s", asFlag(c.flags[0]), c.text)
	}
	return nil
}

// config returns the configuration of a collector.
func (d *Draft) config() collector.Config {
	c := d.collector
	c.MaxConnections = int(min(d.maxConnections, math.MaxInt32))
	c.NoExemplars, c.NoNativeHistograms, c.NoClassicHistograms = !d.exemplars, !d.native, !d.classic
	if c.FirstValueHold == 0 {
		c.FirstValueHold = -1 // 0 is the default there
	}
	return c
}

// filters returns the settings that exclude sessions of a gateway.
func (d *Draft) filters() [4]string {
	return [4]string{d.collector.Connection, d.collector.Type, d.collector.User, d.collector.ReviewApprover}
}

// address returns the base URL of the API to which a URL leads, in the one spelling by which addresses can be compared.
func address(of string) (string, error) {
	c, err := client.New(of, nil)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(c.URL())
	if err != nil {
		return "", err
	}
	u.Host = strings.TrimSuffix(strings.ToLower(u.Host), ":"+map[string]string{"http": "80", "https": "443"}[u.Scheme])
	u.Host = strings.TrimSuffix(u.Host, ":")
	return u.String(), nil
}
