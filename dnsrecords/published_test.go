package dnsrecords

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"mailhint/resolver"
)

// names is a resolver made of data: addresses, "CNAME target", "SRV target" or "TXT text" for each name, separated by semicolons; a name
// may be a wildcard. "broken" is a name server that fails.
type names map[string]string

// records returns the contents of a name that begin with a prefix, and whether the name exists.
func (n names) records(name, prefix string) (contents []string, err error) {
	_, parent, _ := strings.Cut(name, ".")
	text, ok := n[name]
	if !ok {
		text, ok = n["*."+parent]
	}
	if text == "broken" {
		return nil, fmt.Errorf("%s: %w", name, resolver.ErrFailed)
	}
	for _, content := range strings.Split(text, "; ") {
		if content, found := strings.CutPrefix(content, prefix); found && ok {
			contents = append(contents, content)
		}
	}
	if contents == nil {
		return nil, fmt.Errorf("%s: %w", name, resolver.ErrNone)
	}
	return contents, nil
}

func (n names) Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error) {
	if target, err := n.CNAME(ctx, name); err == nil {
		return n.Host(ctx, target)
	}
	texts, err := n.records(name, "A ")
	for _, text := range texts {
		addresses = append(addresses, netip.MustParseAddr(text))
	}
	return addresses, name, err
}

func (n names) CNAME(_ context.Context, name string) (string, error) {
	targets, err := n.records(name, "CNAME ")
	return strings.Join(targets, ""), err
}

func (n names) SRV(_ context.Context, name string) (places []resolver.SRV, err error) {
	targets, err := n.records(name, "SRV ")
	for _, target := range targets {
		places = append(places, resolver.SRV{Port: 443, Target: target})
	}
	return places, err
}

func (n names) TXT(_ context.Context, name string) ([]string, error) { return n.records(name, "TXT ") }

func TestDifferences(t *testing.T) {
	alias := Record{Name: "autoconfig.a.example", Data: Alias("setup.example")}
	address := Record{Name: "autoconfig.a.example", Data: Address(netip.MustParseAddr("192.0.2.80"))}
	service := Record{Name: "_autodiscover._tcp.a.example", Data: Service{Port: 443, Target: "setup.example"}}
	digest := Record{Name: "_ua-auto-config.a.example", Data: Text("v=UAAC1; a=sha256; d=AA")}
	byName := Options{Server: "setup.example"}
	for _, test := range []struct {
		name    string
		dns     names
		want    []Record
		options Options
		differs string // each record with a sign: + missing, - extra, * answered by a wildcard
	}{
		{"as wanted", names{alias.Name: "CNAME setup.example", service.Name: "SRV setup.example", digest.Name: "TXT v=UAAC1; TXT v=spf1 -all"},
			[]Record{alias, service, {Name: digest.Name, Data: Text("v=UAAC1")}}, byName, ""},
		{"nothing published", names{}, []Record{alias, service, digest}, byName,
			"+ CNAME setup.example. + SRV 0 0 443 setup.example. + TXT \"v=UAAC1; a=sha256; d=AA\""},
		{"the server's addresses in place of an alias", names{alias.Name: "A 192.0.2.80", "setup.example": "A 192.0.2.80"}, []Record{alias}, byName, ""},
		{"one address that is not the server's", names{alias.Name: "A 192.0.2.80; A 192.0.2.81", "setup.example": "A 192.0.2.80"}, []Record{alias}, byName,
			"+ CNAME setup.example. - A 192.0.2.80 - A 192.0.2.81"},
		{"an alias of another name", names{alias.Name: "CNAME other.example"}, []Record{alias}, byName, "+ CNAME setup.example. - CNAME other.example."},
		{"an alias of the server where its address is wanted", names{alias.Name: "CNAME setup.example", "setup.example": "A 192.0.2.80"}, []Record{address},
			Options{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.80")}}, ""},
		{"an alias without addresses", names{alias.Name: "CNAME gone.example"}, []Record{address}, Options{}, "+ A 192.0.2.80 - CNAME gone.example."},
		{"another server by a record of its own", names{alias.Name: "A 203.0.113.80"}, []Record{alias}, byName, "+ CNAME setup.example. - A 203.0.113.80"},
		{"another server by a wildcard", names{"*.a.example": "A 203.0.113.80"}, []Record{alias}, byName, "+ CNAME setup.example. * A 203.0.113.80"},
		{"a wildcard text of another kind", names{"*.a.example": "TXT v=spf1 -all"}, []Record{digest}, byName, "+ TXT \"v=UAAC1; a=sha256; d=AA\""},
		{"a wildcard text", names{"*.a.example": "TXT v=UAAC1"}, []Record{digest}, byName, "+ TXT \"v=UAAC1; a=sha256; d=AA\" * TXT \"v=UAAC1\""},
	} {
		t.Run(test.name, func(t *testing.T) {
			differences, err := Differences(t.Context(), test.dns, test.want, test.options)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range differences {
				sign := map[[2]bool]string{{}: "+", {true, false}: "-", {true, true}: "*"}[[2]bool{d.Extra, d.Wildcard}]
				got = append(got, sign, d.Data.Type(), d.Data.String())
			}
			if strings.Join(got, " ") != test.differs {
				t.Errorf("got  %s\nwant %s", strings.Join(got, " "), test.differs)
			}
		})
	}
}

func TestDifferencesWithoutAnswer(t *testing.T) {
	want := []Record{{Name: "a.example", Data: Service{Port: 443, Target: "setup.example"}}}
	if got, err := Differences(t.Context(), names{"a.example": "broken"}, want, Options{}); !errors.Is(err, resolver.ErrFailed) || got != nil {
		t.Errorf("got %v, %v; want no differences and ErrFailed", got, err)
	}
}

// TestManyPublished reads a name with more records than a domain can need.
func TestManyPublished(t *testing.T) {
	dns := names{"_imaps._tcp.a.example": strings.Repeat("SRV h.example; ", 1000), "_ua-auto-config.a.example": strings.Repeat("TXT UAAC; ", 1000)}
	srv, err := PublishedSRV(t.Context(), dns, "_imaps._tcp.a.example")
	if len(srv) != 16 || err != nil {
		t.Errorf("got %d SRV records, %v; want 16", len(srv), err)
	}
	txt, err := PublishedTXT(t.Context(), dns, "_ua-auto-config.a.example")
	if len(txt) != 16 || err != nil {
		t.Errorf("got %d TXT records, %v; want 16", len(txt), err)
	}
}
