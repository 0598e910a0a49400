// Package flags makes the command line of the settings of a gateway, and of other values.
package flags

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

// Gateway holds what flags and environment say about a gateway. Add comes first, then the command line is parsed, then all else is called.
type Gateway struct {
	Draft config.Draft     // the values
	given map[string]*bool // by flag: whether it was on the command line, or in a variable that is meant for this program alone
}

// Add adds a flag for each setting of a gateway, and reads the settings that only the environment has.
func (g *Gateway) Add(app *kingpin.Application) {
	g.given = map[string]*bool{}
	for _, s := range config.Settings() {
		v := value{name: s.Flag, set: func(text string) error { return s.Set(&g.Draft, text) }, isBool: s.IsBool()}
		if s.Flag == "" {
			_ = v.set(os.Getenv(s.Env)) // any text is valid
			continue
		}
		if v.isBool {
			s.Help += map[string]string{"true": " On; --no-" + s.Flag + " switches it off.", "false": " Off; --" + s.Flag + " switches it on."}[s.Default]
		}
		g.given[s.Flag] = new(bool)
		if f := v.add(app, s.Default, s.Help); s.Env != "" {
			f.Envar(s.Env).IsSetByUser(g.given[s.Flag])
		} else {
			Given(f, g.given[s.Flag])
		}
	}
}

// Validate fails if something is given that must not be: anything about one gateway beside a file of gateways, or a flag that says which
// gateway to query, or with which credential, beside a simulated one. A variable may say that: it can be meant for another program.
func (g *Gateway) Validate(file, simulated bool) error {
	if given := g.names(); file && len(given) > 0 {
		return fmt.Errorf("--config.file has all gateways and their settings: leave %s out", strings.Join(given, ", "))
	}
	for _, s := range config.Settings() {
		if simulated && s.Env != "" && s.Flag != "" && *g.given[s.Flag] {
			return fmt.Errorf("--demo brings its own gateway: leave --%s out", s.Flag)
		}
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

// SetDefault sets a setting whose flag was not given.
func (g *Gateway) SetDefault(flag, text string) error {
	for _, s := range config.Settings() {
		if s.Flag == flag && !*g.given[flag] {
			return s.Set(&g.Draft, text)
		}
	}
	return nil
}

// Add adds a flag whose value parse reads. Errors have its name.
func Add[T any](app *kingpin.Application, name, def, help string, into *T, parse func(string) (T, error)) {
	value{name: name, set: func(text string) (err error) {
		*into, err = parse(text)
		return err
	}}.add(app, def, help)
}

// AddChoice adds a flag whose value is one of a few words. Errors have its name.
func AddChoice(app *kingpin.Application, name, def, help string, into *string, words ...string) {
	value{name: name, words: words, set: func(text string) error {
		if !slices.Contains(words, text) {
			return fmt.Errorf("%q is unknown: write one of %s", text, strings.Join(words, ", "))
		}
		*into = text
		return nil
	}}.add(app, def, help).HintOptions(words...)
}

// value is a kingpin.Value. Errors have the name of its flag.
type value struct {
	name   string
	set    func(string) error
	isBool bool
	words  []string // what it can be, if that is one of a few words
}

func (v value) add(app *kingpin.Application, def, help string) *kingpin.FlagClause {
	f := app.Flag(v.name, help)
	if def != "" {
		f.Default(def)
	}
	f.SetValue(v)
	return f
}

// Set implements kingpin.Value.
func (v value) Set(text string) error {
	if err := v.set(text); err != nil {
		return fmt.Errorf("--%s: %w", v.name, err)
	}
	return nil
}

// String implements kingpin.Value.
func (value) String() string { return "" }

// IsBoolFlag makes kingpin take a flag without a value.
func (v value) IsBoolFlag() bool { return v.isBool }
