package mobileconfig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"howett.net/plist"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// golden lists the profiles in testdata/golden.
var golden = []struct {
	name     string
	address  string          // fred@example.com if empty
	primary  settings.Domain // the domain if empty
	settings *settings.Settings
}{
	{name: "minimal", settings: &settings.Settings{
		Name: "Example Mail", ShortName: "Example", Servers: edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com")}},
	{name: "nameless", settings: recommended()},
	{name: "starttls-only", settings: &settings.Settings{Servers: edgetest.Servers("imap://imap.example.com", "submission://smtp.example.com")}},
	{name: "starttls-preferred", settings: &settings.Settings{ // the profile has what it can express unambiguously
		Servers: edgetest.Servers("imap://imap.example.com", "imaps://imap2.example.com", "submission://smtp.example.com", "submissions://smtp2.example.com:2465")}},
	{name: "pop3", settings: &settings.Settings{
		Servers: edgetest.Servers("pop3s://pop.example.com", "pop3://pop.example.com", "submissions://smtp.example.com")}},
	{name: "pop3-beside-imap", settings: &settings.Settings{
		Servers: edgetest.Servers("imap://imap.example.com", "pop3s://pop.example.com", "submissions://smtp.example.com")}},
	{name: "pop3-because-imap-wants-oauth2", settings: &settings.Settings{Servers: slices.Concat(
		edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com"), settings.OAuth2Token), edgetest.Servers("pop3s://pop.example.com", "submissions://smtp.example.com"))}},
	{name: "plaintext", settings: &settings.Settings{ // only for configured networks
		Servers: edgetest.Servers("imap+plain://imap.example.com", "submission+plain://smtp.example.com")}},
	{name: "own-ports", settings: &settings.Settings{Servers: edgetest.Servers("imaps://imap.example.com:10993", "submission://smtp.example.com:2587")}},
	{name: "local-part", address: "Fred@example.com", settings: edgetest.WithLogin(recommended(), "%EMAILLOCALPART%")},
	{name: "composed-login", settings: edgetest.WithLogin(recommended(), "%EMAILLOCALPART%.mail")},
	{name: "logins-differ", settings: &settings.Settings{Servers: slices.Concat(
		withLoginOf(edgetest.Servers("imaps://imap.example.com"), "%EMAILLOCALPART%"), edgetest.Servers("submissions://smtp.example.com"))}},
	{name: "logins-differ-in-form-only", settings: &settings.Settings{Servers: slices.Concat(
		withLoginOf(edgetest.Servers("imaps://imap.example.com"), "%EMAILLOCALPART%@%EMAILDOMAIN%"), edgetest.Servers("submissions://smtp.example.com"))}},
	{name: "alias", address: "ann@firma.example", primary: "firm.example",
		settings: edgetest.WithLogin(edgetest.WithHost(recommended(), "mail.%PRIMARYDOMAIN%"), "%EMAILLOCALPART%@%PRIMARYDOMAIN%")},
	{name: "host-of-the-domain", address: "fred@bücher.example", settings: edgetest.WithHost(recommended(), "mail.%EMAILDOMAIN%")},
	{name: "password-encrypted", settings: &settings.Settings{
		Servers: edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com"), settings.PasswordEncrypted)}},
	{name: "ntlm", settings: &settings.Settings{
		Servers: edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com"), settings.GSSAPI, settings.NTLM)}},
	{name: "all-auth-methods", settings: &settings.Settings{
		Servers: edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com"), settings.PasswordEncrypted, settings.OAuth2Token,
			settings.GSSAPI, settings.NTLM, settings.ClientCert, settings.Password)}},
	{name: "plaintext-challenge", settings: &settings.Settings{ // without TLS the order of the settings counts
		Servers: edgetest.WithAuth(edgetest.Servers("imap+plain://imap.example.com", "submission+plain://smtp.example.com"), settings.PasswordEncrypted, settings.Password)}},
	{name: "calendar-and-contacts", settings: withDAV("https://dav.%EMAILDOMAIN%/calendars/?a=1&b=2", "https://dav.example.com:8443/")},
	{name: "calendar", settings: withDAV("https://cloud.example.com/remote.php/dav", "")},
	{name: "calendar-without-tls", settings: withDAV("http://dav.example.com/", "https://dav.example.com/")}, // would send the password in the clear
	{name: "contacts", settings: withDAV("", "https://cloud.example.com/remote.php/dav")},
	{name: "calendar-wants-oauth2", settings: func() *settings.Settings {
		s := withDAV("https://dav.example.com/", "https://dav.example.com/")
		s.Auth = []settings.Auth{settings.OAuth2Token}
		return s
	}()},
	{name: "hostile-name", settings: &settings.Settings{Name: `Bäcker & Söhne <"Mail">`, ShortName: "O'Neill & 猫]]>",
		Servers: edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com")}},
	{name: "hostile-address", address: `"</string><key>a&b 猫"@example.com`, settings: withDAV("https://dav.example.com/", "https://dav.example.com/")},
	{name: "password-hint", settings: func() *settings.Settings {
		s := recommended()
		s.PasswordHint, s.PasswordURL = "Create an app password & use it <here>.", "https://account.%EMAILDOMAIN%/passwords"
		return s
	}()},
	{name: "name-of-the-domain", address: "fred@shop.example", settings: &settings.Settings{Name: "Mail of %EMAILDOMAIN%",
		Servers: edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com")}},
}

func TestGolden(t *testing.T) {
	var names []string
	for _, c := range golden {
		names = append(names, c.name+".mobileconfig")
		t.Run(c.name, func(t *testing.T) {
			if c.address == "" {
				c.address = "fred@example.com"
			}
			a := address(t, c.address)
			found := settings.Found{Settings: c.settings, Domain: a.Domain, Primary: c.primary}
			if found.Primary == "" {
				found.Primary = found.Domain
			}
			got, err := Answer(found, a)
			if err != nil {
				t.Fatal(err)
			}
			edgetest.Golden(t, filepath.Join("testdata", "golden", c.name+".mobileconfig"), got)
			check(t, got, a)
		})
	}
	files, err := os.ReadDir(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.Contains(names, f.Name()) {
			t.Errorf("%s belongs to no case", f.Name())
		}
	}
}

// check reads a profile and checks what Apple's rules say about every profile.
func check(t testing.TB, document []byte, a settings.Address) {
	t.Helper()
	p := read(t, document)
	person := strings.ToLower(a.String())
	seen := make(map[string]bool)
	for _, part := range append([]dict{p}, p.parts()...) {
		for _, key := range []string{"PayloadType", "PayloadIdentifier", "PayloadUUID", "PayloadDisplayName"} {
			if text, _ := part[key].(string); text == "" || !strings.HasPrefix(key, "PayloadType") && key != "PayloadDisplayName" && seen[text] {
				t.Errorf("%s is %q, want a text of its own\n%s", key, part[key], document)
			} else {
				seen[text] = true
			}
		}
		if part["PayloadVersion"] != uint64(1) {
			t.Errorf("PayloadVersion is %v, want 1\n%s", part["PayloadVersion"], document)
		}
		for key, value := range part {
			if strings.Contains(key, "Password") && key != "OutgoingPasswordSameAsIncomingPassword" || value == "" {
				t.Errorf("%s: %q has no place in a profile\n%s", key, value, document)
			}
		}
	}
	m := p.parts()[0]
	if got := m.text("EmailAddress"); strings.ToLower(got) != person {
		t.Errorf("EmailAddress is %q, want %q", got, a)
	}
	if same := m["IncomingMailServerUsername"] == m["OutgoingMailServerUsername"]; m["OutgoingPasswordSameAsIncomingPassword"] != same {
		t.Errorf("OutgoingPasswordSameAsIncomingPassword is %v, want %v", m["OutgoingPasswordSameAsIncomingPassword"], same)
	}
}

// dict is a dictionary of a property list.
type dict map[string]any

// read decodes a profile with the library that wrote it.
func read(t testing.TB, document []byte) dict {
	t.Helper()
	var d dict
	if _, err := plist.Unmarshal(document, &d); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return d
}

func (d dict) parts() []dict {
	var parts []dict
	content, _ := d["PayloadContent"].([]any)
	for _, part := range content {
		parts = append(parts, part.(map[string]any))
	}
	return parts
}

func (d dict) text(key string) string {
	s, _ := d[key].(string)
	return s
}

// TestIndependentReader converts every golden file to the binary form and back with libplist, which reads Apple's files for
// libimobiledevice. Nothing may be lost.
func TestIndependentReader(t *testing.T) {
	plistutil := program(t, "plistutil", "libplist-utils")
	files, err := filepath.Glob("testdata/golden/*.mobileconfig")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			document, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			binary := filepath.Join(t.TempDir(), "binary.plist")
			if out, err := exec.Command(plistutil, "-i", name, "-o", binary, "-f", "bin").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			reread, err := os.ReadFile(binary)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(reread), "bplist00") {
				t.Fatalf("libplist cannot read it:\n%s", document)
			}
			if got, want := read(t, reread), read(t, document); !reflect.DeepEqual(got, want) {
				t.Errorf("libplist reads %v, want %v", got, want)
			}
		})
	}
}

// TestIdentifiers pins the identifiers by which devices recognise a profile: if one changes, people who install it again have the account
// twice.
func TestIdentifiers(t *testing.T) {
	for _, c := range []struct{ address, identifier, profile, mail, caldav, carddav string }{
		{"fred@example.com", "com.example.mailsetup.fred", "533A1C8F-C21C-599C-AFAC-EF350179039A", "620DC068-7385-50F2-8460-2B4FD31A2CC5",
			"6408A952-446F-50B7-A853-DC1DC2DB56C4", "967A6A3B-D05F-5097-8F6D-133B15D65E6D"},
		{"Fred@EXAMPLE.com", "com.example.mailsetup.fred", "533A1C8F-C21C-599C-AFAC-EF350179039A", "620DC068-7385-50F2-8460-2B4FD31A2CC5",
			"6408A952-446F-50B7-A853-DC1DC2DB56C4", "967A6A3B-D05F-5097-8F6D-133B15D65E6D"},
	} {
		d := read(t, answer(t, withDAV("https://dav.example.com/", "https://dav.example.com/"), c.address))
		want := []dict{
			{"PayloadType": "Configuration", "PayloadIdentifier": c.identifier, "PayloadUUID": c.profile},
			{"PayloadType": "com.apple.mail.managed", "PayloadIdentifier": c.identifier + ".mail", "PayloadUUID": c.mail},
			{"PayloadType": "com.apple.caldav.account", "PayloadIdentifier": c.identifier + ".caldav", "PayloadUUID": c.caldav},
			{"PayloadType": "com.apple.carddav.account", "PayloadIdentifier": c.identifier + ".carddav", "PayloadUUID": c.carddav},
		}
		for i, part := range append([]dict{d}, d.parts()...) {
			for key, text := range want[i] {
				if part[key] != text {
					t.Errorf("%s: %s is %q, want %q", c.address, key, part[key], text)
				}
			}
		}
	}
}

// Different addresses never share an identifier, whatever is in the local part.
func TestIdentifiersDiffer(t *testing.T) {
	owners := make(map[string]string)
	for _, text := range []string{
		"fred@example.com", "fred.mail@example.com", "fred+mail@example.com", "fred-mail@example.com", "mail@example.com",
		"fred@mail.example.com", "fred@mailsetup.example.com", "mailsetup@example.com", "mailsetup.fred@example.com", "mailsetup.mailsetup@example.com",
		"mailsetup@mailsetup.example.com", "frédéric@example.com", "frederic@example.com", `"fred"@example.com`, `"fr ed"@example.com`, "fred_mail@example.com",
		"533a1c8f-c21c-599c-afac-ef350179039a@example.com", "a-local-part-as-long-as-a-uuid-is-1234@example.com", "猫@example.com", "ネコ@example.com",
	} {
		id := read(t, answer(t, recommended(), text)).text("PayloadIdentifier")
		if owner, taken := owners[id]; taken {
			t.Errorf("%s has the identifier %s of %s", text, id, owner)
		}
		owners[id] = text
		if strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEF0123456789-.") != "" {
			t.Errorf("%s has the identifier %q", text, id)
		}
	}
}

func TestNoProfile(t *testing.T) {
	mailboxes, submission := edgetest.Servers("imaps://imap.example.com", "pop3s://pop.example.com"), edgetest.Servers("submissions://smtp.example.com")
	for _, c := range []struct {
		name    string
		address string
		servers []settings.Server
		want    error
	}{
		{"oauth2 only", "fred@example.com", edgetest.WithAuth(slices.Concat(mailboxes, submission), settings.OAuth2Token), ErrNoPassword},
		{"oauth2 only to read", "fred@example.com", slices.Concat(edgetest.WithAuth(mailboxes, settings.OAuth2Token), submission), ErrNoPassword},
		{"oauth2 only to send", "fred@example.com", slices.Concat(mailboxes, edgetest.WithAuth(submission, settings.OAuth2Token)), ErrNoPassword},
		{"kerberos and certificates", "fred@example.com", edgetest.WithAuth(slices.Concat(mailboxes, submission), settings.GSSAPI, settings.ClientCert), ErrNoPassword},
		{"oauth2 imap, no pop3", "fred@example.com", slices.Concat(edgetest.WithAuth(mailboxes[:1], settings.OAuth2Token), submission), ErrNoPassword},
		{"no submission", "fred@example.com", mailboxes, ErrNoServers},
		{"nothing to read from", "fred@example.com", submission, ErrNoServers},
		{"nothing", "fred@example.com", nil, ErrNoServers},
		{"sieve only", "fred@example.com", edgetest.Servers("sieve://imap.example.com"), ErrNoServers},
		{"no address", "", slices.Concat(mailboxes, submission), ErrAddress},
		{"space", "fr ed@example.com", slices.Concat(mailboxes, submission), ErrAddress},
		{"markup", "<b>@example.com", slices.Concat(mailboxes, submission), ErrAddress},
		{"another domain", "fred@bigbank.example", slices.Concat(mailboxes, submission), ErrOtherDomain},
		{"a subdomain", "fred@mail.example.com", slices.Concat(mailboxes, submission), ErrOtherDomain},
		{"two at signs, the first quoted", `"ceo@bank.example"@example.com`, slices.Concat(mailboxes, submission), ErrAddress},
		{"two at signs", "a@b@example.com", slices.Concat(mailboxes, submission), ErrAddress},
		{"Evolution", "EVOLUTIONUSER@example.com", slices.Concat(mailboxes, submission), ErrAddress},
		{"not a character", "\"\uFFFE\"@example.com", slices.Concat(mailboxes, submission), ErrAddress},
		{"turns the text around", "\"\u202Eabc\"@example.com", slices.Concat(mailboxes, submission), ErrAddress},
	} {
		var a settings.Address
		if c.address != "" {
			a = address(t, c.address)
		}
		s := &settings.Settings{Servers: c.servers}
		if got, err := Answer(settings.Found{Settings: s, Domain: "example.com", Primary: "example.com"}, a); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: got %v, %s, want %v", c.name, err, got, c.want)
		}
	}
}

// TestHostileText puts every printable character with a meaning in XML, property lists or identifiers into names and local parts, and reads
// it back.
func TestHostileText(t *testing.T) {
	for _, text := range []string{"<", "&", ">", "'", `"`, "]]>", "<![CDATA[", "<!-- -->", "&amp;", "&#0;", "%s", "%EMAILADDRESS", "${a}", "Ünï", "猫", "👩‍🚀", "\u00A0", "{}", "()", `\"`, `\\`, "a=b;"} {
		s := recommended()
		s.Name, s.ShortName = settings.Pattern("N"+text), settings.Pattern("S"+text)
		local := `"` + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(text, "\u200D", ""), `\`, `\\`), `"`, `\"`) + `"`
		a := settings.Address{Local: local, Domain: "example.com"}
		if !a.Plausible() { // then it is only in the names
			a.Local = "fred"
		}
		document := answer(t, s, a.String())
		check(t, document, a)
		d := read(t, document)
		if d.text("PayloadDisplayName") != string(s.Name) || d.text("PayloadOrganization") != string(s.ShortName) ||
			d.parts()[0].text("EmailAddress") != a.String() {
			t.Errorf("%q comes back as\n%s", text, document)
		}
	}
}

func ExampleLink() {
	fmt.Println(Link("autoconfig.example.com", settings.Address{Local: "fred+news", Domain: "example.com"}))
	// Output: https://autoconfig.example.com/mobileconfig?emailaddress=fred%2Bnews%40example.com
}

// answer returns the profile for an address of a domain with these settings.
func answer(t testing.TB, s *settings.Settings, text string) []byte {
	t.Helper()
	a := address(t, text)
	document, err := Answer(settings.Found{Settings: s, Domain: a.Domain, Primary: a.Domain}, a)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return document
}

func address(t testing.TB, text string) settings.Address {
	t.Helper()
	a, err := settings.ParseAddress(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return a
}

// recommended returns the settings of a domain that has only its hosts configured.
func recommended() *settings.Settings {
	return &settings.Settings{Servers: edgetest.Servers("imaps://imap.example.com", "imap://imap.example.com", "submissions://smtp.example.com", "submission://smtp.example.com")}
}

func withLoginOf(servers []settings.Server, l settings.Login) []settings.Server {
	servers = slices.Clone(servers)
	for i := range servers {
		servers[i].Login = l
	}
	return servers
}

func withDAV(caldav, carddav settings.Pattern) *settings.Settings {
	s := recommended()
	s.Login, s.Auth, s.CalDAV, s.CardDAV = settings.EmailAddress, []settings.Auth{settings.Password}, caldav, carddav
	return s
}

// program returns the path of a program that a test needs, or skips the test.
func program(t testing.TB, name, debian string) string {
	t.Helper()
	file, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed; on Debian it is in %s", name, debian)
	}
	return file
}
