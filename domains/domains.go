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
//   - server_table.go, server_acme.go: the table [server]
//   - load.go, read_entries.go, fallback.go, lists.go, users.go: the files, their tables, and the files of names that they refer to
//   - lookup.go, unanswered.go: which entry answers a question, and why none does
//   - entries.go, print.go, toml_text.go, json.go: the entries for other programs, as TOML and as JSON
//   - report.go, advertised.go, certificate_names.go: what the whole configuration comes to
//   - warnings.go: what is allowed and probably not meant
//   - watch.go, shrinking.go, metrics.go: following changes on disk
//   - table.go, positions.go, problems.go, limits.go, syntax_hints.go: reading TOML strictly, safely, and with helpful messages
package domains

import "mailhint/settings"

// Snapshot is one good state of the configuration. It never changes.
type Snapshot struct {
	index
	// Server is the [server] table.
	Server Server
	// Profiles is the number of profiles.
	Profiles int
	// Warnings are what is allowed and yet probably not meant, in the order of the files; at most 10,000.
	Warnings Problems
	// Skipped are the lines of the files named by domains_file that are not used, because they are not a domain or repeat another; at
	// most 10,000. SkippedLines counts them all.
	Skipped      Problems
	SkippedLines int

	origins  map[*settings.Settings][]Origin
	serverAt map[string]Position // by key of [server], and by key and number of an element
	digest   uint64              // of the files it was loaded from
}

// SameAs reports whether two snapshots, loaded by this process, come from files with the same content.
func (s *Snapshot) SameAs(other *Snapshot) bool { return other != nil && s.digest == other.digest }

// Domains returns the number of names that are answered for, with aliases and wildcards, and without those of the fallback.
func (s *Snapshot) Domains() int { return len(s.names) + len(s.wildcards) }

// ServerAt returns where the i-th element of a key of [server] was written: that of the key if it is not a list, and that of the table, or of
// the file, if it is not there.
func (s *Snapshot) ServerAt(key string, i int) Position {
	for _, k := range []string{key + element(i), key, ""} {
		if at, ok := s.serverAt[k]; ok {
			return at
		}
	}
	return Position{}
}

// Explain says where each value of settings that Lookup returned was written.
func (s *Snapshot) Explain(found *settings.Settings) []Origin { return s.origins[found] }

// Load reads a configuration from its main file. Mistakes in it are returned as Problems.
func Load(file string) (*Snapshot, error) {
	s, _, err := load(file)
	return s, err
}
