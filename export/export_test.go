package export

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/durable"
)

// options reads a configuration, and notes remarks in the order in which they come.
func options(t *testing.T, config string) (o Options, remarks *[]string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	snapshot, err := domains.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	remarks = new([]string)
	return Options{Snapshot: snapshot, Entries: snapshot.Entries(), Remark: func(about, text string) {
		*remarks = append(*remarks, about+": "+text)
	}}, remarks
}

const twoDomains = `
[domains."a.example"]
imap = "imap.a.example"
smtp = "smtp.a.example"
[domains."b.example"]
imap = "imap.b.example"
smtp = "smtp.b.example"
`

func TestWriteRefuses(t *testing.T) {
	o, _ := options(t, twoDomains)
	for format, want := range map[string]error{"xml": ErrFormat, "ispdb": ErrFolderNeeded, "static": ErrFolderNeeded} {
		var out bytes.Buffer
		if _, err := Write(t.Context(), &out, format, o); !errors.Is(err, want) || out.Len() > 0 {
			t.Errorf("%s: got %v and %q, want %v and no output", format, err, &out, want)
		}
	}
}

// TestFiles counts files: written, unchanged, and left alone until they may be replaced.
func TestFiles(t *testing.T) {
	o, remarks := options(t, twoDomains)
	o.Folder = filepath.Join(t.TempDir(), "web")
	steps := 0
	o.Step = func() { steps++ }
	write := func(want Result) {
		t.Helper()
		if got, err := Write(t.Context(), nil, "static", o); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	write(Result{Written: 6})
	if steps != 2 {
		t.Errorf("%d steps for two domains", steps)
	}
	write(Result{Same: 6})
	changed := filepath.Join(o.Folder, "a.example", "mail", "config-v1.1.xml")
	if err := os.WriteFile(changed, []byte("by hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(Result{Same: 5, Kept: 1})
	if want := []string{changed + ": left alone: it exists and has other content"}; !slices.Equal(*remarks, want) {
		t.Errorf("got the remarks %q, want %q", *remarks, want)
	}
	letter := filepath.Join(o.Folder, "b.example", "mail", "config-v1.1.xml") // of the same size
	if text, err := os.ReadFile(letter); err != nil || os.WriteFile(letter, bytes.Replace(text, []byte("imap.b"), []byte("imap.c"), 1), 0o600) != nil {
		t.Fatal(err)
	}
	o.Replace = true
	write(Result{Written: 2, Same: 4})
	if text, err := os.ReadFile(letter); err != nil || !strings.Contains(string(text), "imap.b.example") {
		t.Errorf("%s holds %q, %v", letter, text, err)
	}
	if text, err := os.ReadFile(changed); err != nil || !strings.Contains(string(text), "imap.a.example") {
		t.Errorf("%s holds %q, %v", changed, text, err)
	}
}

// TestAllOrNothing: if one file cannot be written, or there is no more time, none is.
func TestAllOrNothing(t *testing.T) {
	o, _ := options(t, twoDomains)
	o.Folder, o.Replace = t.TempDir(), true
	bad := filepath.Join(o.Folder, "b.example", "mail", "config-v1.1.xml")
	if err := os.MkdirAll(bad, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), nil, "static", o); !errors.Is(err, durable.ErrNotRegular) {
		t.Errorf("got %v, want durable.ErrNotRegular", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Write(ended, nil, "static", o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	entries, err := os.ReadDir(o.Folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v, want only b.example", entries, err)
	}
}

// TestFolderAppearsMeanwhile: files that cannot get their names at the end are an error, and not counted.
func TestFolderAppearsMeanwhile(t *testing.T) {
	o, _ := options(t, twoDomains)
	o.Folder = filepath.Join(t.TempDir(), "web")
	o.Step = func() {
		if err := os.MkdirAll(filepath.Join(o.Folder, "of somebody else"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if result, err := Write(t.Context(), nil, "static", o); err == nil || result != (Result{}) {
		t.Errorf("got %+v, %v, want an error", result, err)
	}
	if entries, err := os.ReadDir(o.Folder); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v, want only what was there", entries, err)
	}
}

// TestRemarks: every entry that cannot be a file says why.
func TestRemarks(t *testing.T) {
	o, remarks := options(t, `
[domains."*.wild.example"]
imap = "imap.example.com"
smtp = "smtp.example.com"
[domains."closed.example"]
enabled = false
[domains."dav.example"]
caldav = "https://dav.example.com/"
[domains."plain.example"]
imap = "imap+plain://imap.example.com"
smtp = "submission+plain://smtp.example.com"
allow_plaintext = ["10.0.0.0/8"]
[profiles.shared]
imap = "imap.example.com"
smtp = "smtp.example.com"
[fallback]
profile = "shared"
`)
	o.Folder = t.TempDir()
	result, err := Write(t.Context(), nil, "ispdb", o)
	if err != nil || result != (Result{LeftOut: 5}) {
		t.Errorf("got %+v, %v", result, err)
	}
	for _, name := range []string{"*.wild.example", "closed.example", "dav.example", "plain.example", "fallback"} {
		if !slices.ContainsFunc(*remarks, func(r string) bool { return strings.HasPrefix(r, name+": left out: ") }) {
			t.Errorf("no remark on %s in %q", name, *remarks)
		}
	}
	if len(*remarks) != 5 {
		t.Errorf("%d remarks on five entries: %q", len(*remarks), *remarks)
	}
}

// TestDomainsOfAnEntry: what is prepared once for an entry serves each of its domains.
func TestDomainsOfAnEntry(t *testing.T) {
	o, _ := options(t, `
[profiles.shared]
imap = "imap.%EMAILDOMAIN%"
smtp = "smtp.%EMAILDOMAIN%"
domains = ["a.example", "b.example"]
[domains."c.example"]
aliases = ["d.example"]
imap = "imap.%PRIMARYDOMAIN%"
smtp = "smtp.%EMAILDOMAIN%"
`)
	o.Folder = t.TempDir()
	if got, err := Write(t.Context(), nil, "static", o); err != nil || got.Written != 12 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for domain, imap := range map[string]string{"a.example": "imap.a.example", "b.example": "imap.b.example", "c.example": "imap.c.example", "d.example": "imap.c.example"} {
		for _, name := range []string{"mail/config-v1.1.xml", ".well-known/autoconfig/mail/config-v1.1.xml", ".well-known/user-agent-configuration.json"} {
			text, err := os.ReadFile(filepath.Join(o.Folder, domain, filepath.FromSlash(name)))
			if err != nil || !strings.Contains(string(text), imap) || !strings.Contains(string(text), "smtp."+domain) {
				t.Errorf("%s of %s: got %q, %v, want %s and smtp.%s", name, domain, text, err, imap, domain)
			}
		}
	}
}
