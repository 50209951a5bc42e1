package file_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/accounts"
	"mailhint/accounts/file"
)

const limit = 30 * time.Second

// warned is a store that notes its warnings.
type warned struct {
	*file.Store
	dir string

	mutex    sync.Mutex
	warnings []string
}

func newWarned(t *testing.T) *warned {
	t.Helper()
	w := &warned{dir: t.TempDir()}
	w.Store = file.Open(w.dir)
	w.Warn = func(err error) {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		w.warnings = append(w.warnings, err.Error())
	}
	return w
}

func (w *warned) name() string { return filepath.Join(w.dir, "accounts.toml") }

// edit writes the file in place, as some editors do.
func (w *warned) edit(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(w.name(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// names are the accounts in force.
func (w *warned) names(t *testing.T) string {
	t.Helper()
	all, err := w.Accounts(t.Context())
	if err != nil {
		return "error: " + err.Error()
	}
	var names []string
	for _, a := range all {
		names = append(names, a.Name)
	}
	return strings.Join(names, " ")
}

func (w *warned) await(t *testing.T, want string) {
	t.Helper()
	for start := time.Now(); w.names(t) != want; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > limit {
			t.Fatalf("accounts %q, want %q", w.names(t), want)
		}
	}
}

// A hand edit counts within a second. One with mistakes does not: the accounts stay as they were, each mistake is reported once with its line, and
// nothing that is secret is repeated.
func TestHandEdits(t *testing.T) {
	const good = "# mine\n[users.anna]\nrole = \"operator\"\n[users.\"berta@firm.example\"]\nrole = \"viewer\"\n"
	for bad, want := range map[string]string{
		"[users.anna\n":                   "accounts.toml:1: not valid TOML",
		"[users.anna]\nrole = \"boss\"\n": "accounts.toml:2: users.anna.role: \"boss\" is not a role",
		"[users.anna]\nrole = \"viewer\"\npasword = \"geheim\"\n":      "accounts.toml:3: users.anna.pasword: unknown key",
		"[users.anna]\nrole = \"viewer\"\npassword = \"geheim\"\n":     "accounts.toml:3: users.anna.password: not an argon2id hash",
		"[users.anna]\nrole = 7\n":                                     "accounts.toml:2: ",
		"[users.Anna]\nrole = \"viewer\"\n":                            "accounts.toml:1: users.Anna: \"Anna\" is not a valid name",
		"[users.anna]\nrole = \"viewer\"\ntotp = \"geheim!\"\n":        "accounts.toml:3: users.anna.totp: not a valid secret",
		"[users.anna]\nrole = \"operator\"\n[users.anna]\n":            "accounts.toml:3: users.anna: not valid",
		"[tokens.ci]\nrole = \"viewer\"\nhash = \"mailhint_geheim\"\n": "accounts.toml:3: tokens.ci.hash: not the hash of a token",
		"users = 7\n": "accounts.toml",
		"[users.anna]\nrole = \"viewer\"\ndomains = [\"geheim domain\"]\n": "accounts.toml:3: users.anna.domains: ",
		"[users.anna]\nrole = \"provisioner\"\n":                           "accounts.toml:1: users.anna.profiles: a provisioner needs",
		"[users.anna]\nrole = \"viewer\"\nrecovery_codes = \"geheim\"\n":   "accounts.toml:3: users.anna.recovery_codes: ",
		"[users.anna]\nrole = \"viewer\"\ncreated = \"yesterday\"\n":       "accounts.toml:3: users.anna.created: ",
		"x = " + strings.Repeat("[", 100_000):                              "accounts.toml:1: ",
	} {
		t.Run(fmt.Sprintf("%.40q", bad), func(t *testing.T) {
			t.Parallel()
			w := newWarned(t)
			w.edit(t, "[users.anna]\nrole = \"operator\"\n")
			w.await(t, "anna")
			w.edit(t, good)
			w.await(t, "anna berta@firm.example")
			w.edit(t, bad)
			for start := time.Now(); w.Health(t.Context()) == nil; time.Sleep(10 * time.Millisecond) {
				if time.Since(start) > limit {
					t.Fatal("it is not refused")
				}
			}
			if got := w.names(t); got != "anna berta@firm.example" {
				t.Errorf("accounts %q", got)
			}
			warnings := strings.Join(w.warnings, "\n")
			if len(w.warnings) != 1 || !strings.Contains(warnings, want) || strings.Contains(warnings, "geheim\"") || strings.Contains(warnings, "mailhint_geheim") {
				t.Errorf("warnings %q, want one with %q", w.warnings, want)
			}
			// It is not overwritten either.
			if _, err := w.SaveAccount(t.Context(), accounts.Account{Name: "carl", Role: accounts.Viewer}, accounts.Absent); err == nil || !strings.Contains(err.Error(), "fix them first") {
				t.Errorf("a change is saved, error %v", err)
			}
			if text, err := os.ReadFile(w.name()); err != nil || string(text) != bad {
				t.Errorf("the file is %.60q, error %v", text, err)
			}
			w.edit(t, "[users.anna]\nrole = \"operator\"\n")
			w.await(t, "anna")
			if err := w.Health(t.Context()); err != nil {
				t.Errorf("after the correction: %v", err)
			}
		})
	}
}

// A text that is written slowly in place is not used before it is whole.
func TestHalfWritten(t *testing.T) {
	w := newWarned(t)
	const text = "[users.anna]\nrole = \"operator\"\n\n[users.berta]\nrole = \"viewer\"\ndisabled = true\n"
	w.edit(t, text)
	w.await(t, "anna berta")
	f, err := os.OpenFile(w.name(), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, part := range strings.SplitAfter(text, "\n") {
		if _, err := f.WriteString(part); err != nil {
			t.Fatal(err)
		}
		a, err := w.Account(t.Context(), "berta")
		if err != nil || !a.Disabled {
			t.Fatalf("in between, the account is %+v, error %v", a, err)
		}
	}
}

// At the start, a text with mistakes is an error, not a store without accounts.
func TestMistakesAtStart(t *testing.T) {
	w := newWarned(t)
	w.edit(t, "[users.anna]\nrole = \"boss\"\n")
	if _, err := w.Account(t.Context(), "anna"); err == nil || errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("Account: error %v", err)
	}
	if got := w.names(t); !strings.Contains(got, "is not a role") {
		t.Errorf("Accounts: %q", got)
	}
	if err := w.Health(t.Context()); err == nil {
		t.Error("Health: no error")
	}
}

// What others can read is not used, and what this store writes nobody else can read.
func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	w := newWarned(t)
	if _, err := w.SaveAccount(t.Context(), accounts.Account{Name: "anna", Role: accounts.Operator}, accounts.Absent); err != nil {
		t.Fatal(err)
	}
	if err := w.SaveSession(t.Context(), accounts.Session{ID: accounts.HashSecret("x"), Account: "anna", Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Remember(t.Context(), "x", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := w.UseSession(t.Context(), accounts.HashSecret("x"), accounts.Use{Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(t.Context(), accounts.Event{Actor: "anna", Action: "set"}); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(w.dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || name == w.dir {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		files++
		return err
	})
	if err != nil || files < 9 {
		t.Errorf("%d files, error %v", files, err)
	}
	if err := os.Chmod(w.name(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := w.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod 600") || !strings.Contains(err.Error(), "still using the previous accounts") {
		t.Errorf("Health of a file that others can read: %v", err)
	}
	if _, err := file.Open(w.dir).Account(t.Context(), "anna"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a new process reads it: %v", err)
	}
}

// Changes by programs keep what people have written, and its order.
func TestCommentsStay(t *testing.T) {
	w := newWarned(t)
	const text = "# Ours.\n\n[users.anna] # the boss\nrole = \"operator\"\n\n# The help desk.\n[users.berta]\nrole    = \"viewer\" # for now\ndomains = [\"a.example\"]\n"
	w.edit(t, text)
	w.await(t, "anna berta")
	a, err := w.Account(t.Context(), "berta")
	if err != nil {
		t.Fatal(err)
	}
	a.Domains, a.Disabled = []string{"b.example"}, true
	if _, err := w.SaveAccount(t.Context(), a, a.Revision); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(w.name())
	if want := strings.Replace(text, "a.example\"]\n", "b.example\"]\ndisabled = true\n", 1); err != nil || string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The service's user may make a symbolic link; root does not write through it.
func TestSymbolicLinks(t *testing.T) {
	w := newWarned(t)
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("[users.x]\nrole = \"viewer\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, w.name()); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if _, err := w.SaveAccount(t.Context(), accounts.Account{Name: "anna", Role: accounts.Operator}, accounts.Absent); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(victim); err != nil || bytes.Contains(text, []byte("anna")) {
		t.Errorf("the file behind the link is %q, error %v", text, err)
	}
}

// The audit trail is bounded, and keeps its newest events and their numbers over rotations and a torn line.
func TestAuditRotates(t *testing.T) {
	file.SmallAudit(t)
	w := newWarned(t)
	const events = 200
	for i := range events {
		if err := w.Append(t.Context(), accounts.Event{Time: time.Now(), Actor: "anna", Action: "set", Detail: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
		if i == events/2 { // a process was killed while it wrote
			f, err := os.OpenFile(filepath.Join(w.dir, "audit.jsonl"), os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(`{"number":9999,"ti`); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
	list, err := w.Audit(t.Context(), accounts.AuditQuery{})
	if err != nil || len(list) < 20 || len(list) >= events {
		t.Fatalf("%d events, error %v", len(list), err)
	}
	for i, e := range list {
		if e.Number != int64(events-i) || e.Detail != fmt.Sprint(events-1-i) {
			t.Fatalf("event %d from the end has number %d and detail %s", i, e.Number, e.Detail)
		}
	}
	names, err := filepath.Glob(filepath.Join(w.dir, "audit*.jsonl"))
	if err != nil || len(names) != 3 {
		t.Errorf("files %v, error %v", names, err)
	}
}

// What has expired is removed.
func TestSweep(t *testing.T) {
	w := newWarned(t)
	ctx := context.Background()
	past := time.Now().Add(-time.Minute)
	for i := range 5 {
		if err := w.SaveSession(ctx, accounts.Session{ID: accounts.HashSecret(fmt.Sprint(i)), Account: "anna", Expires: past}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Remember(ctx, fmt.Sprint(i), past); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := file.Open(w.dir).Remember(ctx, "new", time.Now().Add(time.Hour)); err != nil { // a new process sweeps first
		t.Fatal(err)
	}
	for dir, want := range map[string]int{"sessions": 0, "accounts.facts": 1} {
		files, err := os.ReadDir(filepath.Join(w.dir, dir))
		if err != nil || len(files) != want {
			t.Errorf("%s has %d files, want %d; error %v", dir, len(files), want, err)
		}
	}
}
