package exposition

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Runtime returns the collectors of the metrics of the process: go_* and process_*. Memory is go_memory_classes_*, not go_memstats_*: these
// have a gauge and a counter of one name in OpenMetrics, which strict parsers refuse.
func Runtime() []prometheus.Collector {
	return []prometheus.Collector{
		collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled(), collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsMemory)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
}
