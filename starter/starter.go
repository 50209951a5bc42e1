// Package starter makes the starter configuration of a domain: its entry in domains.toml from what a probe found, a first domains.toml around
// the entry, the DNS records to publish, and what to do next.
package starter

import (
	"strings"

	"mailhint/domains"
	"mailhint/probe"
	"mailhint/settings"
)

// Entry returns the entry of a domain for domains.toml, with the servers that a probe chose and the comments above them. If the finding is
// not complete, the entry would not load: then all of it is commented out.
func Entry(f *probe.Finding, comments ...string) (string, error) {
	e := domains.Entry{Kind: domains.Single, Names: []settings.Domain{f.Domain}, Choice: domains.Choice{Settings: f.Settings()}}
	text, err := domains.Printer{}.Entry(e, comments...)
	if err != nil || f.Complete() {
		return text, err
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#"):
			b.WriteString(line)
		case len(f.Servers) > 0:
			b.WriteString("# " + line)
		}
	}
	return b.String(), nil
}
