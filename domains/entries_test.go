package domains_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/settings"
)

// everything has all that there can be in an entry of each kind.
const everything = `
[defaults]
docs = "https://help.example.com/"
[profiles.shared]
name = "Shared \"Mail\" \\ ünïcode"
short_name = "Shared"
imap = { url = "imap.example.com", login = { lookup = "mail" } }
pop3 = ["pop3://pop.example.com", "pop3s://pop.example.com"]
smtp = ["smtp.example.com", { url = "submission+anyport://relay.example.com:25", login = "%EMAILLOCALPART%", auth = ["none"] }]
sieve = "sieve://imap.example.com"
login = "%EMAILLOCALPART%.%EMAILDOMAIN%"
auth = ["oauth2", "password"]
webmail = "https://webmail.example.com/"
caldav = "https://dav.example.com/calendars/"
carddav = "https://dav.example.com/contacts/"
webdav = "https://dav.example.com/files/"
jmap = "https://jmap.example.com/"
password_hint = "Create an app password."
password_url = "https://account.example.com/"
logo = "logo.png"
accent = "#0b6e4f"
accent_dark = "#58c49d"
activesync = "https://eas.example.com/"
ews = "https://ews.example.com/"
autodiscover = "redirect:https://autodiscover.example.com/"
support = "mailto:help@example.com"
pacc = false
domains = ["zebra.example", "ant.example"]
[profiles.shared.oauth2]
issuer = "login.example.com"
scope = ["mail", "offline_access"]
auth_url = "https://login.example.com/authorize"
token_url = "https://login.example.com/token"
client_id = "mail"

[domains."main.example"]
profile = "shared"
aliases = ["second.example", "alias.example"]
imap = "mail.%PRIMARYDOMAIN%"
docs = ""
[[domains."main.example".rules]]
users_file = "users.txt"
imap = "imap+plain://users.example.com"
allow_plaintext = ["10.0.0.0/8"]
[[domains."main.example".rules]]
from = ["192.0.2.0/24"]
smtp = []

[domains."*.wild.example"]
imap = "imap.%EMAILDOMAIN%"
smtp = "smtp.%EMAILDOMAIN%"
[[domains."*.wild.example".rules]]
from = ["192.0.2.0/24"]
profile = "shared"

[domains."plain.example"]
login = { lookup = "people", hint = "your UniID, for example ab123" }
imap = ["imaps://imap.plain.example", "imap+plain://imap.plain.example"]
smtp = ["submissions://smtp.plain.example", "submission+plain://smtp.plain.example"]
allow_plaintext = ["10.0.0.0/8", "2001:db8::/32"]

[domains."send.example"]
imap = []
smtp = "smtp.send.example"
[domains."look.example"]
imap = []
smtp = []
webmail = "https://look.example/"
[domains."closed.example"]
enabled = false
aliases = ["shut.example"]
profile = "shared"

[fallback]
profile = "shared"

[lookups.people]
type = "ldap"
url = ["ldaps://ldap1.example.com", "ldap://ldap2.example.com"]
base = "ou=people,dc=example,dc=com"
filter = "(|(mail=%EMAILADDRESS%)(uid=%EMAILLOCALPART%))"
attribute = "uid"
bind_dn = "cn=mailhint"
bind_password_file = "ldap.pass"
unknown = "%EMAILLOCALPART%"
[lookups.mail]
type = "sql"
url = "postgres://mailhint@db.example.com/mail"
query = "SELECT login FROM people WHERE address = %EMAILADDRESS%"
password_file = "sql.pass"
ca = "root.pem"
`

func writeAll(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	files["logo.png"] = pngFile(t, 4, 2)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "domains.toml")
}

// pngFile returns an image of one colour.
func pngFile(t *testing.T, width, height int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func loadFile(t *testing.T, file string) *domains.Snapshot {
	t.Helper()
	s, err := domains.Load(file)
	if err != nil {
		text, _ := os.ReadFile(file)
		t.Fatalf("%v\nin\n%s", err, text)
	}
	return s
}

// printAll prints entries into a directory and loads them again.
func printAll(t *testing.T, s *domains.Snapshot, entries []domains.Entry) *domains.Snapshot {
	t.Helper()
	dir := t.TempDir()
	lists := 0
	printer := domains.Printer{WriteList: func(list []string) (string, error) {
		lists++
		name := "list-" + strconv.Itoa(lists) + ".txt"
		return name, os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(list, "\n")), 0o600)
	}}
	var text strings.Builder
	for _, e := range entries {
		printed, err := printer.Entry(e, "a comment\nof \x1b many words "+strings.Repeat("word ", 60))
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(printed)
	}
	text.WriteString(s.LookupTables(entries))
	return loadFile(t, writeAll(t, dir, map[string]string{"domains.toml": text.String()}))
}

