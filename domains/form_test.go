package domains

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/BurntSushi/toml"
)

// oddStrings are accepted for some key, or nearly are. Those of testdata are added to them.
var oddStrings = []string{
	"", " ", ".", "x", "x ", "a  b", "50 % off", "100%", "%", "%%", "%E", "%Em%", "%Emma", "%Peter", "%ab%cd", "%C3%ABc%20", "Mail of %EMAILDOMAIN%",
	"%EMAILDOMAIN%%PRIMARYDOMAIN%", "%EMAILLOCALPART%%%EMAILDOMAIN%", "a%%EMAILLOCALPART%", "%EMAIL", "%EMAILDOMAIN%EMAILADDRESS", "%EMAILADDRESS", "%EMAILADDRESS ", "ann+%EMAILDOMAIN%", `FIRM\%EMAILLOCALPART%`,
	"a.123", "1.2.3.4", "1.2.3.a4", "a.example", "A.EXAMPLE.", "例え。テスト", "例え.テスト。", "xn--bcher-kva.example", "ａ．example", "a-.example", "mail.%EMAILDOMAIN%",
	"mx-%EMAILDOMAIN%.", "%EMAILDOMAIN%", "*.a.example", "straße.example", "a\u00ad.example", "☃.example", "r3---sn.example.com",
	"IMAPS://mail.example.com", "imap+plain://a.example:0143", "imaps://a.example:65535", "imaps://a.example:65536", "imaps+anyport://a.example:00143",
	"smtps://a.example", "Submission+AnyPort://a.example:25", "imaps://a.example:0", "sieve://a.example:2000", "imap+plain+anyport://a.example:993",
	"HTTPS://a.example", "https://a.example?x", "https://a.example:443/%7E", "https://a.example/%EMAILDOMAIN%/100%", "https://%PRIMARYDOMAIN%:8443/", "http://a.example",
	"https://a.example/%zz", "https://a.example/%", "https://a.example/a%20b", `https://a.example/"`, "https://a.example/%Pr", "https://a.example/%41",
	"mailto:help@a.example", "MAILTO:a@b@c.example", "mailto:x@a.example?subject=Hi%20there", "mailto:h%20@a.example", "tel:+49-30", "tel:x1", "mailto:%EMAILDOMAIN%@a.example",
	"redirect:https://a.example/x%20y", "redirect:https://a.example", "redirect:", "redirect:HTTPS://A.example/",
	"0", "1h", "+6h30m", "1.5h", ".5h", "90s", "59s", "60s", "1h1s", "100ms", "60000ms", "1m0.5s", "-1h", "6", "1m",
	":80", "localhost:8080", "[::1]:8080", "[]:80", "a.example:80", ":0", ":65535", ":65536", "80", "::1:80", "[fe80::1%eth0]:80",
	"192.0.2.1", "192.0.2.0/24", "010.0.0.1", "10.0.0.0/8", "10.0.0.0/08", "0.0.0.0/0", "::", "::/0", "2001:db8::/32", "2001:DB8::1", "64:ff9b::192.0.2.1", "fe80::1%eth0",
	"::ffff:192.0.2.1", "0:0:0:0:0:ffff:c000:0201", "::1/128", "::1/129", "[2001:db8::53]:5353", "ns1.example.com:53", "192.0.2.53:5353",
	"ann@a.example", `"a@b"@a.example`, "jörg@bücher.example", "ann@localhost", "letsencrypt", "https://ca.a.example:14000/dir?x=1", "https://localhost/dir", "https://[::1]/dir",
	"mail", "https://outlook.office365.com/IMAP.AccessAsUser.All", "a b", "#0B6e4f", "#58c49d", "#fff", "password", "name", "acme", "off", "1",
}

// A form never refuses what is accepted: otherwise an editor would mark what is right.
func TestFormsAcceptWhatIsAccepted(t *testing.T) {
	samples := slices.Concat(oddStrings, stringsOf(t, "good"), stringsOf(t, "bad"))
	accepted := checkForms(t, "", topKeys, samples)
	accepted += checkForms(t, "server", serverKeys, samples)
	accepted += checkForms(t, "settings", settingKeys, samples)
	accepted += checkForms(t, "oauth2", oauth2Keys, samples)
	accepted += checkForms(t, "a server", mailServerKeys, samples)
	accepted += checkForms(t, "domains", domainKeys, samples)
	accepted += checkForms(t, "rules", ruleKeys, samples)
	accepted += checkForms(t, "profiles", profileKeys, samples)
	accepted += checkForms(t, "fallback", fallbackKeys, samples)
	accepted += checkForms(t, "dns", dnsKeys, samples)
	accepted += checkForms(t, "zones", zoneKeys, samples)
	t.Logf("%d values are accepted", accepted)
	if accepted < 1000 {
		t.Error("too few values are accepted for this to prove anything")
	}
}

// checkForms returns how many values the keys accept.
func checkForms[S any](t *testing.T, table string, keys []key[S], samples []string) (accepted int) {
	t.Helper()
	for _, k := range keys {
		for _, s := range samples {
			for _, value := range []any{s, []any{s}} {
				src, into := noSource(), *new(S)
				if ok := k.read(src.table(nil, map[string]any{k.Name: value}), &into); !ok || len(*src.problems) > 0 {
					continue
				}
				if _, err := parseDomain(s); err != nil && k.Type == domainNames.name { // which is not known when the key is read
					continue
				}
				accepted++
				if !k.Form.Accepts(s) {
					t.Errorf("%s.%s = %q is accepted, but does not have the form %+v", table, k.Name, s, k.Form)
				}
				break
			}
		}
	}
	return accepted
}

// stringsOf returns all strings in the files of a folder of testdata.
func stringsOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/" + dir + "/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var list []string
	var add func(v any)
	add = func(v any) {
		switch v := v.(type) {
		case string:
			list = append(list, v)
		case []any:
			for _, e := range v {
				add(e)
			}
		case []map[string]any:
			for _, e := range v {
				add(e)
			}
		case map[string]any:
			for _, e := range v {
				add(e)
			}
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		values := make(map[string]any)
		if _, err := toml.Decode(string(text), &values); err == nil { // some are not valid TOML
			add(values)
		}
	}
	list = slices.DeleteFunc(list, func(s string) bool { return len(s) > maxText }) // refused before it is read
	slices.Sort(list)
	return slices.Compact(list)
}
