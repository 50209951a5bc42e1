package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/keypairs/keypairtest"
)

// compared are settings with something for every kind of client.
const compared = `
[domains."example.com"]
imap = "imap.example.com"
pop3 = ["pop3s://pop.example.com"]
smtp = "smtp.example.com"
caldav = "https://dav.example.com/cal/"
carddav = "https://dav.example.com/card/"
jmap = "https://jmap.example.com/session"
activesync = "https://eas.example.com/Microsoft-Server-ActiveSync"

[domains."local.example"]
imap = "imap://imap.local.example"
smtp = "submission://smtp.local.example"
login = "%EMAILLOCALPART%"

[domains."oauth.example"]
imap = "imap.oauth.example"
smtp = "smtp.oauth.example"
auth = ["oauth2", "password"]
oauth2 = { issuer = "https://login.oauth.example", scope = ["mail"], auth_url = "https://login.oauth.example/a", token_url = "https://login.oauth.example/t" }

[domains."moved.example"]
imap = "imap.moved.example"
smtp = "smtp.moved.example"
autodiscover = "redirect:https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"
`

// TestCompareWithItself: a running server with the same configuration is the same for everyone, in every format. So what compare takes for the
// answers of the configuration is what clients get.
func TestCompareWithItself(t *testing.T) {
	t.Parallel()
	cert, key := keypairtest.Write(t, t.TempDir(), "old", keypairtest.New(t, keypairtest.Options{Names: []string{"old.example"}}))
	old := startProgram(t, fmt.Sprintf("[server]\ntls = \"files\"\nhttps = [\"127.0.0.1:0\"]\nhttp = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\ncert = %q\nkey = %q\n%s",
		cert, key, compared))
	url := "https://" + old.server.Addrs().HTTPS[0].String()
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, compared)
	compare := func(code int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(t.Context(), append([]string{"--config", config, "compare", "--no-dns"}, args...), &out, &errs); got != code {
			t.Errorf("%q: exit code %d, want %d; %s%s", args, got, code, &out, &errs)
		}
		return out.String() + errs.String()
	}
	if got, want := compare(exitGood, "--with", url, "--any-certificate", "--all"), "4 domains compared with "+url+": 4 the same, 0 changed\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := compare(exitUnknown, "--with", url, "example.com"); !strings.Contains(got, "certificate is not valid") {
		t.Errorf("got %s", got)
	}
	if got := compare(exitUnknown, "--with", url, "--all"); !strings.Contains(got, "gave up after") {
		t.Errorf("got %s", got)
	}
	if got := compare(exitGood, "--with", url, "--any-certificate", "--json", "ann@local.example"); got != `{"with":"`+url+`","domains":[`+"\n"+
		`{"domain":"local.example","changes":[],"unchecked":[]}`+"\n"+
		`],"summary":{"domains":1,"same":1,"changed":0,"on_purpose":0,"unchecked":0,"own_name":0,"kinds":[]}}`+"\n" {
		t.Errorf("got %s", got)
	}
	write(t, config, strings.ReplaceAll(compared, "imap.oauth.example", "mail.oauth.example"))
	if got := compare(exitProblem, "--with", url, "--any-certificate", "--all"); !strings.Contains(got, "imap.oauth.example:993 implicit TLS -> mail.oauth.example:993 implicit TLS") ||
		!strings.Contains(got, "\n  host: 1 domain; ") || strings.Contains(got, "local.example") {
		t.Errorf("got %s", got)
	}
	write(t, config, strings.ReplaceAll(compared, `."local.example"`, `."new.example"`))
	if got := compare(exitProblem, "--with", url, "--any-certificate", "moved.example", "local.example"); !strings.Contains(got, " -> none\n") || strings.Contains(got, "moved.example") {
		t.Errorf("got %s", got)
	}
}

// Login names that are looked up are compared as people get them: with those of a running server they are the same.
func TestCompareLookedUpNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config, names := filepath.Join(dir, "domains.toml"), filepath.Join(dir, "logins.txt")
	text := "[server]\nhttp = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n[domains.\"uni.example\"]\nimap = \"imap.uni.example\"\nsmtp = \"smtp.uni.example\"\n" +
		"login = { lookup = \"people\" }\n[lookups.people]\ntype = \"file\"\nunknown = \"%EMAILLOCALPART%\"\nfile = " + quote(names) + "\n"
	write(t, config, text)
	write(t, names, "ann@uni.example ab123\n")
	url := "http://" + startProgramOn(t, config).public()
	compare := func(code int, people ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(t.Context(), append([]string{"--config", config, "compare", "--no-dns", "--with", url}, people...), &out, &errs); got != code {
			t.Errorf("%q: exit code %d, want %d; %s%s", people, got, code, &out, &errs)
		}
		return out.String() + errs.String()
	}
	compare(exitGood, "ann@uni.example", "bob@uni.example", "uni.example")

	config = filepath.Join(dir, "new.toml")
	write(t, config, strings.Replace(text, quote(names), quote(names+".new"), 1))
	write(t, names+".new", "ann@uni.example cd456\n")
	if got := compare(exitProblem, "ann@uni.example", "bob@uni.example"); !strings.Contains(got, "\n    ab123 -> cd456\n") || !strings.Contains(got, "1 the same, 1 changed") {
		t.Errorf("another login name: %s", got)
	}
	write(t, config, strings.Replace(text, "type = \"file\"\nunknown = \"%EMAILLOCALPART%\"\nfile = "+quote(names),
		"type = \"ldap\"\nurl = \"ldaps://127.0.0.1:1\"\nbase = \"dc=uni\"\nattribute = \"uid\"\nunknown = \"%EMAILLOCALPART%\"", 1))
	if got := compare(exitProblem, "ann@uni.example", "bob@uni.example"); strings.Count(got, "look-up people: ") != 1 || !strings.Contains(got, "\n    ab123 -> %EMAILLOCALPART%\n") {
		t.Errorf("a directory that is away: %s", got)
	}
}

// TestCompareUsage: mistakes on the command line, and servers that do not answer.
func TestCompareUsage(t *testing.T) {
	t.Parallel()
	none := httptest.NewServer(http.NotFoundHandler())
	none.Close()
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, compared)
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"", exitUsage, "--with https://old.example.com"},
		{"--with old.example.com", exitUsage, "not a valid URL of a server"},
		{"--with https://old.example.com --all example.com", exitUsage, "drop --all"},
		{"--with https://old.example.com --parallel 0", exitUsage, "--parallel 0 is out of range"},
		{"--with https://old.example.com", exitUsage, "4 domains are configured by name"},
		{"--with https://old.example.com --no-dns ann@@", exitUsage, "not a valid e-mail address"},
		{"--no-dns example.com --with " + none.URL, exitUnknown, "refused"},
		{"--no-dns --all --with " + none.URL, exitUnknown, "refused; gave up after"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"--config", config, "compare"}, strings.Fields(test.args)...), &out, &errs)
		if got := out.String() + errs.String(); code != test.code || !strings.Contains(got, test.want) {
			t.Errorf("compare %s: exit code %d, %q", test.args, code, got)
		}
	}
}
