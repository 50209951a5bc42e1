// Package domains reads domains.toml, in which admins write what mailhint answers: a table for each domain, profiles that many domains
// share, and lists of a million names.
//
// A file is read strictly. All mistakes are reported together, each with its line and the right spelling, and a file with a mistake
// is never used: a wrong answer is worse than none. What was read is an immutable Snapshot; a File keeps the newest good one and
// follows changes on disk.
//
// The files, in the order in which they are best read:
//
//   - domains.go: the Snapshot, and Load
//   - keys.go: every key of the file, one row each; key.go, kinds.go: what a row does, and the kinds of values
//   - layer.go, servers.go, oauth2.go, resolve.go: what one table says about settings, how tables inherit, and the settings they come to
//   - load.go: the files, and the order in which their tables are read
//   - domain_table.go, claims.go, rules.go, profiles.go, fallback.go: the tables that answer for names, and which of them has a name
//   - lists.go, users.go, patterns.go: the files of names and addresses that these tables refer to
//   - branding.go: logos and colours of pages for people
//   - server_table.go, server_listeners.go, server_files.go, server_acme.go, state_dir.go: the table [server]
//   - dns_table.go, store_table.go, lookup_table.go, oidc_table.go: the tables [dns], [store], [lookups.…] and [oidc]
//   - lookup.go, zone.go, unanswered.go: which entry answers a question, what DNS records describe, and why nothing answers
//   - base.go, shape.go, records.go: tables that are kept in a database
//   - outline.go, template.go: what many of these have in common, so that they need not be read one by one
//   - source.go: the texts and the own values of each table, for programs that change the configuration
//   - entries.go, print.go, toml_text.go, json.go: the entries for other programs, as TOML and as JSON
//   - report.go, advertised.go, certificate_names.go: what the whole configuration comes to
//   - warnings.go, warn_entries.go: what is allowed but probably a mistake
//   - watch.go (watch_linux.go and its sisters), shrinking.go, metrics.go: following changes on disk, and holding back a change that drops
//     many domains
//   - table.go, subtables.go, positions.go, problems.go, limits.go, blocks.go: reading TOML strictly, safely and on all cores
//   - syntax_hints.go, duplicates.go, synonyms.go: helpful messages about syntax, repeated keys and unknown keys
package domains

import (
	"mailhint/settings"
	"mailhint/tomledit"
)

// Snapshot is one good state of the configuration. It never changes, except that the Records it may have follow a database.
type Snapshot struct {
	index
	// Server is the [server] table.
	Server Server
	// DNS is the [dns] table.
	DNS DNS
	// Store is the [store] table.
	Store Store
	// OIDC is the [oidc] table.
	OIDC OIDC
	// Lookups are the tables [lookups.…], in the order of their names.
	Lookups []LoginLookup
	// Profiles is the number of profiles.
	Profiles int
	// DefaultEditable is the key editable of [defaults].
	DefaultEditable []string
	// Warnings are about what is allowed but probably a mistake, in the order of the files; at most 10,000.
	Warnings Problems
	// Skipped are the lines of the files named by domains_file that are not used, because they are not a domain or repeat another; at
	// most 10,000. SkippedLines counts them all.
	Skipped      Problems
	SkippedLines int

	origins  map[*settings.Settings][]Origin
	logos    map[string]*settings.Logo // by name
	serverAt map[string]Position       // by key of [server], and by key and number of an element
	digest   string
	reads    []string  // the files in the digest, in its order
	watch    watchlist // of which only the names count
	base     *Base

	incomplete Problems // those of Warnings that Check reports as mistakes
}

// Digest identifies the content of all files that the snapshot comes from, whatever their names. It is the same in every process.
func (s *Snapshot) Digest() string { return s.digest }

// SameAs reports whether two snapshots come from files with the same content.
func (s *Snapshot) SameAs(other *Snapshot) bool { return other != nil && s.digest == other.digest }

// Domains returns the number of names that are answered for, with aliases and wildcards, and without those of the fallback.
func (s *Snapshot) Domains() int {
	n := len(s.names) + len(s.wildcards)
	if s.records != nil {
		n += s.records.Len()
	}
	return n
}

// ServerAt returns where the i-th element of a key of [server] was written: that of the key if it is not a list, and that of the table, or of
// the file, if it is not there.
func (s *Snapshot) ServerAt(key string, i int) Position {
	for _, k := range []string{key + tomledit.Element(i), key, ""} {
		if at, ok := s.serverAt[k]; ok {
			return at
		}
	}
	return Position{}
}

// Explain says where each value of settings that Lookup returned was written.
func (s *Snapshot) Explain(found *settings.Settings) []Origin {
	if list, ok := s.origins[found]; ok || s.records == nil {
		return list
	}
	return s.records.Explain(found)
}

// Logo returns the logo with a name (settings.Logo); nil if no settings have it.
func (s *Snapshot) Logo(name string) *settings.Logo { return s.logos[name] }

// Load reads a configuration from its main file. Mistakes in it are returned as Problems.
func Load(file string) (*Snapshot, error) {
	s, _, err := load(file)
	return s, err
}
