package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/hoop-exporter/hoop_exporter/collector"
)

// variable is a variable for a value of a setting, with all that follows from its type.
type variable struct {
	shape *shape                  // of the value in a file
	set   func(text string) error // sets the variable to the value whose text, as a flag has it, is given
	yaml  any                     // its value, as YAML has it
}

// variableOf returns the variable that p points to.
func variableOf(p any) variable {
	switch p := p.(type) {
	case *time.Duration:
		return scalar(p, (*model.Duration)(p).String(), func(text string) (time.Duration, error) {
			d, err := model.ParseDuration(text)
			return time.Duration(d), err
		}, "duration", "a duration, such as 500ms, 30s, 15m, 8h or 90d", "!!str", "!!int") // 0 is an integer
	case *float64:
		return scalar(p, *p, func(text string) (float64, error) { return strconv.ParseFloat(text, 64) }, "number", "a number, such as 0.1", "!!int", "!!float")
	case *int64:
		return scalar(p, *p, func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }, "integer", "a whole number, such as 100", "!!int")
	case *bool:
		return scalar(p, *p, func(text string) (bool, error) { return strconv.ParseBool(strings.ToLower(text)) }, "boolean", "true or false", "!!bool")
	case *[]string:
		return list(p, *p, parseList, "list", "a list, such as [team, environment]")
	case *[]collector.Threshold:
		names := make([]string, 0, len(*p))
		for _, t := range *p {
			names = append(names, t.Name)
		}
		return list(p, names, collector.ParseThresholds, "thresholds", "a list of durations, such as [1h, 24h]")
	case *string:
		return variable{textShape(), func(text string) error { *p = text; return nil }, *p}
	}
	return variable{textShape(), func(string) error { return fmt.Errorf("a setting cannot be a %T", p) }, nil}
}

func textShape() *shape {
	return &shape{kind: "text", what: "text: numbers and the like need quotes", tags: []string{"!!str", "!!timestamp"}}
}

// scalar returns a variable for a value that is not a list. What is the end of "must be ..." and of "is not ...".
func scalar[T any](p *T, yaml any, parse func(string) (T, error), kind, what string, tags ...string) variable {
	return variable{&shape{kind: kind, what: what, tags: tags}, func(text string) (err error) {
		if *p, err = parse(text); err != nil {
			return fmt.Errorf("%q is not %s", text, what)
		}
		return nil
	}, yaml}
}

// list returns a variable for a list, which can also be text with commas.
func list[T any](p *[]T, yaml any, parse func(string) ([]T, error), kind, what string) variable {
	item := textShape()
	item.what = what
	item.check = func(n *node) error {
		if strings.Contains(n.text, ",") {
			return fmt.Errorf("%q contains a comma", n.text)
		}
		return nil
	}
	return variable{&shape{kind: kind, what: what, tags: append([]string{listTag}, item.tags...), each: item}, func(text string) (err error) {
		*p, err = parse(text)
		return err
	}, yaml}
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

// ParseDuration reads a duration as Prometheus writes it, such as 90d.
func ParseDuration(text string) (time.Duration, error) { return parse[time.Duration](text) }

// ParseInt reads a whole number.
func ParseInt(text string) (int64, error) { return parse[int64](text) }

func parse[T any](text string) (v T, err error) {
	err = variableOf(&v).set(text)
	return v, err
}
