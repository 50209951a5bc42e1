package doctor

import (
	"context"
	"path/filepath"
	"testing"

	"mailhint/domains"
	"mailhint/settings"
)

// TestProgramsInTheCorpus: where all is well, each program ends up with a server of the settings: the best, or for FairEmail and others
// that know IMAP only the best of that. The corpus is the one that package clients reads with its models.
func TestProgramsInTheCorpus(t *testing.T) {
	snapshot, err := domains.Load(filepath.Join("..", "clients", "testdata", "corpus", "domains.toml"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		servers string            // of most programs
		others  map[string]string // of some; "" for nothing at all
	}{
		"both.example":     {"i.one.both.example:993 implicit TLS, o.two.both.example:465 implicit TLS", nil},
		"tls-only.example": {"i.one.tls-only.example:993 implicit TLS, o.two.tls-only.example:465 implicit TLS", nil},
		"starttls.example": {"i.one.starttls.example:143 STARTTLS, o.two.starttls.example:587 STARTTLS", nil},
		"ports.example":    {"i.one.ports.example:10993 implicit TLS, o.two.ports.example:2587 STARTTLS", nil},
		"local.example":    {"i.one.local.example:993 implicit TLS, o.two.local.example:465 implicit TLS", nil},
		"pop3.example": {"p.one.pop3.example:995 implicit TLS, o.two.pop3.example:465 implicit TLS",
			map[string]string{"Thunderbird for Android": "", "Delta Chat": "", "FairEmail": "", "Nextcloud Mail": ""}},
		"three.example": {"i.one.three.example:993 implicit TLS, o.two.three.example:465 implicit TLS", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, snapshot, name)
			d := w.doctor()
			d.ISPDB = ""
			r := d.Examine(context.Background(), find(t, snapshot, name))
			for _, c := range r.Clients {
				want, special := test.others[c.Name]
				if !special {
					want = test.servers
				}
				got := c.Incoming
				if got != "" {
					got += ", " + c.Outgoing
				}
				if got != want || c.Works != (want != "") || c.Works == (c.Why != "") {
					t.Errorf("%s: got %q from %s, works %t, %q; want %q", c.Name, got, c.From, c.Works, c.Why, want)
				}
				if login := string(find(t, snapshot, name).Servers[0].Login); c.Works && c.Login != login && c.From != "SRV records" && !(login == settings.EmailLocalPart && c.Login == "postmaster") {
					t.Errorf("%s: login %q, want %q", c.Name, c.Login, login)
				}
			}
		})
	}
}

// FuzzDocuments: no document that a stranger sends does any harm.
func FuzzDocuments(f *testing.F) {
	f.Add([]byte(otherConfig))
	f.Add([]byte(otherPOX))
	f.Add([]byte("<clientConfig><emailProvider/></clientConfig>"))
	f.Add([]byte("<Autodiscover><Response><Error/></Response></Autodiscover>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, read := range []func([]byte) (document, error){readConfig, readPOX} {
			d, err := read(text)
			if err != nil {
				continue
			}
			for _, p := range programs {
				for _, place := range []place{configHost, poxHost} {
					if in, _, err := p.choose(d, source{place: place}); err == nil && (in.host == "" || in.port == 0 || len(in.auths) == 0) {
						t.Errorf("%s would set up %+v", p.name, in)
					}
				}
			}
		}
	})
}
