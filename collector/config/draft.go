package config

import (
	"math"
	"net/url"
	"strings"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/credential"
	"github.com/hoop-exporter/hoop_exporter/collector"
)

// Draft is what was said about a gateway, before anybody has looked whether it makes sense. [Setting.Set] fills it.
type Draft struct {
	source                      credential.Options
	collector                   collector.Config
	maxResponse, maxConnections int64
	exemplars, native, classic  bool
}

// NewDraft is a draft in which every setting has its default.
func NewDraft() (Draft, error) {
	d := Draft{}
	for _, s := range Settings() {
		if s.Default == "" {
			continue
		}
		if err := s.set(&d, s.Default); err != nil {
			return d, err
		}
	}
	return d, nil
}

// rule is about settings that must fit each other.
type rule struct {
	flags  []string // the settings that it is about, the one to change first
	broken func(*Draft) bool
	text   string // %s is the second setting
	asFlag string // what to say of flags instead; "" for the text
}

func rules() []rule {
	return []rule{
		{flags: []string{"sessions.overlap", "sessions.lookback"}, text: "must not be longer than %s",
			broken: func(d *Draft) bool { return d.collector.AllowedLateness > d.collector.Lookback }},
		{flags: []string{"sessions.forget-after", "sessions.overlap"}, text: "must be longer than %s",
			broken: func(d *Draft) bool { return d.collector.ForgetAfter <= d.collector.AllowedLateness }},
		{flags: []string{"stale.after", "cache.ttl"}, text: "must be longer than %s",
			broken: func(d *Draft) bool { return d.collector.StaleAfter <= d.collector.CacheTTL }},
		{flags: []string{"metrics.native-histograms", "metrics.classic-histograms"},
			text:   "is false as %s is: switch one of them on, or histograms have no buckets",
			asFlag: "--no-metrics.native-histograms and --no-metrics.classic-histograms: leave one of them out, or histograms have no buckets",
			broken: func(d *Draft) bool { return !d.native && !d.classic }},
	}
}

// config is what a collector gets.
func (d *Draft) config() collector.Config {
	c := d.collector
	c.MaxConnections = int(min(d.maxConnections, math.MaxInt32))
	c.NoExemplars, c.NoNativeHistograms, c.NoClassicHistograms = !d.exemplars, !d.native, !d.classic
	return c
}

// filters are what narrows the sessions of a gateway.
type filters struct{ connection, typ, user, reviewApprover string }

func (d *Draft) filters() filters {
	return filters{d.collector.Connection, d.collector.Type, d.collector.User, d.collector.ReviewApprover}
}

// address is a URL as the client asks it, written in the one way by which addresses can be compared.
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
