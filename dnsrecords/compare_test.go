package dnsrecords

import (
	"net/netip"
	"slices"
	"testing"
)

func TestCompare(t *testing.T) {
	imaps := Record{Name: "_imaps._tcp.a.example", TTL: 3600, Data: Service{0, 1, 993, "imap.a.example"}}
	second := Record{Name: "_imaps._tcp.a.example", TTL: 3600, Data: Service{10, 1, 993, "imap2.a.example"}}
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
