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
		err = b.listProfile(p, name, e)
	case Fallback:
		b.profile(name, e.Choice)
		b.line("\n[fallback]")
		writeKeys(&b, fallbackKeys, &fallbackValues{profile: name, mx: e.MX})
	default:
		if e.Kind == Wildcard {
			name = "*." + name
		}
		err = b.domain(p, name, e)
	}
	return b.String(), err
}

// LookupTables returns the tables [lookups.…] that entries refer to. Entry does not write them.
func (s *Snapshot) LookupTables(entries []Entry) string {
	used := make(map[string]bool)
	for _, e := range entries {
		choices := []Choice{e.Choice}
		for _, r := range e.Rules {
			choices = append(choices, r.Choice)
		}
		for _, c := range choices {
			if c.Settings != nil {
				for _, name := range c.Settings.Lookups {
					used[name] = true
				}
			}
		}
	}
	var b tomlText
	for _, of := range s.Lookups {
		if used[of.Name] {
			b.lookup(of)
		}
	}
	return b.String()
}

// TOML returns the table [lookups.…] that says the same.
func (of LoginLookup) TOML() string {
	var b tomlText
	b.lookup(of)
	return b.String()
}

func (b *tomlText) lookup(of LoginLookup) {
	v := lookupValues{LoginLookup: of, passwordFile: of.PasswordFile}
	if of.Type == "ldap" {
		v.passwordFile, v.bindPasswordFile = "", of.PasswordFile
	} else {
		v.Filter = "" // it has the default
	}
	b.header("lookups", of.Name)
	writeKeys(b, lookupKeys, &v)
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
	writeKeys(b, domainKeys, e.domainValues())
	if e.Disabled {
		return nil
	}
	v := valuesOf(e.Choice)
	writeKeys(b, settingKeys, &v)
	b.settingTables(&v, "domains", name)
	for i, r := range e.Rules {
		b.line("[[" + spellKey("domains", name, "rules") + "]]")
		v := ruleValues{from: r.From, profile: ruleProfile(name, i)}
		if r.HasUsers {
			if p.WriteList == nil {
				return fmt.Errorf("%s: %w", name, ErrNeedsFile)
			}
			file, err := p.WriteList(r.Users)
			if err != nil {
				return err
			}
			v.usersFile = file
		}
		writeKeys(b, ruleKeys, &v)
	}
	return nil
}

func ruleProfile(name string, i int) string { return fmt.Sprintf("%s rule %d", name, i+1) }

func (b *tomlText) profile(name string, c Choice) {
	v := valuesOf(c)
	b.header("profiles", name)
	writeKeys(b, settingKeys, &v)
	b.settingTables(&v, "profiles", name)
}

// listProfile writes the profile of a list, whose names may go to a file.
func (b *tomlText) listProfile(p Printer, name string, e Entry) error {
	v, names := valuesOf(e.Choice), profileValues{domains: texts(e.Names)}
	if len(names.domains) >= longList && p.WriteList != nil {
		file, err := p.WriteList(names.domains)
		if err != nil {
			return err
		}
		names = profileValues{domainsFile: file}
	}
	b.header("profiles", name)
	writeKeys(b, settingKeys, &v)
	writeKeys(b, profileKeys, &names)
	b.settingTables(&v, "profiles", name)
	return nil
}

// writeKeys writes the values of a table that are not the default, except those that are tables.
func writeKeys[S any](b *tomlText, keys []key[S], s *S) {
	for _, k := range keys {
		plain := k.plain(s)
		if _, isTable := plain.(object); plain == nil || isTable || inline(plain) == k.Default {
			continue
		}
		if list, _ := plain.([]string); k.isLong && len(list) > 1 {
			b.lines(k.Name, quoteAll(list))
		} else {
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

// domainValues returns the values of domainKeys; it has no aliases unless it is for a single domain. An Entry does not know its admins, and
// its profile is part of its settings.
func (e Entry) domainValues() *domainValues {
	v := &domainValues{enabled: !e.Disabled}
	if e.Kind == Single && len(e.Names) > 1 {
		v.aliases = texts(e.Names[1:])
	}
	return v
}

// valuesOf returns the settings of a choice as a table would have them that inherits nothing. What is not offered must be said, or
// the loader takes it for forgotten.
func valuesOf(c Choice) values {
	v := values{Settings: *c.Settings, allowPlaintext: c.Networks}
	if c.Settings.Logo != nil {
		v.logo = c.Settings.Logo.File
	}
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
