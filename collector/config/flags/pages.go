package flags

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/alecthomas/kingpin/v2"
)

//go:embed templates/man.tmpl
var manPage string

//go:embed templates/zsh.tmpl
var zshCompletion string

//go:embed templates/fish.tmpl
var fishCompletion string

// Pages returns what packages bring for a complete command line, by the names of the files: a man page, and completions for bash, zsh and
// fish. The application cannot be used after that, because it writes what it prints to the pages.
func Pages(app *kingpin.Application) (map[string]string, error) {
	line, err := app.ParseContext(nil)
	if err != nil {
		return nil, err
	}
	pages := map[string]string{}
	for name, text := range map[string]string{
		"man/" + app.Name + ".1":            manPage,
		"completions/" + app.Name + ".bash": kingpin.BashCompletionTemplate,
		"completions/_" + app.Name:          zshCompletion, // kingpin's completes nothing at the first try
		"completions/" + app.Name + ".fish": fishCompletion,
	} {
		var out bytes.Buffer
		if err := app.UsageWriter(&out).UsageForContextWithTemplate(line, 0, text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		pages[name] = strings.TrimSpace(out.String()) + "\n"
	}
	return pages, nil
}

// functions are what the templates call.
func functions() template.FuncMap {
	return template.FuncMap{
		"Groups": Groups, "Variables": func() string { return variables }, "Summary": summary, "Completes": completes, "Words": words, "IsOn": isOn,
		"Upper": strings.ToUpper,
		"Roff":  quoted(`\`, `\e`, "-", `\-`, "\n.", "\n\\&.", "\n'", "\n\\&'"),
		"Zsh":   quoted(`\`, `\\`, "'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`),
		"Fish":  quoted(`\`, `\\`, "'", `\'`),
	}
}

// quoted returns a function that replaces each of the odd arguments by the one after it.
func quoted(oldnew ...string) func(string) string { return strings.NewReplacer(oldnew...).Replace }

// summary is the first sentence of a help text, without the period.
func summary(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(first, ".")
}

// completes says what a shell can offer for the value of a flag: "words", "file", "directory" or "nothing"; "" for a flag without a value.
func completes(f *kingpin.FlagModel) string {
	switch {
	case f.IsBoolFlag():
		return ""
	case len(words(f)) > 0:
		return "words"
	case strings.HasSuffix(f.Name, "file"), f.Name == "hoop.cli-config":
		return "file"
	case strings.HasSuffix(f.Name, "dir"):
		return "directory"
	}
	return "nothing"
}

// words are all values that a flag can have, if they are a few words.
func words(f *kingpin.FlagModel) []string {
	v, _ := f.Value.(value)
	return v.words
}

// isOn reports whether a flag without a value is on by default, so that there is a use for switching it off.
func isOn(f *kingpin.FlagModel) bool { return f.IsBoolFlag() && strings.Join(f.Default, "") == "true" }
