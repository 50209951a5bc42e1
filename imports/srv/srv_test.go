package srv

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"mailhint/dnsrecords"
	"mailhint/imports"
	"mailhint/imports/importstest"
	"mailhint/resolver"
	"mailhint/settings"
)

// zone is a resolver that knows some records and is otherwise empty.
type zone struct {
	dnsrecords.Resolver
	srv map[string][]resolver.SRV
	txt map[string][]string
}

func (z zone) SRV(ctx context.Context, name string) ([]resolver.SRV, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if found, ok := z.srv[name]; ok {
		return found, nil
	}
	if _, broken := z.srv["broken "+name]; broken {
		return nil, fmt.Errorf("%s: %w", name, resolver.ErrFailed)
	}
	return nil, resolver.ErrNone
}

func (z zone) TXT(_ context.Context, name string) ([]string, error) {
	if found, ok := z.txt[name]; ok {
		return found, nil
	}
	return nil, resolver.ErrNone
}

func TestRead(t *testing.T) {
	var many []resolver.SRV
	for i := range 100 {
		many = append(many, resolver.SRV{Port: uint16(i + 1), Target: "mail.flood.example"})
	}
	z := zone{srv: map[string][]resolver.SRV{
		"_imaps._tcp.bakery.example":       {{Priority: 10, Port: 993, Target: "imap2.bakery.example"}, {Priority: 0, Weight: 1, Port: 993, Target: "imap.bakery.example"}},
		"_imap._tcp.bakery.example":        {{}},
		"_pop3s._tcp.bakery.example":       {{}},
		"_submission._tcp.bakery.example":  {{Priority: 10, Port: 587, Target: "smtp.bakery.example"}},
		"_submissions._tcp.bakery.example": {{Port: 465, Target: "smtp.bakery.example"}},
		"_sieve._tcp.bakery.example":       {{Port: 4190, Target: "imap.bakery.example"}},
		"_caldavs._tcp.bakery.example":     {{Port: 443, Target: "dav.bakery.example"}},
		"_carddavs._tcp.bakery.example":    {{Port: 8443, Target: "dav.bakery.example"}},
		"_imaps._tcp.florist.example":      {{Port: 143, Target: "mail.florist.example"}, {Port: 993, Target: "not_a_host"}},
		"_imaps._tcp.flood.example":        many,
		"_imaps._tcp.broken.example":       {{Port: 993, Target: "mail.broken.example"}},

		"broken _submissions._tcp.broken.example": nil,
		"_imaps._tcp.none.example":                {{}},
	}, txt: map[string][]string{
		"_caldavs._tcp.bakery.example":  {"v=spf1 -all", "path=/calendars/%u"},
		"_carddavs._tcp.bakery.example": {"path=/contacts/"},
	}}
	got := importstest.Convert(t, func(c *imports.Collection) error {
		return Read(t.Context(), c, z, []settings.Domain{"bakery.example", "florist.example", "broken.example", "none.example", "nothing.example", "flood.example"})
	})
	importstest.Golden(t, "zone.txt", got)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := imports.New(nil)
	if err := Read(ctx, c, z, []settings.Domain{"bakery.example"}); !errors.Is(err, context.Canceled) || c.Result.Domains != 0 {
		t.Errorf("interrupted: %v, %+v", err, c.Result)
	}
}

func FuzzAdd(f *testing.F) {
	f.Add("imap.bakery.example", uint16(993), "path=/x")
	f.Fuzz(func(t *testing.T, target string, port uint16, text string) {
		importstest.Fuzz(t, func(c *imports.Collection) {
			var a answers
			for _, name := range dnsrecords.SRVNames("bakery.example") {
				if _, ok := kindOf(name); ok {
					a.records = append(a.records, dnsrecords.Record{Name: name, Data: dnsrecords.Service{Port: port, Target: target}},
						dnsrecords.Record{Name: name, Data: dnsrecords.Text(text)})
				}
			}
			add(c, "bakery.example", a)
		})
	})
}
