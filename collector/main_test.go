package collector

import (
	"testing"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

func TestMain(m *testing.M) { collectortest.Main(m) }
