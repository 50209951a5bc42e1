package domains

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/settings"
)

// goodFiles returns the files of testdata/good.
func goodFiles(t testing.TB) []string {
	t.Helper()
	single, err := filepath.Glob("testdata/good/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	several, err := filepath.Glob("testdata/good/*/domains.toml")
	if err != nil {
		t.Fatal(err)
	}
	if len(single) == 0 || len(several) == 0 {
		t.Fatal("testdata/good is empty")
	}
	return slices.Concat(single, several)
}

// notices returns warnings or skipped lines, without the directory of the file.
func notices(file string, problems Problems) []string {
	var list []string
	for _, p := range problems {
		line := strings.ReplaceAll(p.String(), file+":", "")
		list = append(list, strings.ReplaceAll(line, filepath.Dir(file)+string(filepath.Separator), ""))
	}
	return list
}

// Every file of testdata/good has questions and answers in its comments. A question is "# ? " with an address, a host ("at"), the
// client's address ("from"), or several of them; the lines with "#   " below it are the whole answer. "# warns: " and "# skips: " lines are all that Load warns
// of, and all lines of lists that it skips.
func TestGoodFiles(t *testing.T) {
	for _, file := range goodFiles(t) {
		t.Run(strings.TrimPrefix(filepath.ToSlash(file), "testdata/good/"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			asked := 0
			question, want := "", ""
			check := func() {
				if question == "" {
					return
				}
				asked++
				if got := answer(t, s, question); got != want {
					t.Errorf("%s\n got:\n%swant:\n%s", question, got, want)
				}
			}
			for line := range strings.Lines(string(text)) {
				line = strings.TrimRight(line, "\r\n")
				if q, ok := strings.CutPrefix(line, "# ? "); ok {
					check()
					question, want = q, ""
				} else if a, ok := strings.CutPrefix(line, "#   "); ok && question != "" {
					want += a + "\n"
				}
			}
			check()
			for prefix, problems := range map[string]Problems{"# warns: ": s.Warnings, "# skips: ": s.Skipped} {
				var want []string
				for line := range strings.Lines(string(text)) {
					if w, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), prefix); ok {
						want = append(want, w)
					}
				}
				if got := notices(file, problems); !slices.Equal(got, want) {
					t.Errorf("%s\n got:\n%s\nwant:\n%s", prefix, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
			if asked == 0 {
				t.Error("it has no questions")
			}
			checkAllSettings(t, s)
		})
	}
}

// answer looks up a question and prints what is found.
func answer(t testing.TB, s *Snapshot, question string) string {
	t.Helper()
	found, err := s.Lookup(context.Background(), ask(t, question))
	if err != nil {
		return "nothing\n"
	}
	checkFound(t, found)
	return spellFound(found)
}

// ask reads "ann@example.com", "at autoconfig.example.com", "ann@example.com at autoconfig.example.com from 192.0.2.1".
func ask(t testing.TB, question string) settings.Question {
	t.Helper()
	var q settings.Question
	words := strings.Fields(question)
	if len(words)%2 == 1 {
		a, err := settings.ParseAddress(words[0])
		if err != nil {
			t.Fatalf("%q: %v", question, err)
		}
		q.Address, words = a, words[1:]
	}
	for ; len(words) > 0; words = words[2:] {
		switch words[0] {
		case "at":
			q.Host = settings.DomainOfHost(words[1])
		case "from":
			q.Client = netip.MustParseAddr(words[1])
		default:
			t.Fatalf("%q: unknown word %q", question, words[0])
		}
	}
	return q
}

func spellFound(found settings.Found) string {
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s %s\n", key, value)
		}
	}
	expand := func(p settings.Pattern) string { return p.Expand(string(found.Domain), string(found.Primary)) }
	line("for", string(found.Domain))
	if found.Primary != found.Domain {
		line("alias of", string(found.Primary))
	}
	line("name", expand(found.Name))
	line("short name", expand(found.ShortName))
	usual := func(l settings.Login, auth []settings.Auth) (words string) {
		if l = l.For(found.Domain, found.Primary); l != settings.EmailAddress {
			words += " login " + string(l)
		}
		if !slices.Equal(auth, []settings.Auth{settings.Password}) {
			words += " auth " + strings.Join(strings.Fields(strings.Trim(fmt.Sprint(auth), "[]")), ", ")
		}
		return words
	}
	for _, server := range found.Servers {
		line(server.Protocol.String(), expand(settings.Pattern(server.URL()))+usual(server.Login, server.Auth))
	}
	if len(found.Servers) == 0 {
		line("services", strings.TrimSpace("only"+usual(found.Login, found.Auth)))
	}
	line("webmail", expand(found.Webmail))
	line("caldav", expand(found.CalDAV))
	line("carddav", expand(found.CardDAV))
	line("webdav", expand(found.WebDAV))
	line("jmap", expand(found.JMAP))
	line("activesync", expand(found.ActiveSync))
	line("ews", expand(found.EWS))
	line("docs", expand(found.Docs))
	line("support", expand(found.Support))
	line("autodiscover goes to", found.AutodiscoverRedirect)
	if o := found.OAuth2; o != nil {
		line("oauth2", strings.TrimSpace(strings.Join([]string{o.Issuer, o.AuthURL, o.TokenURL, strings.Join(o.Scope, " "), o.ClientID}, " ")))
	}
	if found.Varies {
		b.WriteString("others may get something else\n")
	}
	return b.String()
}

// checkFound fails if what is found contradicts itself or cannot be used.
func checkFound(t testing.TB, found settings.Found) {
	t.Helper()
	if d, err := settings.ParseDomain(string(found.Domain)); err != nil || d != found.Domain {
		t.Errorf("found for %q: %v", found.Domain, err)
	}
	if d, err := settings.ParseDomain(string(found.Primary)); err != nil || d != found.Primary {
		t.Errorf("found for %q, alias of %q: %v", found.Domain, found.Primary, err)
	}
	for _, server := range found.Servers {
		host := server.Host.Expand(string(found.Domain), string(found.Primary))
		if d, err := settings.ParseDomain(host); err != nil || string(d) != host {
			t.Errorf("%s: host %q of %s: %v", found.Domain, host, server.URL(), err)
		}
	}
	checkSettings(t, found.Settings)
}

// checkSettings fails if settings are not as Load promises.
// checkAllSettings checks every set of settings that Lookup can return.
func checkAllSettings(t testing.TB, s *Snapshot) {
	t.Helper()
	check := func(found *settings.Settings) bool {
		checkSettings(t, found)
		return true
	}
	for i := range s.entries {
		s.entries[i].all(check)
	}
	if s.fallback != nil {
		s.fallback.all(check)
	}
}

func checkSettings(t testing.TB, s *settings.Settings) {
	t.Helper()
	for i, server := range s.Servers {
		if i > 0 && server.Protocol < s.Servers[i-1].Protocol {
			t.Errorf("%s is listed after %s", server.URL(), s.Servers[i-1].URL())
		}
		if server.Port == 0 || server.Login == "" || len(server.Auth) == 0 {
			t.Errorf("%s: login %q, auth %q", server.URL(), server.Login, server.Auth)
		}
		again, err := settings.ParseServer(server.Protocol, server.URL())
		if err != nil || len(again) != 1 || again[0].Host != server.Host || again[0].Port != server.Port || again[0].Security != server.Security {
			t.Errorf("%s is read back as %+v, %v", server.URL(), again, err)
		}
		if _, err := settings.ParseLogin(string(server.Login)); err != nil {
			t.Errorf("%s: login %q: %v", server.URL(), server.Login, err)
		}
		for _, before := range s.Servers[:i] {
			if before.Protocol == server.Protocol && before.Host == server.Host && before.Port == server.Port {
				t.Errorf("%s appears twice", server.URL())
			}
		}
	}
	if len(s.Auth) == 0 || s.Login == "" {
		t.Errorf("login %q, auth %q", s.Login, s.Auth)
	}
}

// Explain returns the position of every value, wherever it was inherited from.
func TestExplain(t *testing.T) {
	file := filepath.Join("testdata", "good", "inheritance.toml")
	s, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	found, err := s.Lookup(t.Context(), ask(t, "ann@a.example from 192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range s.Explain(found.Settings) {
		at := strings.TrimPrefix(o.Position.String(), file+":")
		fmt.Fprintf(&got, "%s %s = %s\n", at, o.Key, o.Value)
	}
	const want = `15 name = Rule
9 short_name = Profile
10 imap = imaps://imap.profile.example
10 imap = imap://imap.profile.example
16 smtp = submissions://smtp.rule.example
16 smtp = submission://smtp.rule.example
5 login = %EMAILLOCALPART%
built-in auth = [password]
4 docs = https://defaults.example/
`
	if got.String() != want {
		t.Errorf("got:\n%swant:\n%s", got.String(), want)
	}
}

// The files of the documentation can be loaded, and answer.
func TestExamples(t *testing.T) {
	for file, questions := range map[string][]string{
		"../domains.toml":              {"ann@example.com"},
		"../docs/example/domains.toml": {"ann@firm.test", "at autoconfig.bakery.example", "ann@uni.example", "ann@x.students.uni.example", "ann@choir.example", "ann@xn--bcher-kva.example"},
	} {
		s, err := Load(filepath.FromSlash(file))
		if err != nil {
			t.Errorf("%s:\n%v", file, err)
			continue
		}
		if len(s.Warnings)+s.SkippedLines > 0 {
			t.Errorf("%s:\n%v\n%v", file, s.Warnings, s.Skipped)
		}
		for _, q := range questions {
			got := answer(t, s, q)
			if !strings.Contains(got, "imaps://") && !strings.Contains(got, "IMAP imap") {
				t.Errorf("%s: %s is answered with\n%s", file, q, got)
			}
		}
	}
}
