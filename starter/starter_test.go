package starter

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

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

// TestWriteNeverOverwrites starts several writes of one file at the same time: one succeeds, and its file is complete.
func TestWriteNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "domains.toml")
	found := probe.Finding{Domain: "example.com"}
	for protocol, url := range map[settings.Protocol]string{settings.IMAP: "imaps://imap.example.com", settings.Submission: "submissions://smtp.example.com"} {
		servers, err := settings.ParseServer(protocol, url)
		if err != nil {
			t.Fatal(err)
		}
		servers[0].Login, servers[0].Auth = settings.EmailAddress, []settings.Auth{settings.Password}
		found.Servers = append(found.Servers, servers...)
	}
	var won, lost int
	results := make(chan error)
	const racers = 20
	for range racers {
		go func() { results <- Write(file, &found, "", time.Now()) }()
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
