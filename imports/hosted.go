package imports

import (
	"maps"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

// Hosted is a domain of a mail server that serves all its domains in the same way.
type Hosted struct {
	// Where is the place of the domain in the source, such as a row of a table.
	Where domains.Position
	Name  string
	// Target is set for another name of a domain, whose mailboxes are those of the target: people log in with their address there.
	Target string
	// Inactive says why the domain is left out; empty for a domain that is in use.
	Inactive string
	// Values are the keys of domains.toml that it gets.
	Values edits.Values
}

// AddHosted adds domains of a mail server, from a source that has a name for comments. A name that appears twice, as some sources have it for
// domains with a target, counts once, with its target.
func (c *Collection) AddHosted(source string, list []Hosted) {
	targets := make(map[string]bool)
	for _, h := range list {
		targets[strings.ToLower(h.Name)] = targets[strings.ToLower(h.Name)] || h.Target != ""
	}
	for _, h := range list {
		switch {
		case h.Target == "" && targets[strings.ToLower(h.Name)]: // comes with its target
		case h.Inactive != "":
			c.Remark(h.Where, "%s is left out: %s", clip(h.Name), h.Inactive)
		default:
			c.addHosted(source, h)
		}
	}
}

func (c *Collection) addHosted(source string, h Hosted) {
	d, ok := c.Domain(h.Where, h.Name)
	if !ok {
		return
	}
	values := maps.Clone(h.Values)
	if login, _ := values["login"].(string); h.Target != "" && (login == "" || login == settings.EmailAddress) {
		target, ok := c.Domain(h.Where, h.Target)
		if !ok {
			return
		}
		values["login"] = settings.EmailLocalPart + "@" + string(target)
	}
	c.Add(Entry{Where: h.Where, Source: source, Domains: []settings.Domain{d}, Values: values})
}
