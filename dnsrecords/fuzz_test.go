package dnsrecords

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// FuzzCompare compares arbitrary published records with wanted ones. Whoever removes and publishes what Compare says is done, and what
// clients ignore makes no difference.
func FuzzCompare(f *testing.F) {
	want := []Record{
		{Name: "autoconfig.a.example", Data: Alias("setup.example")},
		{Name: "autodiscover.a.example", Data: Address(netip.MustParseAddr("192.0.2.1"))},
		{Name: "autodiscover.a.example", Data: Address(netip.MustParseAddr("2001:db8::1"))},
		{Name: "_autodiscover._tcp.a.example", Data: Service{0, 0, 443, "autodiscover.a.example"}},
		{Name: "_imaps._tcp.a.example", Data: Service{0, 1, 993, "imap.a.example"}},
		{Name: "_imaps._tcp.a.example", Data: Service{20, 1, 993, "imap2.a.example"}},
		{Name: "_imap._tcp.a.example", Data: Service{10, 1, 143, "imap.a.example"}},
		{Name: "_pop3s._tcp.a.example", Data: Service{30, 1, 995, "imap.a.example"}},
		{Name: "_pop3._tcp.a.example", Data: Service{}},
		{Name: "_submissions._tcp.a.example", Data: Service{0, 1, 465, "smtp.a.example"}},
		{Name: "_submission._tcp.a.example", Data: Service{10, 1, 587, "smtp.a.example"}},
		{Name: "_caldavs._tcp.a.example", Data: Text("path=/cal/")},
		{Name: "_ua-auto-config.a.example", Data: Text("v=UAAC1; a=sha256; d=AA=")},
	}
	f.Add("4 0 1 993 imap.a.example\n5 20 1 993 imap2.a.example\n6 10 5 143 imap.a.example\n8 0 1 110 .\n")
	f.Add("4 9 1 993 imap.a.example\n5 3 1 993 imap2.a.example\n6 3 5 143 imap.a.example\n7 1 1 995 imap.a.example\n")
	f.Add("0 CNAME setup.example\n0 A 192.0.2.1\n11 TXT PATH=/cal/\n12 TXT d=AA=;v=UAAC1;a=sha256\n12 TXT v=UAAC1; a=sha256; d=BB\n")
	f.Fuzz(func(t *testing.T, text string) {
		published := publishedFrom(want, text)
		after := slices.Clone(published)
		for _, d := range Compare(want, published) {
			if d.Extra {
				after = slices.DeleteFunc(after, func(r Record) bool { return r == d.Record })
			} else {
				after = append(after, d.Record)
			}
		}
		if again := Compare(want, after); len(again) > 0 {
			t.Errorf("after the changes for\n%v\nthere are still differences:\n%v", published, again)
		}
		if got := Compare(want, respelled(published)); len(got) != len(Compare(want, published)) {
			t.Errorf("%v\nspelled otherwise differs: %v", published, got)
		}
	})
}

// publishedFrom reads a record from each line: the number of a wanted record, whose name it has, and its content.
func publishedFrom(want []Record, text string) (all []Record) {
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 2)
		number := func(s string) (n int) {
			for _, c := range s {
				n = n*10 + int(c)
			}
			return n & 0xffff
		}
		if len(fields) != 2 || len(all) == maxPublished {
			continue
		}
		r := Record{Name: want[max(0, number(strings.Map(func(c rune) rune { return c - '0' }, fields[0])))%len(want)].Name}
		kind, content, _ := strings.Cut(fields[1], " ")
		parts := strings.Fields(fields[1])
		address, err := netip.ParseAddr(content)
		switch {
		case kind == "CNAME":
			r.Data = Alias(content)
		case kind == "A" && err == nil && address.Zone() == "":
			r.Data = Address(address)
		case kind == "TXT":
			r.Data = Text(content)
		case len(parts) == 4:
			parse := func(s string) uint16 { return uint16(number(strings.Map(func(c rune) rune { return c - '0' }, s))) }
			r.Data = Service{parse(parts[0]), parse(parts[1]), parse(parts[2]), strings.TrimSuffix(parts[3], ".")}
		default:
			continue
		}
		all = append(all, r)
	}
	return all
}

// respelled changes what clients ignore.
func respelled(records []Record) (all []Record) {
	for _, r := range records {
		r.Name, r.TTL = strings.ToUpper(r.Name), 7
		switch d := r.Data.(type) {
		case Alias:
			r.Data = Alias(upperASCII(string(d)))
		case Service:
			d.Weight, d.Target = d.Weight+1, upperASCII(d.Target)
			r.Data = d
		case Text:
			r.Data = " " + d + "\t"
		}
		all = append(all, r)
	}
	return all
}

// upperASCII returns a host name in capitals. strings.ToUpper changes other letters for good.
func upperASCII(s string) string {
	return strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' {
			return c - 'a' + 'A'
		}
		return c
	}, s)
}
