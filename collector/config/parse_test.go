package config

import (
	"strings"
	"testing"
)

const good = `
defaults:
  api_key_file: keys/auditor
  sessions: {lookback: 72h}
gateways:
  production:
    url: https://Hoop.example.com:443
    target_labels: {environment: production}
    labels: {connection_tags: [team, environment]}
`

func TestTheExampleOfTheIssue(t *testing.T) {
	c, err := Parse("hoop.yml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	g, found := c.Gateway("production")
	if !found || len(c.Gateways()) != 1 || g.Name() != "production" || g.Address() != "https://hoop.example.com/api" || g.TargetLabels()["environment"] != "production" {
		t.Fatalf("it became %+v", g)
	}
	if of := g.Collector(); of.Lookback.Hours() != 72 || of.Duty != 0.1 || strings.Join(of.ConnectionTags, " ") != "team environment" {
		t.Errorf("the collector gets %+v", of)
	}
	if _, err := g.Client(); err != nil {
		t.Errorf("the key need not be there yet, but: %v", err)
	}
}
