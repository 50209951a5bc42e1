package ispdb

import (
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"mailhint/domains"
	"mailhint/settings"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

// ownSamples returns files that contain, between them, every oddity of provider files.
func ownSamples(tb testing.TB) []string { return samples(tb, "testdata/*.xml", 7) }

// published returns provider files of Mozilla's database. They are not part of the project; if they are not beside it, only our own samples
// are tested.
func published(tb testing.TB) []string { return samples(tb, "../../shared/ispdb/*.xml", 0) }

func samples(tb testing.TB, pattern string, atLeast int) []string {
	tb.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) < atLeast {
		tb.Fatalf("found %d files of %s (%v), want at least %d", len(files), pattern, err, atLeast)
	}
	return files
}

func readSample(tb testing.TB, file string) (text []byte, p *Provider, remarks []Remark) {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	providers, remarks, err := Read(text)
	if err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
	if len(providers) != 1 {
		tb.Fatalf("%s has %d providers", file, len(providers))
	}
	return text, providers[0], remarks
}

// printed returns a provider as an entry of domains.toml.
func printed(tb testing.TB, p *Provider) string {
	tb.Helper()
	e := domains.Entry{Kind: domains.Single, Names: p.Domains, Choice: domains.Choice{Settings: p.Settings}}
	if len(p.Domains) > 1 {
		e.Kind = domains.List
	}
	if p.Plaintext() {
		e.Networks = settings.AllNetworks()
	}
	text, err := domains.Printer{}.Entry(e)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// loaded loads a text as domains.toml.
func loaded(tb testing.TB, text string) *domains.Snapshot {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	s, err := domains.Load(file)
	if err != nil {
		tb.Fatalf("%v\nin\n%s", err, text)
	}
	return s
}

// answers returns the settings that are answered for the domains, which must be the same for all of them.
func answers(tb testing.TB, s *domains.Snapshot, names []settings.Domain) *settings.Settings {
	tb.Helper()
	var first *settings.Settings
	for _, d := range names {
		found, err := s.Lookup(context.Background(), settings.Question{Host: d, Client: netip.MustParseAddr("203.0.113.9")})
		if err != nil {
			tb.Fatalf("%s is not found", d)
		}
		if first == nil {
			first = found.Settings
		}
		if found.Settings != first || found.Primary != d {
			tb.Fatalf("%s has settings of its own or is an alias of %s", d, found.Primary)
		}
	}
	return first
}

// TestGolden compares the entries that samples become, and the remarks about them.
func TestGolden(t *testing.T) {
	for _, file := range ownSamples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, p, remarks := readSample(t, file)
			var said strings.Builder
			for _, r := range remarks {
				fmt.Fprintf(&said, "%d: %s: %s\n", r.Line, r.kind, r.Text)
			}
			for _, c := range p.Comments {
				fmt.Fprintf(&said, "%d: (comment) %s\n", c.Line, c.Text)
			}
			name := strings.TrimSuffix(filepath.Base(file), ".xml")
			compareFile(t, filepath.Join("testdata/golden", name+".toml"), printed(t, p))
			compareFile(t, filepath.Join("testdata/golden", name+".txt"), said.String())
		})
	}
}

func compareFile(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant (%s; go test -update rewrites it)\n%s", got, name, want)
	}
}

// TestRoundTrip reads every file, loads it as domains.toml, writes the settings as a provider file again, and compares the two files with a
// reader of its own.
func TestRoundTrip(t *testing.T) {
	t.Run("own", func(t *testing.T) { roundTrip(t, ownSamples(t)) })
	t.Run("published", func(t *testing.T) { roundTrip(t, published(t)) })
}

func roundTrip(t *testing.T, files []string) {
	exact := 0
	kinds := make(map[kind]int)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, p, remarks := readSample(t, file)
			checkRead(t, p, remarks)
			s := answers(t, loaded(t, printed(t, p)), p.Domains)
			again, _, err := Write(&Provider{Domains: p.Domains, Settings: s}, "")
			if err != nil {
				t.Fatal(err)
			}
			said := make(map[kind]bool)
			for _, r := range remarks {
				said[r.kind] = true
				kinds[r.kind]++
			}
			differences := compareMeaning(t, text, again)
			for _, d := range differences {
				if !d.explained(said) {
					t.Errorf("%s: there is no remark about it; the file means\n%q\nwritten again\n%q", d.aspect, d.before, d.after)
				}
			}
			if len(differences) == 0 {
				exact++
			} else {
				t.Logf("differs, with remarks, in %v", differences)
			}
		})
	}
	t.Logf("%d files, %d with exactly the same meaning, the others with a remark on each difference; remarks: %v", len(files), exact, kinds)
}