// sameAnswers compares the answers for all addresses and networks that could get different ones.
func sameAnswers(t *testing.T, a, b *domains.Snapshot, names ...settings.Domain) {
	t.Helper()
	for _, d := range names {
		for _, local := range []string{"", "ann", "bob.smith"} {
			for _, client := range []string{"", "192.0.2.7", "10.1.2.3", "2001:db8::7", "203.0.113.7"} {
				q := settings.Question{Host: d}
				if local != "" {
					q.Address = settings.Address{Local: local, Domain: d}
				}
				if client != "" {
					q.Client = netip.MustParseAddr(client)
				}
				got, err := b.Lookup(t.Context(), q)
				want, wantErr := a.Lookup(t.Context(), q)
				if err != wantErr || got.Domain != want.Domain || got.Primary != want.Primary || got.Varies != want.Varies || !reflect.DeepEqual(got.Settings, want.Settings) {
					t.Errorf("%s %q from %q: got %v %+v\n%+v\nwant %v %+v\n%+v", d, local, client, err, got, got.Settings, wantErr, want, want.Settings)
				}
			}
		}
	}
}

var everyName = []settings.Domain{"zebra.example", "ant.example", "main.example", "second.example", "alias.example", "a.wild.example",
	"b.c.wild.example", "wild.example", "plain.example", "send.example", "look.example", "closed.example", "shut.example", "other.example"}

// Every kind of entry gives the same answers after printing.
func TestPrintAnswers(t *testing.T) {
	dir := t.TempDir()
	s := loadFile(t, writeAll(t, dir, map[string]string{"domains.toml": everything, "users.txt": "ann@main.example\nbob.*@second.example\n"}))
	sameAnswers(t, s, printAll(t, s, s.Entries()), everyName...)

	// The entries for one name give the same answers for that name.
	for _, d := range everyName {
		entries, err := s.EntriesFor([]settings.Domain{d})
		if err != nil || len(entries) != 1 {
			t.Fatalf("%s: %d entries, %v", d, len(entries), err)
		}
		if len(entries[0].Names) > 1 && entries[0].Kind == domains.List {
			t.Errorf("%s: its entry has the whole list: %v", d, entries[0].Names)
		}
		one := printAll(t, s, entries)
		if d != "closed.example" && d != "shut.example" {
			sameAnswers(t, s, one, d)
		}
	}
}

// So does the documented example.
func TestPrintExample(t *testing.T) {
	s := loadFile(t, "../docs/example/domains.toml")
	var names []settings.Domain
	for _, e := range s.Entries() {
		for _, d := range e.Names {
			if e.Kind == domains.Wildcard {
				d = "x." + d
			}
			names = append(names, d)
		}
	}
	if len(names) < 10 {
		t.Errorf("only %v", names)
	}
	sameAnswers(t, s, printAll(t, s, s.Entries()), append(names, "anybody.example")...)
}

// The configuration of TestPrintAnswers sets each field of Settings, so that no new field is left out of the test.
func TestPrintEveryField(t *testing.T) {
	dir := t.TempDir()
	s := loadFile(t, writeAll(t, dir, map[string]string{"domains.toml": everything, "users.txt": "ann@main.example\n"}))
	found, _ := s.Lookup(t.Context(), settings.Question{Host: "zebra.example"})
	v := reflect.ValueOf(*found.Settings)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not set, so its printing is not tested", v.Type().Field(i).Name)
		}
	}
}

func TestEntriesOrder(t *testing.T) {
	dir := t.TempDir()
	s := loadFile(t, writeAll(t, dir, map[string]string{"domains.toml": `
[profiles.b]
imap = "b.example.com"
smtp = "b.example.com"
domains = [
  "z.example.com",
  "a.example.com",
]
[domains."y.example.com"]
imap = "b.example.com"
smtp = "b.example.com"
[domains."b.example.com"]
imap = "b.example.com"
smtp = "b.example.com"
`}))
	var names [][]settings.Domain
	for _, e := range s.Entries() {
		names = append(names, e.Names)
	}
	want := [][]settings.Domain{{"y.example.com"}, {"b.example.com"}, {"z.example.com", "a.example.com"}}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if _, err := s.EntriesFor([]settings.Domain{"nowhere.example.com"}); err == nil || !strings.Contains(err.Error(), "nowhere.example.com is not configured") {
		t.Errorf("got %v", err)
	}
}

// Users need a file of their own, and long lists of names can have one.
func TestPrintLists(t *testing.T) {
	dir := t.TempDir()
	s := loadFile(t, writeAll(t, dir, map[string]string{"domains.toml": everything, "users.txt": "ann@main.example\n"}))
	entries, err := s.EntriesFor([]settings.Domain{"main.example"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (domains.Printer{}).Entry(entries[0]); !errors.Is(err, domains.ErrNeedsFile) {
		t.Errorf("got %v, want ErrNeedsFile", err)
	}
	many := domains.Entry{Kind: domains.List, Choice: entries[0].Choice}
	for i := range 1500 {
		many.Names = append(many.Names, settings.Domain("d"+strconv.Itoa(i)+".example"))
	}
	inline, err := domains.Printer{}.Entry(many)
	if err != nil || !strings.Contains(inline, "\n  \"d1499.example\",\n]\n") {
		t.Errorf("%v\n%.300s…", err, inline)
	}
	var aside []string
	text, err := domains.Printer{WriteList: func(list []string) (string, error) { aside = list; return "names.txt", nil }}.Entry(many)
	if err != nil || len(aside) != 1500 || !strings.Contains(text, "\ndomains_file = \"names.txt\"\n") {
		t.Errorf("%v, %d aside\n%s", err, len(aside), text)
	}
}
