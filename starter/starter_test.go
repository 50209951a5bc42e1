package starter

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/probe"
	"mailhint/settings"
)

// TestEveryEntryLoads appends entries of all kinds to one file and loads it.
func TestEveryEntryLoads(t *testing.T) {
	server := func(p settings.Protocol, url string, auths ...settings.Auth) settings.Server {
		t.Helper()
		servers, err := settings.ParseServer(p, url)
		if err != nil {
			t.Fatal(err)
		}
		servers[0].Login, servers[0].Auth = settings.EmailAddress, auths
		return servers[0]
	}
	submission := server(settings.Submission, "submission://smtp.example.com", settings.Password)
	findings := []probe.Finding{
		{Servers: []settings.Server{server(settings.IMAP, "imaps://imap.example.com", settings.OAuth2Token, settings.GSSAPI), submission}},
		{Servers: []settings.Server{server(settings.POP3, "pop3://imap.example.com:2110", settings.PasswordEncrypted, settings.NTLM, settings.ClientCert), submission}},
		{
			Servers: []settings.Server{
				server(settings.IMAP, "imap://imap.example.com", settings.Password), submission,
				server(settings.ManageSieve, "sieve://imap.example.com", settings.Password),
			},
			Services: []probe.Service{
				{Name: "CalDAV", URL: "https://dav.example.com:8443/calendars/"}, {Name: "CardDAV", URL: "https://dav.example.com/"},
				{Name: "JMAP", URL: "https://jmap.example.com/.well-known/jmap"},
			},
			Problems: []string{"a \"problem\"\nwith = [lines]"}, Remarks: []string{"\x1b[2J"},
		},
		{Domain: "xn--bcher-kva.example"}, // nothing was found
		{Domain: "half.example", Servers: []settings.Server{submission}},
	}
	var all strings.Builder
	for i, f := range findings {
		if f.Domain == "" {
			f.Domain = settings.Domain("d" + strconv.Itoa(i) + ".example")
		}
		text, err := Entry(&f, f.Comments(time.Now())...)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(text)
	}
	file := filepath.Join(t.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if snapshot, err := domains.Load(file); err != nil || snapshot.Domains() != 3 {
		t.Errorf("got %v; want 3 domains from\n%s", err, all.String())
	}
	if strings.ContainsRune(all.String(), '\x1b') {
		t.Errorf("control characters in\n%q", all.String())
	}
}

// example is a finding with one server for each direction.
func example(t *testing.T) *probe.Finding {
	t.Helper()
	f := &probe.Finding{Domain: "example.com", Remarks: []string{"imap.example.com may have more addresses"}}
	for protocol, url := range map[settings.Protocol]string{settings.IMAP: "imaps://imap.example.com", settings.Submission: "submissions://smtp.example.com"} {
		servers, err := settings.ParseServer(protocol, url)
		if err != nil {
			t.Fatal(err)
		}
		servers[0].Login, servers[0].Auth = settings.EmailAddress, []settings.Auth{settings.Password}
		f.Servers = append(f.Servers, servers...)
	}
	return f
}

// TestFirstStart writes a first domains.toml and prints the next steps, with and without the name of the mailhint server.
func TestFirstStart(t *testing.T) {
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		file, server, golden string
		updates              Updates
	}{
		{"domains.toml", "", "local", Updates{}}, {"conf.toml", "setup.hoster.example", "server", Updates{}},
		{"updates.toml", "setup.hoster.example", "updates", Updates{"ns1.hoster.example", "/etc/mailhint/mailhint.key"}},
	} {
		if err := Write(test.file, example(t), settings.Domain(test.server), test.updates, now); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(test.file)
		if err != nil {
			t.Fatal(err)
		}
		next, err := NextSteps(t.Context(), test.file, "example.com", dnsrecords.Options{Server: test.server, TTL: 3600})
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join(home, "testdata", test.golden+".txt")
		got := "-- " + test.file + " --\n" + string(text) + "-- next steps --\n" + next
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || got != string(want) {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", golden, err, got, want)
		}
	}
}

var update = flag.Bool("update", false, "write the golden files")

// home is the folder of the package.
var home, _ = os.Getwd()

// TestWriteInvalid: what is wrong is reported for the file to be written, and not for a temporary one.
func TestWriteInvalid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "domains.toml")
	found := example(t)
	found.Servers[0].Host = "not a host"
	err := Write(file, found, "", Updates{}, time.Now())
	if problems := (domains.Problems)(nil); !errors.As(err, &problems) || !strings.HasPrefix(err.Error(), file+":") || strings.Contains(err.Error(), "/proc/") {
		t.Errorf("got %v, want problems of %s", err, file)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file exists: %v", err)
	}
}

// TestPublicSuffix: a mail domain that is a public suffix, such as gov.in, gets a first file like any other.
func TestPublicSuffix(t *testing.T) {
	file := filepath.Join(t.TempDir(), "domains.toml")
	found := example(t)
	found.Domain = "gov.in"
	if err := Write(file, found, "", Updates{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if next, err := NextSteps(t.Context(), file, "gov.in", dnsrecords.Options{TTL: 60}); err != nil || !strings.Contains(next, "\nautoconfig.gov.in. ") {
		t.Errorf("got %v and\n%s\nwant the record autoconfig.gov.in", err, next)
	}
}

// TestWriteNeverOverwrites starts several writes of one file at the same time: one succeeds, and its file is complete.
func TestWriteNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "domains.toml")
	found := example(t)
	var won, lost int
	results := make(chan error)
	const racers = 20
	for range racers {
		go func() { results <- Write(file, found, "", Updates{}, time.Now()) }()
	}
	for range racers {
		if err := <-results; err == nil {
			won++
		} else if errors.Is(err, fs.ErrExist) {
			lost++
		} else {
			t.Error(err)
		}
	}
	if won != 1 || lost != racers-1 {
		t.Errorf("%d succeeded and %d found a file, want 1 and %d", won, lost, racers-1)
	}
	if snapshot, err := domains.Load(file); err != nil || snapshot.Domains() != 1 {
		t.Errorf("got %v, want a file with 1 domain", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files in the folder, want only domains.toml (%v)", len(entries), err)
	}
}