// TestWriteLoses writes settings that the format cannot express.
func TestWriteLoses(t *testing.T) {
	servers := func(urls ...string) (list []settings.Server) {
		for _, url := range urls {
			p := settings.IMAP
			if strings.HasPrefix(url, "submission") {
				p = settings.Submission
			}
			one, err := settings.ParseServer(p, url)
			if err != nil {
				t.Fatal(err)
			}
			one[0].Login, one[0].Auth = "%EMAILLOCALPART%@%PRIMARYDOMAIN%", []settings.Auth{settings.Password}
			list = append(list, one...)
		}
		return list
	}
	s := &settings.Settings{
		Name:    `<&">`,
		Servers: servers("imaps://mail.%PRIMARYDOMAIN%", "submissions://mail.%EMAILDOMAIN%"),
		Login:   "%EMAILADDRESS%", Auth: []settings.Auth{settings.GSSAPI},
		CalDAV: "https://dav.example.com/", Support: "mailto:help@example.com", ActiveSync: "https://eas.example.com/",
		EWS: "https://ews.example.com/", AutodiscoverRedirect: "https://other.example/",
	}
	p := &Provider{Domains: []settings.Domain{"firm.example", "firma.example"}, Settings: s}
	text, lost, err := Write(p, "firm.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"caldav", "support", "activesync", "ews", "autodiscover"} {
		if !strings.Contains(strings.Join(lost, "\n"), key+" is left out: ") {
			t.Errorf("%s is not mentioned in %q", key, lost)
		}
	}
	for _, want := range []string{"<displayName>&lt;&amp;&#34;&gt;</displayName>", "<hostname>mail.firm.example</hostname>",
		"<hostname>mail.%EMAILDOMAIN%</hostname>", "<username>%EMAILLOCALPART%@firm.example</username>"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	// For names that stand for themselves, the two placeholders are the same, and the login is the whole address.
	if text, _, err = Write(p, ""); err != nil || !strings.Contains(string(text), "<username>%EMAILADDRESS%</username>") || strings.Contains(string(text), "PRIMARY") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, _, err := Write(&Provider{Domains: p.Domains, Settings: &settings.Settings{}}, ""); !errors.Is(err, settings.ErrNotExpressible) {
		t.Errorf("got error %v, want settings.ErrNotExpressible", err)
	}
}

// wrap makes a provider file with the given text inside the provider, and after it.
func wrap(inside, behind string) string {
	return "<clientConfig>\n<emailProvider id=\"a.example\">\n<domain>a.example</domain>\n" + inside + "\n</emailProvider>\n" + behind + "\n</clientConfig>"
}

const goodServer = `<outgoingServer type="smtp"><hostname>a.example</hostname><port>465</port><socketType>SSL</socketType><authentication>none</authentication></outgoingServer>`

// TestBad reads files that cannot be converted at all.
func TestBad(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "it is empty"},
		{"only white space", " \n", "it is empty"},
		{"text", "imap.example.com", "line 1: there is text outside the root element"},
		{"TOML", "[domains.\"a.example\"]\n", "line 1: there is text outside the root element"},
		{"half a file", "<clientConfig>\n<emailProvider>", "line 2: not valid XML: unexpected EOF"},
		{"crossed elements", "<clientConfig>\n<a>\n</b>\n</clientConfig>", "line 3: not valid XML: element <a> closed by </b>"},
		{"bare ampersand", wrap("<displayName>A & B</displayName>", ""), "line 4: not valid XML: invalid character entity & (no semicolon)"},
		{"own entity", wrap("<displayName>&xxe;</displayName>", ""), "line 4: not valid XML: invalid character entity &xxe;"},
		{"document type", "<!DOCTYPE clientConfig [<!ENTITY a \"b\">]>\n<clientConfig/>", "line 1: <!DOCTYPE is not allowed: provider files have no document type"},
		{"another encoding", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<clientConfig/>", "line 1: its declared encoding is ISO-8859-1; convert it to UTF-8"},
		{"another encoding unsaid", "<clientConfig>\n\xfc</clientConfig>", "line 2: it is not UTF-8; convert it, for example with iconv"},
		{"UTF-16", "\xff\xfe<\x00c\x00", "line 1: it is not UTF-8; convert it, for example with iconv"},
		{"control character", "<clientConfig>\x01</clientConfig>", "line 1: not valid XML: illegal character code U+0001"},
		{"two roots", "<clientConfig/>\n<clientConfig/>", "line 2: there is a second root element <clientConfig>; a file has one <clientConfig>"},
		{"another root", "<html/>", "line 1: the root element is <html> instead of <clientConfig>, so this is not a provider file"},
		{"a namespace", `<clientConfig xmlns="urn:x"/>`, "line 1: the root element is <urn:x:clientConfig> instead of <clientConfig>, so this is not a provider file"},
		{"no provider", "<clientConfig>\n</clientConfig>", "line 1: it has no <emailProvider>"},
		{"no domain", "<clientConfig>\n<emailProvider>" + goodServer + "</emailProvider></clientConfig>", "line 2: it has no valid <domain>"},
		{"no good domain", "<clientConfig>\n<emailProvider><domain>com</domain>" + goodServer + "</emailProvider></clientConfig>", "line 2: it has no valid <domain>"},
		{"no server", wrap("", ""), "line 2: it has no server that can be converted"},
		{"no good server", wrap(strings.Replace(goodServer, "465", "0", 1), ""), "line 2: it has no server that can be converted"},
		{"too deep", strings.Repeat("<a>", 17), "line 1: elements are nested more than 16 deep"},
		{"too many", wrap(strings.Repeat("<a/>", 20_000), ""), "line 4: it has more than 20000 elements"},
		{"too large", wrap(strings.Repeat(" ", MaxSize), ""), "it is 1024 KB long; the limit is 1024 KB, and provider files have a few"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _, err := Read([]byte(test.text))
			if err == nil {
				t.Fatalf("read as %+v", p)
			}
			if err.Error() != test.want {
				t.Errorf("got  %s\nwant %s", err, test.want)
			}
			if fault := (*Error)(nil); !errors.As(err, &fault) {
				t.Errorf("the error is a %T", err)
			}
		})
	}
}

