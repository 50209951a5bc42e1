package dnsrecords_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/pacc"
	"mailhint/settings"
)

// server is the mailhint server of the tests.
const server = "setup.hoster.example"

// load loads a domains.toml and returns the settings of a domain.
func load(tb testing.TB, text string, d settings.Domain) settings.Found {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return find(tb, file, d)
}

func find(tb testing.TB, file string, d settings.Domain) settings.Found {
	tb.Helper()
	snapshot, err := domains.Load(file)
	if err != nil {
		tb.Fatal(err)
	}
	found, err := snapshot.Lookup(context.Background(), settings.Question{Host: d})
	if err != nil {
		tb.Fatalf("%s is not known", d)
	}
	return found
}

// paccRecord returns the record for the domain's PACC document, or nothing.
func paccRecord(found settings.Found) string {
	document, err := pacc.Answer(found)
	if err != nil {
		return ""
	}
	return pacc.Record(document)
}

// lines returns records in a short form: "_imaps._tcp SRV 0 1 993 imap.example.com.".
func lines(d settings.Domain, records []dnsrecords.Record) []string {
	var all []string
	for _, r := range records {
		all = append(all, strings.TrimSuffix(r.Name, "."+string(d))+" "+r.Data.Type()+" "+r.Data.String())
	}
	return all
}

