//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mailhint/postgres/postgrestest"
)

// TestDatabaseDocs does what docs/database.md says, at a real server: the roles and the database, the configuration, and the changes of another
// program.
func TestDatabaseDocs(t *testing.T) {
	server := postgrestest.Start(t)
	server.Exec(t, "postgres", "ALTER ROLE "+postgrestest.User+" RENAME TO another", "CREATE ROLE panel") // the page makes the role itself
	s := newDocSession(t)
	if err := os.WriteFile(filepath.Join(s.dir, "store.password"), []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "PGHOST=127.0.0.1", fmt.Sprintf("PGPORT=%d", server.Port), "PGUSER=postgres")
	shell := func(command string) string {
		t.Helper()
		cmd := exec.Command("sh", "-euc", command)
		cmd.Dir, cmd.Env = s.dir, s.env
		cmd.Stdin = strings.NewReader("correct horse\ncorrect horse\n")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal, at which --pwprompt would ask
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return string(out)
	}
	page, err := os.ReadFile("../../docs/database.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range fences.FindAllString(string(page), -1) {
		language, text, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(block, "```"), "```\n"), "\n")
		switch language {
		case "toml":
			here := strings.NewReplacer("db.example.com", fmt.Sprintf("127.0.0.1:%d", server.Port), "sslmode=verify-full", "sslmode=disable")
			s.write(t, "domains.toml", here.Replace(text))
		case "sh":
			shell(text)
		case "sql":
			shell("mailhint apply - <<'end'\nversion = 1\n[profiles.shared]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\nend")
			for _, statement := range strings.SplitAfter(text, ";\n") {
				if statement = strings.TrimSpace(statement); statement == "" {
					continue
				}
				if !strings.HasPrefix(statement, "GRANT") {
					statement = "SET ROLE panel; " + statement
				}
				server.Exec(t, "mailhint", statement)
				if strings.Contains(statement, "UPDATE mailhint.records SET") {
					if got := shell("mailhint check && mailhint store export"); !strings.Contains(got, "Example Mail") {
						t.Errorf("the database has\n%s", got)
					}
				}
			}
		default:
			t.Errorf("nothing runs the block in the language %q", language)
		}
	}
	if got := shell("mailhint history example.com"); !strings.Contains(got, "removed") {
		t.Errorf("the history is\n%s", got)
	}
}
