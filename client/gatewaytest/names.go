package gatewaytest

import "fmt"

// DefaultApprovers returns the people who decide about reviews in the simulation, by e-mail, with the groups that they decide for.
func DefaultApprovers() map[string][]string {
	return map[string][]string{
		"ada@example.com":   {"sre"},
		"grace@example.com": {"dba"},
		"linus@example.com": {"security", "sre"},
	}
}

// approver returns the person who decides for a group.
func approver(group string) *Owner {
	name := map[string]string{"sre": "Ada", "dba": "Grace"}[group]
	if name == "" {
		name = "Linus"
	}
	id := map[string]string{"Ada": "ada", "Grace": "grace", "Linus": "linus"}[name]
	return &Owner{ID: "user-" + id, Name: name, Email: id + "@example.com"}
}

// userNames returns the e-mail, the subject identifier and the display name of the n-th user.
func userNames(n int) (email, id, name string) {
	return fmt.Sprintf("user%d@example.com", n), fmt.Sprintf("user-%d", n), fmt.Sprintf("User %d", n)
}

// Connection is a named connection in the simulation.
type Connection struct {
	Name, Type, Subtype string
	Tags                map[string]string
}

// Connections returns n connections of all types, most of them with tags.
func Connections(n int) []Connection {
	kinds := []struct{ kind, subtype, name string }{
		{"database", "postgres", "pg"}, {"database", "mysql", "mysql"}, {"application", "ssh", "bastion"},
		{"custom", "bash", "shell"}, {"httpproxy", "grafana", "grafana"}, {"database", "mongodb", "mongo"},
		{"application", "tcp", "queue"}, {"custom", "kubernetes", "k8s"},
	}
	uses := []string{"billing", "orders", "users", "search", "reports", "audit", "stock"}
	environments := []string{"prod", "staging", "dev"}
	out := make([]Connection, n)
	for i := range out {
		k, use, env := kinds[i%len(kinds)], uses[i%len(uses)], environments[i/2%len(environments)]
		out[i] = Connection{
			Name: fmt.Sprintf("%s-%s-%s", k.name, use, env), Type: k.kind, Subtype: k.subtype,
			Tags: map[string]string{"environment": env, "team": fmt.Sprintf("team-%s", use)},
		}
		if i >= len(kinds)*len(uses)*len(environments)/2 { // without a number, the names would repeat
			out[i].Name = fmt.Sprintf("%s-%d", out[i].Name, i)
		}
		if i%9 == 8 {
			out[i].Tags = nil
		}
	}
	return out
}
