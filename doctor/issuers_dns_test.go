package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/resolver"
)

// Records that allow only dns-01 forbid nothing in the zones of [dns], and those for wildcards count where a wildcard is ordered.
func TestCAAByDNS(t *testing.T) {
	const dns = "[dns]\nserver = \"ns1.example\"\nkey_file = \"a.key\"\n"
	for _, test := range []struct {
		name, table string
		records     []resolver.CAA // of a.example
		want        string         // in the finding; empty for none
	}{
		{"no zones", "", issueRecords("letsencrypt.org; validationmethods=dns-01"), "this server uses http-01 and tls-alpn-01"},
		{"its zone", dns + `zones = "a.example"`, issueRecords("letsencrypt.org; validationmethods=dns-01"), ""},
		{"its zone, by http", dns + `zones = "a.example"`, issueRecords("letsencrypt.org; validationmethods=http-01"), ""},
		{"another zone", dns + `zones = "b.example"`, issueRecords("letsencrypt.org; validationmethods=dns-01"), "this server uses http-01 and tls-alpn-01"},
		{"a wildcard by http", dns + "zones = \"a.example\"\nwildcard = true", issueRecords("letsencrypt.org; validationmethods=http-01"), "this server uses dns-01"},
		{"wildcards are forbidden", dns + "zones = \"a.example\"\nwildcard = true",
			append(issueRecords("letsencrypt.org"), resolver.CAA{Tag: "issuewild", Value: ";"}), `CAA 0 issuewild "letsencrypt.org"`},
		{"wildcards are allowed", dns + "zones = \"a.example\"\nwildcard = true",
			append(issueRecords(";"), resolver.CAA{Tag: "issuewild", Value: "letsencrypt.org"}), ""},
		{"wildcards are forbidden, and there are none", dns + `zones = "a.example"`,
			append(issueRecords("letsencrypt.org"), resolver.CAA{Tag: "issuewild", Value: ";"}), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "domains.toml")
			text := "[server]\nname = \"" + setupName + "\"\ntls = \"acme\"\n" + test.table + "\n[domains.\"a.example\"]\nimap = \"mail.hoster.example\"\nsmtp = \"mail.hoster.example\"\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := domains.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, s, "a.example")
			w.caa["a.example"] = test.records
			d, made := w.doctor(), New(s, w, nil)
			d.Issuers, d.Validation, d.Zones, d.CertificateFor = made.Issuers, made.Validation, made.Zones, made.CertificateFor
			d.Only = []string{"D07"}
			got := ""
			for _, f := range d.Examine(t.Context(), find(t, s, "a.example")).Findings {
				got += f.Text + "\n" + f.Paste + "\n"
			}
			if !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
