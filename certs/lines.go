package certs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Lines are what /-/readyz shows of the certificates, for an admin to read.
func (c *Certificates) Lines() []string {
	s := c.Status()
	var counts []string
	for _, state := range states {
		if n := s.Names[state]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(counts) == 0 {
		counts = []string{"none"}
	}
	lines := []string{fmt.Sprintf("certificates: %s; %d waiting to be ordered", strings.Join(counts, ", "), s.Waiting)}
	if s.StorageError != "" {
		lines = append(lines, fmt.Sprintf("certificates cannot be saved in %s, so none are ordered: %s", c.place(), s.StorageError))
	}
	if s.Unsaved > 0 {
		lines = append(lines, fmt.Sprintf("certificates served from memory until they can be saved: %d", s.Unsaved))
	}
	if len(s.Held) > 0 {
		name := slices.Min(slices.Collect(maps.Keys(s.Held)))
		lines = append(lines, fmt.Sprintf("names that get no certificate because what %s has of them cannot be used: %d; one is %s: %s",
			c.place(), len(s.Held), name, s.Held[name]))
	}
	if s.WildcardsFull {
		lines = append(lines, "all certificates for names below wildcards are in use; list the names you need in domains.toml")
	}
	for _, a := range s.Accounts {
		if a.Fault != "" {
			lines = append(lines, fmt.Sprintf("CA %s issues no certificates, next attempt at %s: %s", a.CA, a.Until.UTC().Format(time.RFC3339), a.Fault))
		}
		if a.NextFree > 0 {
			lines = append(lines, fmt.Sprintf("CA %s: all %d orders of this hour are used, the next is possible in %s", a.CA, a.PerHour, a.NextFree.Round(time.Second)))
		}
	}
	return lines
}

// place is where certificates are kept, as an admin knows it.
func (c *Certificates) place() string {
	if c.config.Storage != nil {
		return "the database"
	}
	return "state_dir"
}
