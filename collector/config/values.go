package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/hoop-exporter/hoop_exporter/collector"
)

// valueType is what settings with values of type T have in common.
type valueType[T any] struct {
	*shape                               // in a file
	parse   func(text string) (T, error) // reads the text of a value, as a flag has it
	bound   func(T) bool                 // reports whether a value can be used; nil for any
	outside string                       // what to say of a value that cannot be used
	encode  func(T) any                  // returns a value as YAML has it; nil: the value itself
}

// within returns the type without the values outside a bound.
func (t valueType[T]) within(bound func(T) bool, outside string) valueType[T] {
	t.bound, t.outside = bound, outside
	return t
}

func (t valueType[T]) checkBound(v T) error {
	if t.bound != nil && !t.bound(v) {
		return errors.New(t.outside)
	}
	return nil
}

// scalar makes a type whose values are not lists. What an error says is not a value of it.
func scalar[T any](kind, what string, parse func(string) (T, error), tags ...string) valueType[T] {
	return valueType[T]{shape: &shape{kind: kind, what: what, tags: tags}, parse: func(text string) (T, error) {
		v, err := parse(text)
		if err != nil {
			err = fmt.Errorf("%q is not %s", text, what)
		}
		return v, err
	}}
}

func text() valueType[string] {
	return scalar("text", "text: numbers and the like need quotes", func(text string) (string, error) { return text, nil }, "!!str", "!!timestamp")
}

// file is the type of names of files.
func file() valueType[string] {
	t := text()
	t.kind = "file"
	return t
}

func duration() valueType[time.Duration] {
	t := scalar("duration", "a duration, such as 500ms, 30s, 15m, 8h or 90d", func(text string) (time.Duration, error) {
		d, err := model.ParseDuration(text)
		return time.Duration(d), err
	}, "!!str", "!!int") // 0 is an integer
	t.encode = func(d time.Duration) any { return model.Duration(d).String() }
	return t
}

// ParseDuration reads a duration as Prometheus writes it, such as 90d.
func ParseDuration(text string) (time.Duration, error) { return duration().parse(text) }

func number() valueType[float64] {
	return scalar("number", "a number, such as 0.1", func(text string) (float64, error) { return strconv.ParseFloat(text, 64) }, "!!int", "!!float")
}

func integer() valueType[int64] {
	return scalar("integer", "a whole number, such as 100", func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }, "!!int")
}

// ParseInt reads a whole number.
func ParseInt(text string) (int64, error) { return integer().parse(text) }

func boolean() valueType[bool] {
	return scalar("boolean", "true or false", func(text string) (bool, error) { return strconv.ParseBool(strings.ToLower(text)) }, "!!bool")
}

// listOf makes a type whose values are lists, or text with commas.
func listOf[T any](kind, what string, parse func(string) ([]T, error)) valueType[[]T] {
	item := text().shape
	item.what = what
	item.check = func(n *node) error {
		if strings.Contains(n.text, ",") {
			return fmt.Errorf("%q contains a comma", n.text)
		}
		return nil
	}
	return valueType[[]T]{shape: &shape{kind: kind, what: what, tags: append([]string{listTag}, item.tags...), each: item}, parse: parse}
}

func list() valueType[[]string] {
	return listOf("list", "a list, such as [team, environment]", func(text string) (list []string, err error) {
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item == "" {
				return nil, fmt.Errorf("%q has an empty entry: write a list such as team,environment", text)
			}
			list = append(list, item)
		}
		return list, nil
	})
}

func thresholds() valueType[[]collector.Threshold] {
	t := listOf("thresholds", "a list of durations, such as [1h, 24h]", collector.ParseThresholds)
	t.encode = func(all []collector.Threshold) any {
		names := make([]string, 0, len(all))
		for _, t := range all {
			names = append(names, t.Name)
		}
		return names
	}
	return t
}

// positive, portion and notNegative are bounds of numbers and durations.
func positive[T int64 | time.Duration](v T) bool { return v > 0 }
func portion(v float64) bool                     { return v > 0 && v <= 1 }
func notNegative(v int64) bool                   { return v >= 0 }
