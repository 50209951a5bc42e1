package dnsrecords

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestPrintDifferences(t *testing.T) {
	alias := Record{Name: "autoconfig.a.example", TTL: 60, Data: Alias("setup.example"), Remark: "used by clients"}
	first := Record{Name: "_imaps._tcp.a.example", TTL: 60, Data: Service{0, 1, 993, "imap.a.example"}}
	second := Record{Name: "_imaps._tcp.a.example", TTL: 60, Data: Service{10, 1, 993, "imap2.a.example"}}
	other := Record{Name: "autoconfig.a.example", Data: Address(netip.MustParseAddr("203.0.113.80"))}
	want := []Record{alias, first, second}
	for _, test := range []struct {
		name, format    string
		differences     []Difference
		publish, remove string
	}{
		{"no difference", "zone", nil, "", ""},
		{"one that is missing", "zone", []Difference{{Record: second}}, "_imaps._tcp.a.example. 60 IN SRV 10 1 993 imap2.a.example. ; \n", ""},
		{"the whole set", "nsupdate", []Difference{{Record: second}}, "update delete _imaps._tcp.a.example. SRV\n" +
			"update add _imaps._tcp.a.example. 60 IN SRV 0 1 993 imap.a.example.\n" +
			"update add _imaps._tcp.a.example. 60 IN SRV 10 1 993 imap2.a.example.\nsend\n", ""},
		{"one to remove", "dnscontrol", []Difference{{Record: other, Extra: true}}, "", "// remove: autoconfig.a.example. IN A 203.0.113.80\n"},
		{"a wildcard", "zone", []Difference{{Record: alias}, {Record: other, Extra: true, Wildcard: true}},
			"autoconfig.a.example. 60 IN CNAME setup.example. ; used by clients\n",
			"; a wildcard record answers for autoconfig.a.example. with IN A 203.0.113.80; it can stay: a record with the exact name takes precedence\n"},
		{"control characters", "zone", []Difference{{Record: Record{Name: "a.example", Data: Alias("\x1b[2J.example")}, Extra: true}}, "",
			"; remove: a.example. IN CNAME \uFFFD[2J.example.\n"},
	} {
		publish, remove, err := PrintDifferences(test.format, "a.example", want, test.differences)
		if err != nil || string(publish) != test.publish || string(remove) != test.remove {
			t.Errorf("%s: got %v\n%s%s\nwant\n%s%s", test.name, err, publish, remove, test.publish, test.remove)
		}
	}
	if _, _, err := PrintDifferences("bind", "a.example", want, nil); err == nil || !strings.Contains(err.Error(), `unknown format "bind"`) {
		t.Errorf("unknown format: got %v", err)
	}
}

func TestPrintDifferencesJSON(t *testing.T) {
	got, err := PrintDifferencesJSON([]DomainDifferences{
		{Domain: "a.example", Differences: []Difference{
			{Record: Record{Name: "autoconfig.a.example", TTL: 60, Data: Alias("setup.example"), Remark: "why"}},
			{Record: Record{Name: "autoconfig.a.example", Data: Address(netip.MustParseAddr("203.0.113.80"))}, Extra: true, Wildcard: true},
			{Record: Record{Name: "_x.a.example", Data: Text("\x1b<>")}, Extra: true},
		}},
		{Domain: "b.example", Err: errors.New("no answer\x1b[2J")},
	})
	if err != nil {
		t.Fatal(err)
	}
	compact := new(bytes.Buffer)
	if err := json.Compact(compact, got); err != nil {
		t.Fatal(err)
	}
	want := `{"domains":[{"domain":"a.example",` +
		`"publish":[{"name":"autoconfig.a.example.","type":"CNAME","ttl":60,"content":"setup.example.","target":"setup.example.","remark":"why"}],` +
		`"remove":[{"name":"_x.a.example.","type":"TXT","content":"\"\\027<>\"","text":"\u001b<>"}],` +
		`"wildcards":[{"name":"autoconfig.a.example.","type":"A","content":"203.0.113.80","address":"203.0.113.80"}]},` +
		`{"domain":"b.example","publish":[],"remove":[],"wildcards":[],"error":"no answer\uFFFD[2J"}]}`
	if text := strings.ReplaceAll(compact.String(), "\uFFFD", `\uFFFD`); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
