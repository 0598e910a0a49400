package exposition

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// connectionFamilies are the families about connections. tags are the chosen ones.
func connectionFamilies(tags []tag) []family {
	labels := []string{"connection", "subtype"}
	for _, t := range tags {
		labels = append(labels, t.label)
	}
	return []family{
		{
			name: "hoop_connection_info",
			help: "Always 1, exactly one series per connection, from its newest session, to join labels such as team and environment to other series." +
				" From connection_subtype and the chosen connection_tags" + fromAPI,
			labels: labels,
			send: func(s *sender) {
				if s.snapshot == nil {
					return
				}
				values := make([]string, 0, len(labels))
				for _, c := range s.snapshot.Connections {
					values = append(values[:0], c.Name, c.Subtype)
					for _, t := range tags {
						values = append(values, c.Tags[t.key])
					}
					s.gauge(1, values...)
				}
			},
		},
	}
}

// tag is a connection tag that is shown as a label.
type tag struct{ key, label string }

// CheckConnectionTags returns an error if tags with these keys cannot be shown together: two become the same label, or one is empty.
func CheckConnectionTags(keys []string) error {
	_, err := tagLabels(keys)
	return err
}

// tagLabels returns the tags with their labels, sorted by label.
func tagLabels(keys []string) ([]tag, error) {
	var tags []tag
	keyOf := map[string]string{}
	for _, key := range keys {
		if key == "" {
			return nil, errors.New("connection tags to show as labels: a tag key is empty")
		}
		label := "tag_" + strings.Map(labelRune, key)
		if other, exists := keyOf[label]; exists {
			return nil, fmt.Errorf("connection tags to show as labels: %q and %q both become the label %s; choose one of them", other, key, label)
		}
		keyOf[label] = key
		tags = append(tags, tag{key, label})
	}
	slices.SortFunc(tags, func(a, b tag) int { return cmp.Compare(a.label, b.label) })
	return tags, nil
}

// labelRune returns r if a label name may have it, otherwise an underscore.
func labelRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return r
	}
	return '_'
}
