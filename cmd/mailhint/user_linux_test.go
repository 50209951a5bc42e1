package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/accounts"
	"mailhint/accounts/file"
)

// At a terminal the password is asked for twice and never shown.
func TestUserAddAtTerminal(t *testing.T) {
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, "[domains.\"firm.example\"]\nimap = \"imap.firm.example\"\nsmtp = \"smtp.firm.example\"\n")
	for typed, want := range map[string]string{
		"correct horse battery\ncorrect horse battery\n": "added anna (operator)\n",
		"correct horse battery\ncorrect horse batterx\n": "the two passwords differ; nothing was changed\n",
		"short\n": "password: too short; use at least 10 characters\n",
	} {
		master, terminal := openTerminal(t)
		stdin := os.Stdin
		os.Stdin = terminal
		t.Cleanup(func() { os.Stdin = stdin })
		if _, err := master.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		run(t.Context(), []string{"user", "add", "anna", "--role", "operator", "--config", config}, &out, &errs)
		if got := errs.String(); !strings.HasPrefix(got, "New password for anna (at least 10 characters): \n") || !strings.HasSuffix(got, want) || strings.Contains(got, "horse") || out.Len() > 0 {
			t.Errorf("typed %q: stdout %q, stderr %q, want %q", typed, &out, got, want)
		}
		os.Stdin = stdin
	}
	s := accounts.New(file.Open(filepath.Join(filepath.Dir(config), "state")), accounts.Options{})
	if _, err := s.SignIn(t.Context(), accounts.Attempt{Name: "anna", Password: "correct horse battery"}); err != nil {
		t.Errorf("sign-in with the password: %v", err)
	}
}