// TestBounded reads files of the largest size that are made to be slow. The limit is far above the time they need.
func TestBounded(t *testing.T) {
	fill := func(piece string, max int) string { return strings.Repeat(piece, min(max, (MaxSize-1000)/len(piece))) }
	server := `<incomingServer type="imap"><hostname>%d.a.example</hostname><port>993</port><socketType>SSL</socketType><authentication>plain</authentication></incomingServer>`
	var servers strings.Builder
	for i := range 3500 {
		fmt.Fprintf(&servers, server, i)
	}
	for name, text := range map[string]string{
		"comments":     wrap("<displayName>"+fill("<!--x-->y", MaxSize)+"</displayName>"+goodServer, ""),
		"attributes":   wrap("<a "+fill("b='c' ", MaxSize)+"/>"+goodServer, ""),
		"domains":      wrap(fill("<domain>a.example</domain>", 19_000)+goodServer, ""),
		"unknown":      wrap(fill("<a b='c'>d</a>", 19_000)+goodServer, ""),
		"second":       wrap(goodServer+fill("<displayName/>", 19_000), ""),
		"servers":      wrap(servers.String(), ""),
		"same server":  wrap(fill(goodServer, 3500), ""),
		"placeholders": wrap(strings.Replace(goodServer, "<port>", "<username>"+fill("%EMAILADRESS%", MaxSize)+"</username><port>", 1), ""),
		"long url":     wrap(goodServer+"<documentation url='https://"+fill("a.", MaxSize)+"'/>", ""),
		"long domain":  wrap("<domain>"+fill("é.", MaxSize)+"</domain>"+goodServer, ""),
		"entities":     wrap("<displayName>"+fill("&amp;", MaxSize)+"</displayName>"+goodServer, ""),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if providers, _, err := Read([]byte(text)); err == nil {
				loaded(t, printed(t, providers[0]))
			}
			if d := time.Since(start); d > time.Minute {
				t.Errorf("%v for %d octets", d, len(text))
			} else {
				t.Logf("%v for %d octets", d, len(text))
			}
		})
	}
}

