package dnsrecords_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mailhint/dnsrecords"
	"mailhint/settings"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

// variants are the variants that the command line offers.
var variants = []struct {
	name    string
	options dnsrecords.Options
}{
	{"names", dnsrecords.Options{Server: server, TTL: 3600}},
	{"addresses", dnsrecords.Options{TTL: 300, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1")}}},
	{"srv-only", dnsrecords.Options{Server: server, Variant: dnsrecords.SRVOnly, TTL: 3600}},
}

// published are the domains of testdata/domains.toml, and the zones that contain their records.
var published = []struct{ domain, zone settings.Domain }{
	{"example.com", "example.com"},
	{"example.org", "example.org"},
	{"tls-only.example", "tls-only.example"},
	{"starttls.example", "starttls.example"},
	{"xn--bcher-kva.example", "xn--bcher-kva.example"},
	{"several.example", "several.example"},
	{"odd.example", "odd.example"},
	{"x.wild.example", "wild.example"},
}

// recordsFor returns the records of a domain of testdata/domains.toml.
func recordsFor(tb testing.TB, d settings.Domain, o dnsrecords.Options) []dnsrecords.Record {
	tb.Helper()
	found := find(tb, filepath.Join("testdata", "domains.toml"), d)
	o.PACC = paccRecord(found)
	records, err := dnsrecords.For(found, o)
	if err != nil {
		tb.Fatal(err)
	}
	return records
}

// TestGolden compares every format with a golden file. TestZone and TestNsupdate load theirs into a name server. Those for the other tools
// were loaded once, by hand: octoDNS 1.22.0 with everything enforced, DNSControl 4.20.0, and Terraform 1.11.4 with hashicorp/dns 3.6.1,
// which also applied them to a name server and found no difference afterwards. Repeat this when they change.
func TestGolden(t *testing.T) {
	for _, golden := range []struct {
		name         string
		domain, zone settings.Domain
		options      dnsrecords.Options
	}{
		{"names", "example.com", "example.com", variants[0].options},
		{"addresses", "xn--bcher-kva.example", "xn--bcher-kva.example", variants[1].options},
		{"srv-only", "several.example", "several.example", variants[2].options},
		{"below-the-zone", "x.wild.example", "wild.example", variants[0].options},
		{"odd", "odd.example", "odd.example", variants[2].options},
	} {
		for _, format := range dnsrecords.Formats {
			t.Run(golden.name+"/"+format, func(t *testing.T) {
				got, err := dnsrecords.Print(format, golden.zone, recordsFor(t, golden.domain, golden.options))
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join("testdata", "golden", golden.name+"."+format)
				if *update {
					if err := os.WriteFile(file, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s\ngot\n%s\nwant\n%s", file, got, want)
				}
			})
		}
	}
}

func TestPrintRefuses(t *testing.T) {
	records := recordsFor(t, "example.com", variants[0].options)
	if _, err := dnsrecords.Print("bind", "example.com", records); err == nil || !strings.Contains(err.Error(), "write one of zone, table, json") {
		t.Errorf("unknown format: got %v", err)
	}
	if _, err := dnsrecords.Print("octodns", "example.org", records); err == nil || !strings.Contains(err.Error(), "not in the zone example.org") {
		t.Errorf("another zone: got %v", err)
	}
}

// hostile are texts that break out of careless quoting.
var hostile = []dnsrecords.Record{
	{Name: "quotes.example.com", TTL: 60, Data: dnsrecords.Text(`a"b' \; c\"d; "`)},
	{Name: "long.example.com", TTL: 60, Data: dnsrecords.Text(strings.Repeat("0123456789abcde\\", 40))},
	{Name: "unicode.example.com", TTL: 60, Data: dnsrecords.Text("ü\t\x7f\u2028<&>")},
	{Name: "template.example.com", TTL: 60, Data: dnsrecords.Text("${a} %{b} $${c}")},
}

// TestJSON reads the records back.
func TestJSON(t *testing.T) {
	for _, v := range variants {
		records := append(recordsFor(t, "example.com", v.options), hostile...)
		text, err := dnsrecords.Print("json", "example.com", records)
		if err != nil {
			t.Fatal(err)
		}
		var got []struct {
			Name, Type, Content, Address, Target, Text string
			TTL                                        uint32
			Priority, Weight, Port                     *uint16
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		for i, r := range records {
			g := got[i]
			var data dnsrecords.Data
			switch g.Type {
			case "A", "AAAA":
				data = dnsrecords.Address(netip.MustParseAddr(g.Address))
			case "CNAME":
				data = dnsrecords.Alias(strings.TrimSuffix(g.Target, "."))
			case "SRV":
				data = dnsrecords.Service{Priority: *g.Priority, Weight: *g.Weight, Port: *g.Port, Target: strings.TrimSuffix(g.Target, ".")}
			case "TXT":
				data = dnsrecords.Text(g.Text)
			}
			if r.Name+"." != g.Name || r.TTL != g.TTL || r.Data != data || r.Data.String() != g.Content {
				t.Errorf("got %+v, want %+v", g, r)
			}
		}
	}
}

// TestDNSControl reads the records back with the parser of Go, for which this statement means the same as in JavaScript.
func TestDNSControl(t *testing.T) {
	for _, v := range variants {
		for _, p := range published {
			records := recordsFor(t, p.domain, v.options)
			if p.domain == "example.com" {
				records = append(records, hostile...)
			}
			text, err := dnsrecords.Print("dnscontrol", p.zone, records)
			if err != nil {
				t.Fatal(err)
			}
			expression, err := parser.ParseExpr(strings.TrimSuffix(string(text), ";\n"))
			if err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			extend := expression.(*ast.CallExpr)
			zone := literal(t, extend.Args[0])
			var got []dnsrecords.Record
			for _, argument := range extend.Args[1 : len(extend.Args)-1] {
				got = append(got, dnsControlRecord(t, zone, argument.(*ast.CallExpr)))
			}
			compare(t, got, records)
		}
	}
}

func dnsControlRecord(t *testing.T, zone string, call *ast.CallExpr) dnsrecords.Record {
	t.Helper()
	last := len(call.Args) - 1
	var values []string
	for _, a := range call.Args[:last] {
		values = append(values, literal(t, a))
	}
	ttl := call.Args[last].(*ast.CallExpr)
	if ttl.Fun.(*ast.Ident).Name != "TTL" {
		t.Fatalf("the last argument is %v, want TTL", ttl.Fun)
	}
	seconds, err := strconv.ParseUint(literal(t, ttl.Args[0]), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return newRecord(t, values[0]+"."+zone, uint32(seconds), call.Fun.(*ast.Ident).Name, values[1:])
}

// literal returns the value of a string or number.
func literal(t *testing.T, e ast.Expr) string {
	t.Helper()
	text := e.(*ast.BasicLit).Value
	if !strings.HasPrefix(text, `"`) {
		return text
	}
	var s string
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// newRecord makes a record from the parts of its content.
func newRecord(t *testing.T, name string, ttl uint32, kind string, parts []string) dnsrecords.Record {
	t.Helper()
	r := dnsrecords.Record{Name: name, TTL: ttl}
	switch kind {
	case "A", "AAAA":
		r.Data = dnsrecords.Address(netip.MustParseAddr(parts[0]))
	case "CNAME":
		r.Data = dnsrecords.Alias(strings.TrimSuffix(parts[0], "."))
	case "SRV":
		var n [3]uint16
		for i := range n {
			v, err := strconv.ParseUint(parts[i], 10, 16)
			if err != nil {
				t.Fatal(err)
			}
			n[i] = uint16(v)
		}
		r.Data = dnsrecords.Service{Priority: n[0], Weight: n[1], Port: n[2], Target: strings.TrimSuffix(parts[3], ".")}
	case "TXT":
		r.Data = dnsrecords.Text(strings.Join(parts, ""))
	}
	return r
}

// compare compares records, ignoring order and remarks.
func compare(t *testing.T, got, want []dnsrecords.Record) {
	t.Helper()
	spell := func(records []dnsrecords.Record) []string {
		var all []string
		for _, r := range records {
			all = append(all, r.Name+" "+strconv.Itoa(int(r.TTL))+" "+r.Data.Type()+" "+r.Data.String())
		}
		slices.Sort(all)
		return all
	}
	g, w := spell(got), spell(want)
	if !slices.Equal(g, w) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
}
