package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// kind is what a setting's value is, and how it is written in a file.
type kind int

const (
	text kind = iota
	file
	duration
	number
	whole
	boolean
	list
	thresholds
)

// form tells what to write for a value of the kind.
func (k kind) form() string {
	switch k {
	case duration:
		return "a duration, such as 500ms, 30s, 15m, 8h or 90d"
	case number:
		return "a number, such as 0.1"
	case whole:
		return "a whole number, such as 100"
	case boolean:
		return "true or false"
	case list:
		return "a list, such as [team, environment]"
	case thresholds:
		return "a list of durations, such as [1h, 24h]"
	}
	return "text: numbers and the like need quotes"
}

// takes tells whether a scalar of this YAML tag can be a value of the kind. What its text means is the flag's business.
func (k kind) takes(tag string) bool {
	switch k {
	case duration:
		return tag == "!!str" || tag == "!!int" // 0
	case number:
		return tag == "!!int" || tag == "!!float"
	case whole:
		return tag == "!!int"
	case boolean:
		return tag == "!!bool"
	}
	return tag == "!!str" || tag == "!!timestamp" // which is text to everybody but YAML
}

// isList tells whether a sequence can be a value of the kind.
func (k kind) isList() bool { return k == list || k == thresholds }

// bound is what a number or duration must be.
type bound int

const (
	anything bound = iota
	aboveZero
	share
	notNegative
)

func (b bound) holds(value any) bool {
	var v float64
	switch n := value.(type) {
	case time.Duration:
		v = float64(n)
	case int64:
		v = float64(n)
	case float64:
		v = n
	}
	switch b {
	case aboveZero:
		return v > 0
	case share:
		return v > 0 && v <= 1
	case notNegative:
		return v >= 0
	}
	return true
}

// ParseDuration reads a duration of Prometheus, such as 90d.
func ParseDuration(text string) (time.Duration, error) {
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: write one such as 500ms, 30s, 15m, 8h or 90d", text)
	}
	return time.Duration(d), nil
}

func parseFloat(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number: write one such as 0.1", text)
	}
	return f, nil
}

// ParseInt reads a whole number.
func ParseInt(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no whole number: write one such as 100", text)
	}
	return n, nil
}

func parseBool(text string) (bool, error) {
	b, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
	return b, nil
}

func parseList(text string) (list []string, err error) {
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			return nil, fmt.Errorf("%q has an empty entry: write a list such as team,environment", text)
		}
		list = append(list, item)
	}
	return list, nil
}

// written is a value as a file has it. A default is written as it is documented.
func (s Setting) written(d *Draft) (*yaml.Node, error) {
	n, value := &yaml.Node{}, s.get(d)
	switch v := value.(type) {
	case time.Duration:
		if def, err := ParseDuration(s.Default); err == nil && def == v {
			return n, n.Encode(s.Default)
		}
		value = model.Duration(v).String()
	case float64:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatFloat(v, 'f', -1, 64)}, nil
	case []exposition.Threshold:
		names := make([]string, 0, len(v))
		for _, t := range v {
			names = append(names, t.Name)
		}
		value = names
	}
	if err := n.Encode(value); err != nil {
		return nil, err
	}
	if n.Kind == yaml.SequenceNode {
		n.Style = yaml.FlowStyle
	}
	return n, nil
}
