package imports

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/tomledit"
)

// Print writes what has been collected as entries of domains.toml: a domain that has its settings to itself as its table, several with the same
// as a profile that lists them. The kind of source is named in a comment.
func (c *Collection) Print(w io.Writer, kind string) error {
	groups, err := c.Groups()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# Converted from %s by mailhint.\n", kind)
	taken := make(map[string]bool)
	for _, g := range groups {
		out.WriteByte('\n')
		for _, comment := range g.Comments {
			out.WriteString(domains.Comment(comment))
		}
		out.WriteString(g.toml(taken))
	}
	out.WriteString(c.LookupTables())
	return out.Flush()
}

// toml spells a group. The names of profiles are added to those that are taken.
func (g Group) toml(taken map[string]bool) string {
	switch {
	case g.Fallback:
		name := profileName("fallback", taken)
		return g.profile(name) + "\n[fallback]\nprofile = " + tomledit.Quote(name) + "\n"
	case len(g.Domains) == 1:
		return edits.TOML(edits.Ref{Kind: edits.Domain, Name: string(g.Domains[0])}, g.Values)
	case g.needsTables():
		var tables []string
		for _, d := range g.Domains {
			tables = append(tables, edits.TOML(edits.Ref{Kind: edits.Domain, Name: string(d)}, g.Values))
		}
		return strings.Join(tables, "\n")
	}
	return g.profile(profileName(string(g.Domains[0]), taken))
}

// profile spells the group as a profile, with the list of its domains after the other keys: it may be long.
func (g Group) profile(name string) string {
	text := edits.TOML(edits.Ref{Kind: edits.Profile, Name: name}, g.Values)
	if len(g.Domains) == 0 {
		return text
	}
	keys, tables, hasTables := strings.Cut(text, "\n[")
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(keys, "\n") + "\ndomains = [\n")
	for _, d := range g.Domains {
		b.WriteString("  " + tomledit.Quote(string(d)) + ",\n")
	}
	b.WriteString("]\n")
	if hasTables {
		b.WriteString("[" + tables)
	}
	return b.String()
}

// needsTables reports whether each domain needs a table: a profile cannot have these keys.
func (g Group) needsTables() bool {
	problems := domains.CheckValues(domains.ProfileRecord, "p", g.Values)
	return len(problems) > 0 && len(domains.CheckValues(domains.DomainRecord, "a.example", g.Values)) == 0
}

// profileName returns a name that is not taken, and takes it.
func profileName(wanted string, taken map[string]bool) string {
	name := wanted
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s %d", wanted, n)
	}
	taken[name] = true
	return name
}