// FuzzRead reads arbitrary text. It must end, and what can be read must load, and mean the same when it is written and read again.
func FuzzRead(f *testing.F) {
	for _, file := range append(ownSamples(f), published(f)...) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(wrap(goodServer, "")))
	f.Fuzz(func(t *testing.T, text []byte) {
		providers, remarks, err := Read(text)
		if err != nil {
			if fault := (*Error)(nil); !errors.As(err, &fault) {
				t.Fatalf("the error is a %T", err)
			}
			return
		}
		for _, p := range providers {
			checkRead(t, p, remarks)
		}
	})
}

// FuzzValues puts arbitrary values into a well-formed file.
func FuzzValues(f *testing.F) {
	f.Add("a.example", "imap", "mail.a.example", "993", "SSL", "password-cleartext", "%EMAILADDRESS%", "A Mail", "https://a.example/help")
	f.Add("b.example", "pop3", "mail.%EMAILDOMAIN%", "25", "plain", "none", "%EMAILADRESS", "%EMAILDOMAIN%", "http://%EMAILDOMAIN%/#a")
	f.Add("bücher.example", "jmap", "https://a.example/", "0", "", "OAuth2", "x\\%EMAILLOCALPART%", "\"\\\t", "mailto:a")
	f.Fuzz(func(t *testing.T, domain, kind, host, port, socket, auth, user, name, docs string) {
		e := func(s string) string {
			var b strings.Builder
			xml.EscapeText(&b, []byte(s)) // writing to a strings.Builder cannot fail
			return b.String()
		}
		server := "<hostname>" + e(host) + "</hostname><url>" + e(host) + "</url><port>" + e(port) + "</port><socketType>" + e(socket) +
			"</socketType><authentication>" + e(auth) + "</authentication><username>" + e(user) + "</username>"
		providers, remarks, err := Read([]byte(wrap("<domain>"+e(domain)+"</domain><displayName>"+e(name)+"</displayName><displayShortName>"+e(name)+
			"</displayShortName><incomingServer type=\""+e(kind)+"\">"+server+"</incomingServer><outgoingServer type=\"smtp\">"+server+
			"</outgoingServer><documentation url=\""+e(docs)+"\"/>"+goodServer,
			"<calendar type=\"caldav\">"+server+"</calendar><webMail><loginPage url=\""+e(docs)+"\"/></webMail><oAuth2><issuer>"+e(name)+
				"</issuer><scope>"+e(name)+"</scope><authURL>"+e(docs)+"</authURL><tokenURL>"+e(docs)+"</tokenURL></oAuth2>")))
		if err != nil {
			t.Fatal(err) // the good server is always there
		}
		checkRead(t, providers[0], remarks)
	})
}

// checkRead checks that what was read can be loaded, and that it means the same when it is written and read again.
func checkRead(tb testing.TB, p *Provider, remarks []Remark) {
	tb.Helper()
	for _, r := range remarks {
		if r.Line < 1 || r.kind == "" || r.Text == "" {
			tb.Errorf("remark without line, kind or text: %+v", r)
		}
	}
	s := answers(tb, loaded(tb, printed(tb, p)), p.Domains)
	if !reflect.DeepEqual(s, p.Settings) {
		tb.Fatalf("answered are\n%+v\nread were\n%+v", s, p.Settings)
	}
	text, lost, err := Write(p, "")
	if err != nil || lost != nil {
		tb.Fatalf("written with lost = %q, error %v", lost, err)
	}
	readAgain(tb, p, text)
}

// readAgain checks that what was written is read as the same provider.
func readAgain(tb testing.TB, p *Provider, text []byte) {
	tb.Helper()
	providers, remarks, err := Read(text)
	if err != nil {
		tb.Fatalf("%v in\n%s", err, text)
	}
	again := providers[0]
	want := *p.Settings
	if want.Name == "" { // answers show the domain, and so must a file
		want.Name = again.Settings.Name
	}
	if !reflect.DeepEqual(again.Domains, p.Domains) || !reflect.DeepEqual(*again.Settings, want) {
		tb.Fatalf("read again with %v\n%+v\nfirst\n%+v\nfrom\n%s", remarks, *again.Settings, want, text)
	}
}
