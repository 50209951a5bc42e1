package domains

import (
	"errors"
	"fmt"
	"slices"

	"mailhint/settings"
)

// Printer writes entries as TOML: values that are the default are left out, a pair of servers that a bare host stands for becomes that
// host, and servers have a login of their own only if it differs.
//
// The text assumes that nothing is inherited: to give the same answers, it must be loaded without [defaults].
type Printer struct {
	// WriteList, if set, writes a list to a file of its own and returns the file's name. Without it, lists of names are in the text, and a
	// rule for some users cannot be written.
	WriteList func(list []string) (file string, err error)
}

// ErrNeedsFile means that a rule for some users cannot be written without a file for their addresses. Set Printer.WriteList.
var ErrNeedsFile = errors.New("a rule for some users needs a users_file")

// longList is the number of names from which they are written to a file of their own.
const longList = 1000

// Entry returns the tables of an entry, below comments. A list becomes a profile named after its first domain.
func (p Printer) Entry(e Entry, comments ...string) (string, error) {
	name := "fallback"
	if e.Kind != Fallback {
		name = string(e.Names[0])
	}
	var b tomlText
	for _, c := range comments {
		b.comment(c)
	}
	var err error
	switch e.Kind {
	case List:
		v := valuesOf(e.Choice)
		b.header("profiles", name)
		b.settings(&v)
		err = b.names(p, e.Names)
		b.settingTables(&v, "profiles", name)
	case Fallback:
		b.profile(name, e.Choice)
		b.line("\n[fallback]")
		b.value("profile", name)
		if e.MX != nil {
			b.list("mx", texts(e.MX))
		}
	default:
		if e.Kind == Wildcard {
			name = "*." + name
		}
		err = b.domain(p, name, e)
	}
	return b.String(), err
}

// domain writes the table of a domain or wildcard. Its rules become profiles, because a rule without one would inherit the other values
// of the domain.
func (b *tomlText) domain(p Printer, name string, e Entry) error {
	for i, r := range e.Rules {
		if !e.Disabled {
			b.profile(ruleProfile(name, i), r.Choice)
			b.line("")
		}
	}
	b.header("domains", name)
	if e.Disabled {
		b.line("enabled = false")
	}
	if e.Kind == Single && len(e.Names) > 1 {
		b.list("aliases", texts(e.Names[1:]))
	}
	if e.Disabled {
		return nil
	}
	v := valuesOf(e.Choice)
	b.settings(&v)
	b.settingTables(&v, "domains", name)
	for i, r := range e.Rules {
		b.line("[[" + spellKey("domains", name, "rules") + "]]")
		if r.HasUsers {
			if p.WriteList == nil {
				return fmt.Errorf("%s: %w", name, ErrNeedsFile)
			}
			file, err := p.WriteList(r.Users)
			if err != nil {
				return err
			}
			b.value("users_file", file)
		}
		if r.From != nil {
			b.list("from", networkTexts(r.From))
		}
		b.value("profile", ruleProfile(name, i))
	}
	return nil
}

func ruleProfile(name string, i int) string { return fmt.Sprintf("%s rule %d", name, i+1) }

func (b *tomlText) profile(name string, c Choice) {
	v := valuesOf(c)
	b.header("profiles", name)
	b.settings(&v)
	b.settingTables(&v, "profiles", name)
}

// names writes the names of a list, each on its own line, which keeps their order.
func (b *tomlText) names(p Printer, names []settings.Domain) error {
	list := texts(names)
	if len(list) >= longList && p.WriteList != nil {
		file, err := p.WriteList(list)
		if err != nil {
			return err
		}
		b.value("domains_file", file)
		return nil
	}
	if len(list) == 1 {
		b.list("domains", list)
		return nil
	}
	b.lines("domains", quoteAll(list))
	return nil
}

// settings writes the keys of settings, except those that are tables.
func (b *tomlText) settings(v *values) {
	for _, k := range settingKeys {
		plain := k.plain(v)
		if _, isTable := plain.(object); plain != nil && !isTable && inline(plain) != k.Default {
			b.plain(k.Name, plain)
		}
	}
}

// settingTables writes the tables of settings below the one at the path, which must be finished.
func (b *tomlText) settingTables(v *values, path ...string) {
	for _, k := range settingKeys {
		if o, ok := k.plain(v).(object); ok {
			b.header(append(path, k.Name)...)
			b.object(o)
		}
	}
}

// valuesOf returns the settings of a choice as a table would have them that inherits nothing. What is not offered must be said, or
// the loader takes it for forgotten.
func valuesOf(c Choice) values {
	v := values{Settings: *c.Settings, allowPlaintext: c.Networks}
	for _, server := range c.Settings.Servers {
		spec := serverSpec{Server: server}
		if spec.Login == v.Login {
			spec.Login = ""
		}
		if slices.Equal(spec.Auth, v.Auth) {
			spec.Auth = nil
		}
		v.servers[server.Protocol] = append(v.servers[server.Protocol], spec)
	}
	if len(c.Settings.Incoming()) == 0 {
		v.servers[settings.IMAP] = []serverSpec{}
	}
	if len(c.Settings.Outgoing()) == 0 {
		v.servers[settings.Submission] = []serverSpec{}
	}
	return v
}
