package domains

import (
	"fmt"

	"mailhint/settings"
	"mailhint/tomledit"
)

// profile is one [profiles.…] table.
type profile struct {
	*layer // over the defaults
	table  *table
	at     Position
}

// profileOf returns the profile that an entry names, if it names one.
func (l *loader) profileOf(t *table, at places, name string) (*profile, bool) {
	if !at.has("profile") {
		return nil, false
	}
	p, ok := l.profiles[name]
	l.used[name] = true
	if !ok {
		t.fail("profile", "there is no profile %q%s", name, l.missingProfile(name))
	}
	return p, ok
}

// missingProfile returns the hint for a profile that does not exist. It is made once for each name, and not for thousands of names
// where there are thousands of profiles: each is compared with every profile.
func (l *loader) missingProfile(name string) string {
	const enough = 500_000 // comparisons
	if hint, known := l.missing[name]; known || len(l.missing)*len(l.profiles) >= enough {
		return hint
	}
	profiles := sortedKeys(l.profiles)
	hint := didYouMean(name, profiles)
	switch {
	case hint == "" && len(profiles) == 0:
		hint = fmt.Sprintf("; add a table [profiles.%s]", spell([]string{name}))
	case hint == "":
		hint = "; the profiles are " + few(profiles)
	}
	l.missing[name] = hint
	return hint
}

// profileValues are the values of profileKeys.
type profileValues struct {
	domains     []string
	domainsFile string
}

// readProfileNames reads the names listed in a profile, all of which share one entry.
func (l *loader) readProfileNames(p *profile) {
	t := p.table
	var v profileValues
	at := readKeys(t, profileKeys, &v)
	if len(at) > 0 {
		number := uint32(len(l.index.entries))
		l.index.entries = append(l.index.entries, entry{choice: l.choice(p.layer, t)})
		l.lists[number] = p
		l.used[t.name()] = true
		if v.domains != nil && len(v.domains) == 0 {
			t.warn("domains", "is empty; remove it, or list domains")
		}
		spelled := make(map[settings.Domain]string)
		for i, text := range v.domains {
			at := t.at("domains", tomledit.Element(i))
			d, err := parseDomain(text)
			if first, again := spelled[d]; again && first != text {
				t.warnAt([]string{"domains", tomledit.Element(i)}, "%q is the same domain as %q, spelled differently; remove one of them", text, first)
				continue
			}
			if err == nil {
				spelled[d] = text
				err = l.claim(l.names(), d, l.claimOf(at, number))
			}
			if err != nil {
				t.failElement("domains", i, "%v", err)
				continue
			}
			l.warnOfName(at, keyIn(t, "domains"), string(d), d)
		}
		if at.has("domains_file") {
			l.readDomainsFile(t, v.domainsFile, number)
		}
	}
	t.done()
}
