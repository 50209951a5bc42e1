package imports

import (
	"fmt"
	"strings"

	"mailhint/domains"
)

// Lookup adds a look-up of login names and returns its name, which is that of an equal one if there is one. Its Name is what it should be called. It
// returns an error if a value of it cannot be used.
func (c *Collection) Lookup(of domains.LoginLookup) (name string, err error) {
	if problems := domains.CheckLookup(of); len(problems) > 0 {
		return "", fmt.Errorf("%s: %s", problems[0].Key, problems[0].Text)
	}
	taken := make(map[string]bool)
	for _, known := range c.lookups {
		taken[known.Name] = true
		same := of
		same.Name, same.PasswordFile = known.Name, known.PasswordFile
		if (of.PasswordFile == "") == (known.PasswordFile == "") && same.TOML() == known.TOML() {
			return known.Name, nil
		}
	}
	wanted := of.Name
	for n := 2; taken[of.Name]; n++ {
		of.Name = fmt.Sprintf("%s%d", wanted, n)
	}
	if of.PasswordFile != "" {
		of.PasswordFile = of.Name + ".pass"
	}
	c.lookups = append(c.lookups, of)
	return of.Name, nil
}

// LookupTables returns the tables [lookups.…] of what has been collected; empty for none.
func (c *Collection) LookupTables() string {
	var b strings.Builder
	for _, of := range c.lookups {
		b.WriteString("\n" + of.TOML())
	}
	return b.String()
}
