package main

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

// With a database, accounts and tokens are kept in it, the page signs in with them, and a change through the API is served when its command ends.
func TestAdminWithDatabase(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	database := server.URL(server.Database(t))
	if _, _, err := postgres.Migrate(t.Context(), postgres.Config{URL: database}, true); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "domains.toml")
	state := filepath.Join(dir, "state")
	write(t, config, strings.Replace(oneDomain, "[server]", "[server]\nstate_dir = "+quote(state), 1)+"[store]\ntype = \"postgres\"\nurl = "+quote(database)+"\n")
	r := startProgramOn(t, config)
	const password = "correct horse battery"
	secret := filepath.Join(dir, "token")
	mailhint := func(args ...string) string {
		t.Helper()
		root := newRoot()
		var out, errs bytes.Buffer
		root.SetIn(strings.NewReader(password + "\n"))
		root.SetOut(&out)
		root.SetErr(&errs)
		root.SetArgs(args)
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, &errs)
		}
		return out.String()
	}
	mailhint("user", "add", "anna", "--role", "operator", "--password-file", "-", "--config", config)
	write(t, secret, mailhint("token", "add", "panel", "--role", "operator", "--config", config))
	if err := os.Chmod(secret, 0o600); err != nil {
		t.Fatal(err)
	}

	withoutRedirect := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for typed, want := range map[string]int{password: http.StatusSeeOther, "another password": http.StatusForbidden} {
		answer, err := withoutRedirect.PostForm("http://"+r.admin()+"/sign-in", url.Values{"name": {"anna"}, "password": {typed}})
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("sign-in with %q: status %d, want %d", typed, answer.StatusCode, want)
		}
	}

	remote := []string{"--server", "http://" + r.admin(), "--token-file", secret}
	for _, step := range []struct{ command, host string }{
		{"add new.example imap=imap.new.example smtp=smtp.new.example", "imap.new.example"},
		{"set new.example imap=imap2.new.example", "imap2.new.example"},
		{"undo new.example", "imap.new.example"},
	} {
		mailhint(append(strings.Fields(step.command), remote...)...)
		if _, answer := ask(t, r.public(), "autoconfig.new.example", path); !strings.Contains(answer, "<hostname>"+step.host+"<") {
			t.Errorf("after %s, clients get\n%s", step.command, answer)
		}
	}
	if list := mailhint("list", "--managed-by", "store", "--config", config); !strings.Contains(list, "new.example") {
		t.Errorf("the database has\n%s", list)
	}
	for _, name := range []string{"accounts.toml", "audit.jsonl"} {
		if _, err := os.Stat(filepath.Join(state, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there beside the database: %v", name, err)
		}
	}
}
