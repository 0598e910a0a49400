package flags

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// Variable returns the environment variable of a flag that has none of another name: that of --cache.ttl is HOOP_EXPORTER_CACHE_TTL.
func Variable(flag string) string {
	return "HOOP_EXPORTER_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(flag))
}

// Given makes given report whether a flag is on the command line or its environment variable is set.
func Given(flag *kingpin.FlagClause, given *bool) {
	flag.IsSetByUser(given)
	m := flag.Model()
	*given = os.Getenv(cmp.Or(m.Envar, Variable(m.Name))) != ""
}

// flagName is a flag in an error, or in the quotes that kingpin puts around what is on the command line.
var flagName = regexp.MustCompile(`'?--[a-z](?:[-.a-z]*[a-z])?`)

// Finish completes a command line to which all flags were added: each flag gets an environment variable, and the help is in groups. It
// returns the text of an error in which a flag whose value is from the environment has the name of its variable. --help and --version have
// no variable.
func Finish(app *kingpin.Application) (explain func(error) string) {
	app.UsageTemplate(usage).UsageFuncs(functions())
	app.HelpFlag.Help("List the flags and exit.")
	app.VersionFlag.Help("Print the version and exit.")
	from := map[string]string{} // by flag: the variable that its value is from
	for _, f := range app.Model().Flags {
		clause := app.GetFlag(f.Name)
		if f.Hidden || clause == app.HelpFlag || clause == app.VersionFlag {
			continue
		}
		variable := cmp.Or(f.Envar, Variable(f.Name))
		clause.Envar(variable)
		if strings.Join(f.Default, "") == "" {
			clause.PlaceHolder(strings.ToUpper(f.Name[strings.LastIndexAny(f.Name, ".-")+1:]))
		}
		if _, ok := f.Value.(value); !ok {
			clause.SetValue(named{f.Value, f.Name})
		}
		if flag := "--" + f.Name; os.Getenv(variable) != "" {
			from[flag] = variable
			clause.PreAction(func(*kingpin.ParseContext) error { // only for a flag that is on the command line
				delete(from, flag)
				return nil
			})
		}
	}
	return func(err error) string {
		return flagName.ReplaceAllStringFunc(err.Error(), func(flag string) string { return cmp.Or(from[flag], flag) })
	}
}

// named is a value of kingpin's. Errors have the name of its flag.
type named struct {
	kingpin.Value
	name string
}

// Set implements kingpin.Value.
func (n named) Set(text string) error {
	switch err := n.Value.Set(text); {
	case err != nil && n.IsBoolFlag():
		return fmt.Errorf("--%s: %q is not true or false", n.name, text)
	case err != nil:
		return fmt.Errorf("--%s: %w", n.name, err)
	}
	return nil
}

// IsBoolFlag makes kingpin take a flag without a value.
func (n named) IsBoolFlag() bool {
	b, ok := n.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// IsCumulative makes kingpin take a flag more than once.
func (n named) IsCumulative() bool {
	c, ok := n.Value.(interface{ IsCumulative() bool })
	return ok && c.IsCumulative()
}