// TestServices tests the records that name the servers. Each case lists all records.
func TestServices(t *testing.T) {
	tests := []struct {
		name  string
		table string // content of [domains."example.com"]
		want  []string
	}{
		{"both ports, implicit TLS first", `imap = "imap.example.com"
			smtp = "smtp.example.com"`, []string{
			"_imaps._tcp SRV 0 1 993 imap.example.com.",
			"_imap._tcp SRV 10 1 143 imap.example.com.",
			"_pop3s._tcp SRV 0 0 0 .",
			"_pop3._tcp SRV 0 0 0 .",
			"_submissions._tcp SRV 0 1 465 smtp.example.com.",
			"_submission._tcp SRV 10 1 587 smtp.example.com.",
		}},
		{"implicit TLS only", `imap = "imaps://imap.example.com"
			smtp = "submissions://smtp.example.com"`, []string{
			"_imaps._tcp SRV 0 1 993 imap.example.com.",
			"_imap._tcp SRV 0 0 0 .",
			"_pop3s._tcp SRV 0 0 0 .",
			"_pop3._tcp SRV 0 0 0 .",
			"_submissions._tcp SRV 0 1 465 smtp.example.com.",
			"_submission._tcp SRV 0 0 0 .",
		}},
		{"STARTTLS only", `imap = "imap://imap.example.com"
			smtp = "submission://smtp.example.com"`, []string{
			"_imaps._tcp SRV 0 0 0 .",
			"_imap._tcp SRV 0 1 143 imap.example.com.",
			"_pop3s._tcp SRV 0 0 0 .",
			"_pop3._tcp SRV 0 0 0 .",
			"_submissions._tcp SRV 0 0 0 .",
			"_submission._tcp SRV 0 1 587 smtp.example.com.",
		}},
		{"STARTTLS first, because the admin says so", `imap = ["imap://imap.example.com", "imaps://imap.example.com"]
			smtp = "submissions://smtp.example.com"`, []string{
			"_imaps._tcp SRV 10 1 993 imap.example.com.",
			"_imap._tcp SRV 0 1 143 imap.example.com.",
			"_pop3s._tcp SRV 0 0 0 .",
			"_pop3._tcp SRV 0 0 0 .",
			"_submissions._tcp SRV 0 1 465 smtp.example.com.",
			"_submission._tcp SRV 0 0 0 .",
		}},
		{"IMAP before POP3", `imap = "imap.example.com"
			pop3 = "pop3s://pop.example.com"
			smtp = "smtp.example.com"`, []string{
			"_imaps._tcp SRV 0 1 993 imap.example.com.",
			"_imap._tcp SRV 10 1 143 imap.example.com.",
			"_pop3s._tcp SRV 20 1 995 pop.example.com.",
			"_pop3._tcp SRV 0 0 0 .",
			"_submissions._tcp SRV 0 1 465 smtp.example.com.",
			"_submission._tcp SRV 10 1 587 smtp.example.com.",
		}},
		{"several servers, other ports", `pop3 = ["pop3s://one.example.com:10995", "pop3s://two.example.com"]
			smtp = ["submissions://smtp.example.com", "submission://smtp.example.com:2587"]`, []string{
			"_imaps._tcp SRV 0 0 0 .",
			"_imap._tcp SRV 0 0 0 .",
			"_pop3s._tcp SRV 0 1 10995 one.example.com.",
			"_pop3s._tcp SRV 10 1 995 two.example.com.",
			"_pop3._tcp SRV 0 0 0 .",
			"_submissions._tcp SRV 0 1 465 smtp.example.com.",
			"_submission._tcp SRV 10 1 2587 smtp.example.com.",
		}},
		{"no submission on purpose", `imap = "imaps://imap.example.com"
			smtp = []`, []string{
			"_imaps._tcp SRV 0 1 993 imap.example.com.",
			"_imap._tcp SRV 0 0 0 .",
			"_pop3s._tcp SRV 0 0 0 .",
			"_pop3._tcp SRV 0 0 0 .",
			"_submissions._tcp SRV 0 0 0 .",
			"_submission._tcp SRV 0 0 0 .",
		}},
		{"the local part is tried too", `imap = "imaps://imap.example.com"
			smtp = "submissions://smtp.example.com"
			login = "%EMAILLOCALPART%"`, []string{
			"_imaps._tcp SRV 0 1 993 imap.example.com.",
			"_imap._tcp SRV 0 0 0 .",
			"_pop3s._tcp SRV 0 0 0 .",
			"_pop3._tcp SRV 0 0 0 .",
			"_submissions._tcp SRV 0 1 465 smtp.example.com.",
			"_submission._tcp SRV 0 0 0 .",
		}},
		{"a login that no client would try", `imap = { url = "imap.example.com", login = "%EMAILLOCALPART%.mail" }
			smtp = "submissions://smtp.example.com"`, []string{
			"_pop3s._tcp SRV 0 0 0 .",
			"_pop3._tcp SRV 0 0 0 .",
			"_submissions._tcp SRV 0 1 465 smtp.example.com.",
			"_submission._tcp SRV 0 0 0 .",
		}},
		{"ActiveSync only", `activesync = "https://eas.example.com/Microsoft-Server-ActiveSync"`, nil},
		{"Autodiscover elsewhere only", `autodiscover = "redirect:https://example.org/autodiscover/autodiscover.xml"`, nil},
		{"host of the domain", `imap = "imaps://imap.%EMAILDOMAIN%"
			smtp = []
			pop3 = "pop3s://pop.%PRIMARYDOMAIN%"`, []string{
			"_imaps._tcp SRV 0 1 993 imap.example.com.",
			"_imap._tcp SRV 0 0 0 .",
			"_pop3s._tcp SRV 10 1 995 pop.example.com.",
			"_pop3._tcp SRV 0 0 0 .",
			"_submissions._tcp SRV 0 0 0 .",
			"_submission._tcp SRV 0 0 0 .",
		}},
		{"ManageSieve", `sieve = "sieve://imap.example.com"`, []string{
			"_sieve._tcp SRV 0 1 4190 imap.example.com.",
		}},
		{"calendars, contacts, JMAP", `caldav = "https://DAV.%EMAILDOMAIN%/calendars/"
			carddav = "https://dav.example.com:8443"
			jmap = "https://jmap.example.com/session"
			webdav = "https://dav.example.com/files/"`, []string{
			"_caldavs._tcp SRV 0 1 443 dav.example.com.",
			`_caldavs._tcp TXT "path=/calendars/"`,
			"_carddavs._tcp SRV 0 1 8443 dav.example.com.",
			`_carddavs._tcp TXT "path=/"`,
			"_jmap._tcp SRV 0 1 443 jmap.example.com.",
		}},
		{"a path that is not plain", `caldav = "https://dav.example.com/a%20b;c='d'/$e/%5C%22/?q=1"`, []string{
			"_caldavs._tcp SRV 0 1 443 dav.example.com.",
			`_caldavs._tcp TXT "path=/a%20b;c='d'/$e/%5C%22/"`,
		}},
		{"a path that is too long for a character string", `caldav = "https://dav.example.com/` + strings.Repeat("a", 260) + `"`, []string{
			"_caldavs._tcp SRV 0 1 443 dav.example.com.",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := load(t, "[domains.\"example.com\"]\n"+test.table, "example.com")
			got := lines("example.com", dnsrecords.Services(found, 3600))
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestNoTLS: there are no records about servers without TLS, not even that they are not offered.
func TestNoTLS(t *testing.T) {
	imap, err := settings.ParseServer(settings.IMAP, "imap+plain://imap.example.com")
	if err != nil {
		t.Fatal(err)
	}
	imap[0].Login = settings.EmailAddress
	found := settings.Found{Settings: &settings.Settings{Servers: imap}, Domain: "example.com", Primary: "example.com"}
	want := []string{"_pop3s._tcp SRV 0 0 0 .", "_pop3._tcp SRV 0 0 0 .", "_submissions._tcp SRV 0 0 0 .", "_submission._tcp SRV 0 0 0 ."}
	if got := lines("example.com", dnsrecords.Services(found, 3600)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

const small = `[domains."example.com"]
	imap = "imap.example.com"
	smtp = "smtp.example.com"
	aliases = ["example.org"]
	[domains."starttls.example"]
	imap = "imap://imap.starttls.example"
	smtp = "submission://smtp.starttls.example"
	[domains."*.wild.example"]
	imap = "imap.%EMAILDOMAIN%"
	smtp = "smtp.%EMAILDOMAIN%"`

// TestServer tests the records that point to the mailhint server. Each case lists only these.
func TestServer(t *testing.T) {
	const digest = "v=UAAC1; a=sha256; d=AAAA"
	addresses := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	tests := []struct {
		name    string
		domain  settings.Domain
		options dnsrecords.Options
		want    []string
	}{
		{"names", "example.com", dnsrecords.Options{Server: server, PACC: digest}, []string{
			"autoconfig CNAME setup.hoster.example.",
			"autodiscover CNAME setup.hoster.example.",
			"ua-auto-config CNAME setup.hoster.example.",
			"_autodiscover._tcp SRV 0 0 443 setup.hoster.example.",
			`_ua-auto-config TXT "v=UAAC1; a=sha256; d=AAAA"`,
		}},
		{"names with addresses", "example.com", dnsrecords.Options{Server: server, Addresses: addresses, PACC: digest}, []string{
			"autoconfig A 192.0.2.1",
			"autoconfig AAAA 2001:db8::1",
			"autodiscover A 192.0.2.1",
			"autodiscover AAAA 2001:db8::1",
			"ua-auto-config A 192.0.2.1",
			"ua-auto-config AAAA 2001:db8::1",
			"_autodiscover._tcp SRV 0 0 443 autodiscover.example.com.",
			`_ua-auto-config TXT "v=UAAC1; a=sha256; d=AAAA"`,
		}},
		{"addresses are enough", "starttls.example", dnsrecords.Options{Addresses: addresses[:1]}, []string{
			"autoconfig A 192.0.2.1",
			"autodiscover A 192.0.2.1",
			"_autodiscover._tcp SRV 0 0 443 autodiscover.starttls.example.",
		}},
		{"no PACC document", "starttls.example", dnsrecords.Options{Server: server}, []string{
			"autoconfig CNAME setup.hoster.example.",
			"autodiscover CNAME setup.hoster.example.",
			"_autodiscover._tcp SRV 0 0 443 setup.hoster.example.",
		}},
		{"SRV only", "example.com", dnsrecords.Options{Server: server, Variant: dnsrecords.SRVOnly, PACC: digest}, []string{
			"_autodiscover._tcp SRV 0 0 443 setup.hoster.example.",
		}},
		{"the server has one of the names", "example.com", dnsrecords.Options{Server: "autoconfig.example.com", PACC: digest}, []string{
			"autodiscover CNAME autoconfig.example.com.",
			"ua-auto-config CNAME autoconfig.example.com.",
			"_autodiscover._tcp SRV 0 0 443 autoconfig.example.com.",
			`_ua-auto-config TXT "v=UAAC1; a=sha256; d=AAAA"`,
		}},
		{"an alias has records of its own", "example.org", dnsrecords.Options{Server: server, Variant: dnsrecords.SRVOnly}, []string{
			"_autodiscover._tcp SRV 0 0 443 setup.hoster.example.",
		}},
		{"a name below a wildcard", "x.wild.example", dnsrecords.Options{Server: server, Variant: dnsrecords.SRVOnly}, []string{
			"_autodiscover._tcp SRV 0 0 443 setup.hoster.example.",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := load(t, small, test.domain)
			test.options.TTL = 300
			records, err := dnsrecords.For(found, test.options)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				if !strings.HasSuffix(r.Name, "."+string(test.domain)) || r.TTL != 300 || r.Remark == "" {
					t.Errorf("%+v: want a name below %s, a TTL of 300, and a remark", r, test.domain)
				}
			}
			services := dnsrecords.Services(found, 300)
			records = slices.DeleteFunc(records, func(r dnsrecords.Record) bool { return slices.Contains(services, r) })
			got := lines(test.domain, records)
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestServerUnknown(t *testing.T) {
	found := load(t, small, "example.com")
	address := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	for _, o := range []dnsrecords.Options{{}, {Variant: dnsrecords.SRVOnly}, {Variant: dnsrecords.SRVOnly, Addresses: address}} {
		if records, err := dnsrecords.For(found, o); !errors.Is(err, dnsrecords.ErrNoServer) {
			t.Errorf("%+v: got %d records and error %v, want ErrNoServer", o, len(records), err)
		}
	}
}

// TestLongDomain: no name may be longer than 253 octets, so that there are no records whose name would be longer.
func TestLongDomain(t *testing.T) {
	long := settings.Domain(strings.Repeat(strings.Repeat("a", 59)+".", 4) + "example") // 247 octets
	found := load(t, `[domains."`+string(long)+`"]
		imap = "imap.example.com"
		smtp = "smtp.example.com"
		caldav = "https://dav.example.com/"`, long)
	for _, variant := range []dnsrecords.Variant{dnsrecords.Hosts, dnsrecords.SRVOnly} {
		records, err := dnsrecords.For(found, dnsrecords.Options{Server: server, Variant: variant})
		if err != nil || len(records) != 0 {
			t.Errorf("got %v, %v, want no records", lines(long, records), err)
		}
	}
}

func TestData(t *testing.T) {
	tests := []struct {
		data       dnsrecords.Data
		kind, want string
	}{
		{dnsrecords.Address(netip.MustParseAddr("192.0.2.1")), "A", "192.0.2.1"},
		{dnsrecords.Address(netip.MustParseAddr("2001:db8::1")), "AAAA", "2001:db8::1"},
		{dnsrecords.Alias("example.com"), "CNAME", "example.com."},
		{dnsrecords.Service{Priority: 10, Weight: 1, Port: 143, Target: "imap.example.com"}, "SRV", "10 1 143 imap.example.com."},
		{dnsrecords.Service{}, "SRV", "0 0 0 ."},
		{dnsrecords.Text(""), "TXT", `""`},
		{dnsrecords.Text("a; b"), "TXT", `"a; b"`},
		{dnsrecords.Text(`a"b\c`), "TXT", `"a\"b\\c"`},
		{dnsrecords.Text("ü\n"), "TXT", `"\195\188\010"`},
		{dnsrecords.Text(strings.Repeat("a", 255)), "TXT", `"` + strings.Repeat("a", 255) + `"`},
		{dnsrecords.Text(strings.Repeat("a", 511)), "TXT", `"` + strings.Repeat("a", 255) + `" "` + strings.Repeat("a", 255) + `" "a"`},
	}
	for _, test := range tests {
		if test.data.Type() != test.kind || test.data.String() != test.want {
			t.Errorf("%#v: got %s %s, want %s %s", test.data, test.data.Type(), test.data, test.kind, test.want)
		}
	}
}
