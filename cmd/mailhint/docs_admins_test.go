//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"mailhint/domains"
)

// TestAdminsDocs runs the commands that docs/admins.md shows beside a running server, as TestChangingDocs does.
func TestAdminsDocs(t *testing.T) {
	s := newDocSession(t)
	config := filepath.Join(s.dir, "domains.toml")
	s.page(t, "../../docs/admins.md", func(toml string) {
		if s.admin != "" { // the second one is of another provider
			file := filepath.Join(t.TempDir(), "domains.toml")
			write(t, file, "[domains.\"firm.example\"]\nimap = \"imap.firm.example\"\nsmtp = \"smtp.firm.example\"\n"+toml)
			if _, err := domains.Load(file); err != nil {
				t.Error(err)
			}
			return
		}
		free := strings.NewReplacer(usualAdmin, "127.0.0.1:0", "[server]\n", "[server]\nhttp = [\"127.0.0.1:0\"]\n")
		write(t, config, free.Replace(toml))
		s.admin = startProgramOn(t, config).admin()
	})
}
