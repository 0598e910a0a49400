package config

import (
	"reflect"
	"testing"

	"github.com/hoop-exporter/hoop_exporter/collector"
)

// The defaults of settings are those of a collector.
func TestDefaultsAreThoseOfACollector(t *testing.T) {
	d, err := NewDraft()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.config(), collector.DefaultConfig(); !reflect.DeepEqual(got, want) {
		t.Errorf("the settings say\n%+v, a collector\n%+v", got, want)
	}
}
