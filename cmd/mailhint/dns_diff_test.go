package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"mailhint/dnsrecords"
)

// TestWildExtras: nobody is told to remove a record that does not exist.
func TestWildExtras(t *testing.T) {
	extra := dnsrecords.Difference{Extra: true, Record: dnsrecords.Record{Name: "autoconfig.a.example",
		Data: dnsrecords.Address(netip.MustParseAddr("203.0.113.80"))}}
	for wild, want := range map[bool]string{
		false: "; remove: autoconfig.a.example. IN A 203.0.113.80\n",
		true:  "; a wildcard record answers for autoconfig.a.example. with IN A 203.0.113.80; it may stay",
	} {
		extra.Wild = wild
		var out bytes.Buffer
		if err := printExtras(&out, "; ", []dnsrecords.Difference{extra}); err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("got %q, %v; want %q", out.String(), err, want)
		}
	}
}
