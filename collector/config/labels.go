package config

import (
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// tagPrefix begins the labels of connection tags, which an operator names as well.
const tagPrefix = "tag_"

// reservedLabels are those that a target's series have anyway: Prometheus would rename one of the two.
func reservedLabels() []string {
	return append(exposition.LabelNames(), "gateway", "instance", "job")
}

// labels reads the labels of a target.
func (r *reader) labels(n *yaml.Node, key string) map[string]string {
	if !r.is(n, key, "a mapping of labels to values", "!!map") {
		return nil
	}
	labels := map[string]string{}
	for name, value := range pairs(n) {
		switch full := join(key, name.Value); {
		case !model.LegacyValidation.IsValidLabelName(name.Value):
			r.add(name.Line, full, "is no name of a label: letters, digits and underscores, no digit first")
		case strings.HasPrefix(name.Value, "__"):
			r.add(name.Line, full, "is no name of a label for targets: those with two underscores first are Prometheus' own")
		case slices.Contains(r.reserved, name.Value) || strings.HasPrefix(name.Value, tagPrefix):
			r.add(name.Line, full, "is a label that the series of a gateway have anyway: choose another name")
		case r.is(value, full, text.form(), "!!str", "!!timestamp"):
			labels[name.Value] = value.Value
		}
	}
	return labels
}
