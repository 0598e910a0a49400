package flags

import (
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// Group is some of the flags, as the help shows them together.
type Group struct {
	Title string
	Flags []*kingpin.FlagModel
}

// Groups divides flags into groups by the part of their names before the first dot. Hidden flags are in none, and a group without flags is
// left out.
func Groups(all []*kingpin.FlagModel) (groups []Group) {
	for _, g := range []struct {
		title string
		parts []string
	}{
		{"Gateway", []string{"hoop"}},
		{"Configuration file", []string{"config"}},
		{"What to collect", []string{"sessions", "reviews", "collect"}},
		{"Refreshes", []string{"cache", "stale", "refresh"}},
		{"Metrics", []string{"labels", "metrics"}},
		{"State", []string{"state"}},
		{"Web server", []string{"web"}},
		{"Log", []string{"log"}},
		{"Other", []string{""}},
	} {
		group := Group{Title: g.title}
		for _, f := range all {
			if part, _, dotted := strings.Cut(f.Name, "."); !f.Hidden && (slices.Contains(g.parts, part) || !dotted && g.parts[0] == "") {
				group.Flags = append(group.Flags, f)
			}
		}
		if len(group.Flags) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}

// variables is what help and man page say about the environment.
const variables = "Each flag can also be set by the environment variable that is shown with it. A flag on the command line overrides its variable. " +
	"No flag takes a secret: secrets are in files, or in the variables HOOP_TOKEN, HOOP_API_KEY and HOOP_STATE_POSTGRES_URL."

// usage is what --help shows.
const usage = `usage: {{.App.Name}} [<flags>]

{{.App.Help|Wrap 0}}
{{Variables|Wrap 0}}
{{range .Context.Flags|Groups -}}
{{.Title}}:
{{.Flags|FlagsToTwoColumns|FormatTwoColumns}}
{{end -}}
`
