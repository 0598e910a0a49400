// Package flags makes a command line of the settings of a gateway, and of others.
package flags

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

// Gateway is what flags and environment say about a gateway.
type Gateway struct {
	// Draft is that, once the command line was parsed.
	Draft config.Draft

	given map[string]*bool // by flag: given on the command line?
}

// Add adds a flag for each setting of a gateway, and takes those that only the environment can tell.
func (g *Gateway) Add(app *kingpin.Application) {
	g.given = map[string]*bool{}
	for _, s := range config.Settings() {
		set := func(text string) error { return s.Set(&g.Draft, text) }
		if s.Flag == "" {
			_ = set(os.Getenv(s.Env)) // any text is one
			continue
		}
		f := add(app, s.Flag, s.Default, s.Help, set)
		if s.Env != "" {
			f.Envar(s.Env)
		}
		if s.IsBool() {
			f.SetValue(boolean{value(set)})
		}
		g.given[s.Flag] = new(bool)
		f.IsSetByUser(g.given[s.Flag])
	}
}

// Validate fails if something is given that must not be: anything about one gateway beside a file of gateways, or which gateway to ask beside a
// simulated one.
func (g *Gateway) Validate(file, simulated bool) error {
	switch given := g.names(); {
	case file && len(given) > 0:
		return fmt.Errorf("--config.file names all gateways and what holds for them: leave %s out", strings.Join(given, ", "))
	case simulated:
		return g.validateSimulated()
	}
	return nil
}

// names are the flags that were given, and the variables that are set.
func (g *Gateway) names() (given []string) {
	for _, s := range config.Settings() {
		if s.Flag != "" && *g.given[s.Flag] {
			given = append(given, "--"+s.Flag)
		} else if s.Env != "" && os.Getenv(s.Env) != "" {
			given = append(given, s.Env)
		}
	}
	return given
}

// validateSimulated fails if a flag says which gateway to ask, or with which credential. A variable may: it can be meant for another program.
func (g *Gateway) validateSimulated() error {
	for _, s := range config.Settings() {
		if s.Env != "" && s.Flag != "" && *g.given[s.Flag] {
			return fmt.Errorf("--demo brings its own gateway: leave --%s out", s.Flag)
		}
	}
	return nil
}

// Default gives a setting another default than it has, once the command line was parsed.
func (g *Gateway) Default(flag, text string) error {
	for _, s := range config.Settings() {
		if s.Flag == flag && !*g.given[flag] {
			return s.Set(&g.Draft, text)
		}
	}
	return nil
}

// Add adds a flag whose mistakes are told with its name.
func Add[T any](app *kingpin.Application, name, def, help string, into *T, parse func(string) (T, error)) {
	add(app, name, def, help, func(text string) (err error) {
		*into, err = parse(text)
		return err
	})
}

func add(app *kingpin.Application, name, def, help string, set func(string) error) *kingpin.FlagClause {
	f := app.Flag(name, help)
	if def != "" {
		f = f.Default(def)
	}
	f.SetValue(value(func(text string) error {
		if err := set(text); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
		return nil
	}))
	return f
}

// OneOf parses one of a few words.
func OneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("%q is unknown: write one of %s", text, strings.Join(words, ", "))
		}
		return text, nil
	}
}

// value makes a flag's value of what takes its text.
type value func(string) error

// Set implements kingpin.Value.
func (v value) Set(text string) error { return v(text) }

// String implements kingpin.Value.
func (value) String() string { return "" }

// boolean makes a flag that needs no value.
type boolean struct{ value }

// IsBoolFlag is asked by kingpin.
func (boolean) IsBoolFlag() bool { return true }
