package dnsrecords

import (
	"net/netip"
	"slices"
	"testing"
)

func TestCompare(t *testing.T) {
	imaps := Record{Name: "_imaps._tcp.a.example", TTL: 3600, Data: Service{0, 1, 993, "imap.a.example"}}
	second := Record{Name: "_imaps._tcp.a.example", TTL: 3600, Data: Service{10, 1, 993, "imap2.a.example"}}
	starttls := Record{Name: "_imap._tcp.a.example", Data: Service{10, 1, 143, "imap.a.example"}}
	pop3s := Record{Name: "_pop3s._tcp.a.example", Data: Service{20, 1, 995, "imap.a.example"}}
	autodiscover := Record{Name: "_autodiscover._tcp.a.example", Data: Service{0, 0, 443, "setup.example"}}
	path := Record{Name: "_caldavs._tcp.a.example", Data: Text("path=/Cal/")}
	none := Record{Name: "_imap._tcp.a.example", Data: Service{}}
	host := Record{Name: "autoconfig.a.example", Data: Alias("setup.example")}
	four := Record{Name: "autoconfig.a.example", Data: Address(netip.MustParseAddr("192.0.2.1"))}
	six := Record{Name: "autoconfig.a.example", Data: Address(netip.MustParseAddr("2001:db8::1"))}
	text := Record{Name: "_ua-auto-config.a.example", Data: Text("v=UAAC1; a=sha256; d=AA")}
	change := func(r Record, data Data) Record { r.Data, r.TTL, r.Remark = data, 5, "seen"; return r }

	tests := []struct {
		name            string
		want, published []Record
		missing, extra  []Record
	}{
		{name: "no difference", want: []Record{imaps, none, host, text}, published: []Record{text, host, change(imaps, imaps.Data), none}},
		{name: "nothing published", want: []Record{imaps, host}, missing: []Record{imaps, host}},
		{name: "another port", want: []Record{imaps}, published: []Record{change(imaps, Service{0, 1, 143, "imap.a.example"})},
			missing: []Record{imaps}, extra: []Record{change(imaps, Service{0, 1, 143, "imap.a.example"})}},
		{name: "another letter case", want: []Record{imaps}, published: []Record{change(imaps, Service{0, 1, 993, "IMAP.a.example"})}},
		{name: "another letter case in a text", want: []Record{text}, published: []Record{change(text, Text("v=uaac1; a=sha256; d=AA"))},
			missing: []Record{text}, extra: []Record{change(text, Text("v=uaac1; a=sha256; d=AA"))}},
		{name: "one of two", want: []Record{imaps, second}, published: []Record{second}, missing: []Record{imaps}},
		{name: "offered although it is not", want: []Record{none}, published: []Record{change(none, Service{0, 1, 143, "imap.a.example"})},
			missing: []Record{none}, extra: []Record{change(none, Service{0, 1, 143, "imap.a.example"})}},
		{name: "addresses where an alias is wanted", want: []Record{host}, published: []Record{four}, missing: []Record{host},
			extra: []Record{four}},
		{name: "an alias where addresses are wanted", want: []Record{four, six}, published: []Record{host},
			missing: []Record{four, six}, extra: []Record{host}},
		{name: "an address too many", want: []Record{four}, published: []Record{four, six}, extra: []Record{six}},
		{name: "the letter case of names", want: []Record{imaps, host}, published: []Record{
			{Name: "_IMAPS._tcp.A.example", Data: Service{0, 1, 993, "imap.a.example"}}, {Name: "AutoConfig.a.example", Data: Alias("Setup.example")}}},
		{name: "an extra record with other letter case", want: []Record{imaps}, published: []Record{imaps, {Name: "_IMAPS._TCP.a.example", Data: Service{Port: 1, Target: "x"}}},
			extra: []Record{{Name: "_IMAPS._TCP.a.example", Data: Service{Port: 1, Target: "x"}}}},
		{name: "another weight", want: []Record{imaps}, published: []Record{change(imaps, Service{0, 5, 993, "imap.a.example"})}},
		{name: "another priority of a lone record", want: []Record{imaps}, published: []Record{change(imaps, Service{7, 1, 993, "imap.a.example"})}},
		{name: "other gaps between priorities", want: []Record{imaps, second},
			published: []Record{change(imaps, Service{5, 0, 993, "imap.a.example"}), change(second, Service{90, 3, 993, "imap2.a.example"})}},
		{name: "another order", want: []Record{imaps, second},
			published: []Record{change(imaps, Service{20, 1, 993, "imap.a.example"}), change(second, Service{10, 1, 993, "imap2.a.example"})},
			missing:   []Record{imaps}, extra: []Record{change(imaps, Service{20, 1, 993, "imap.a.example"})}},
		{name: "no order between two TLS modes", want: []Record{imaps, starttls}, published: []Record{imaps, change(starttls, Service{0, 1, 143, "imap.a.example"})},
			missing: []Record{starttls}, extra: []Record{change(starttls, Service{0, 1, 143, "imap.a.example"})}},
		{name: "POP3 before IMAP", want: []Record{imaps, pop3s}, published: []Record{change(imaps, Service{9, 1, 993, "imap.a.example"}),
			change(pop3s, Service{1, 1, 995, "imap.a.example"})}, missing: []Record{imaps, pop3s},
			extra: []Record{change(imaps, Service{9, 1, 993, "imap.a.example"}), change(pop3s, Service{1, 1, 995, "imap.a.example"})}},
		{name: "not offered, with a port", want: []Record{none}, published: []Record{change(none, Service{0, 1, 143, ""})}},
		{name: "not offered, and offered too", want: []Record{none}, published: []Record{none, change(none, Service{0, 1, 143, "imap.a.example"})},
			extra: []Record{change(none, Service{0, 1, 143, "imap.a.example"})}},
		{name: "the domain's own name of Autodiscover", want: []Record{autodiscover}, published: []Record{change(autodiscover, Service{0, 9, 443, "autodiscover.A.example"})}},
		{name: "another name of Autodiscover", want: []Record{autodiscover}, published: []Record{change(autodiscover, Service{0, 0, 443, "autodiscover.b.example"})},
			missing: []Record{autodiscover}, extra: []Record{change(autodiscover, Service{0, 0, 443, "autodiscover.b.example"})}},
		{name: "white space and order in a digest", want: []Record{text}, published: []Record{change(text, Text(" a = sha256;\tv=UAAC1 ;d=AA; "))}},
		{name: "the old digest beside the new one", want: []Record{text}, published: []Record{text, change(text, Text("v=UAAC1; a=sha256; d=BB"))}},
		{name: "only the old digest", want: []Record{text}, published: []Record{change(text, Text("v=UAAC1; a=sha256; d=BB"))},
			missing: []Record{text}, extra: []Record{change(text, Text("v=UAAC1; a=sha256; d=BB"))}},
		{name: "white space and letter case around path=", want: []Record{path}, published: []Record{change(path, Text("PATH = /Cal/ "))}},
		{name: "another letter case in a path", want: []Record{path}, published: []Record{change(path, Text("path=/cal/"))},
			missing: []Record{path}, extra: []Record{change(path, Text("path=/cal/"))}},
		{name: "other names are ignored", want: []Record{imaps}, published: []Record{imaps, text, host}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var missing, extra []Record
			for i, d := range Compare(test.want, test.published) {
				if d.Extra {
					extra = append(extra, d.Record)
				} else if missing = append(missing, d.Record); len(extra) > 0 {
					t.Errorf("difference %d: missing records should come first", i)
				}
			}
			if !slices.Equal(missing, test.missing) || !slices.Equal(extra, test.extra) {
				t.Errorf("missing %v, extra %v\nwant    %v,       %v", missing, extra, test.missing, test.extra)
			}
		})
	}
}
