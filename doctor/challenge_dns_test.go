package doctor

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"mailhint/dnsupdate/knottest"
	"mailhint/resolver"
)

// challengeWorld asks a name server for aliases of challenges, and the world for everything else.
type challengeWorld struct {
	*world
	server *resolver.Resolver
}

func (w challengeWorld) CNAME(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, challengeLabel) {
		return w.server.CNAME(ctx, name)
	}
	return w.world.CNAME(ctx, name)
}

// challengeCases have an alias at the name of a CA's record, or not.
var challengeCases = []struct {
	name, table, domain string
	behindProxy         bool
	want                string // severity, code, subject and text of the only finding; empty for none
}{
	{"no zones", "", "a.example", false, ""},
	{"another zone", challengeTable + `zones = "b.example"`, "a.example", false, ""},
	{"no alias", challengeTable + `zones = "b.example"`, "b.example", false, ""},
	{"its zone", challengeTable + `zones = "a.example"`, "a.example", false, "warning D09 _acme-challenge.autoconfig.a.example is an alias of proof.elsewhere.example"},
	{"behind a proxy", challengeTable + `zones = "a.example"`, "a.example", true, "problem D09 _acme-challenge.autoconfig.a.example is an alias of proof.elsewhere.example"},
	{"a wildcard", challengeTable + "zones = \"a.example\"\nwildcard = true", "a.example", false, "problem D09 _acme-challenge.a.example is an alias of proof.elsewhere.example"},
}

const challengeTable = "[dns]\nserver = \"ns1.example\"\nkey_file = \"a.key\"\n"

// An alias at the name of the CA's record is reported where this server would publish one.
func TestChallengeAlias(t *testing.T) {
	knot := knottest.Start(t, knottest.Zone{Name: "a.example", Records: "_acme-challenge.autoconfig.a.example. 60 CNAME proof.elsewhere.example.\n" +
		"_acme-challenge.autodiscover.a.example. 60 TXT \"somebody else's\"\n_acme-challenge.a.example. 60 CNAME proof.elsewhere.example.\n"},
		knottest.Zone{Name: "b.example"})
	for _, test := range challengeCases {
		t.Run(test.name, func(t *testing.T) {
			s := load(t, "[server]\nname = \""+setupName+"\"\ntls = \"acme\"\n"+test.table+"\n[domains.\""+test.domain+"\"]\nimap = \"mail.hoster.example\"\nsmtp = \"mail.hoster.example\"\n")
			w := newWorld(t, s, test.domain)
			d, made := w.doctor(), New(s, w, nil)
			d.Resolver = challengeWorld{w, resolver.New(netip.MustParseAddrPort(knot.Address))}
			d.Validation, d.Zones, d.CertificateFor, d.Only = made.Validation, made.Zones, made.CertificateFor, []string{"D09"}
			if test.behindProxy {
				d.Addresses = addresses("198.51.100.99") // those of the names pass our answers on
			}
			report := d.Examine(t.Context(), find(t, s, test.domain))
			var got []string
			for _, f := range report.Findings {
				got = append(got, string(f.Severity)+" "+string(f.Code)+" "+f.Subject+" "+f.Text)
			}
			if text := strings.Join(got, "\n"); !strings.HasPrefix(text, test.want) || (text == "") != (test.want == "") || len(got) > 1 || report.Incomplete {
				t.Errorf("got %q, incomplete %t; want %q", text, report.Incomplete, test.want)
			}
		})
	}
}
