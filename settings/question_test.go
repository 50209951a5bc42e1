package settings

import (
	"net/netip"
	"testing"
)

func TestDomainOfHost(t *testing.T) {
	for host, want := range map[string]Domain{ // the Host header without its port
		"autoconfig.example.com":              "example.com",
		"autodiscover.example.com":            "example.com",
		"ua-auto-config.example.com":          "example.com",
		"AutoDiscover.Example.COM.":           "example.com",
		"example.com":                         "example.com",
		"example.com.":                        "example.com",
		"mail.example.com":                    "mail.example.com",
		"autoconfig.mail.example.com":         "mail.example.com",
		"autoconfig.autodiscover.example.com": "autodiscover.example.com", // one prefix only
		"autoconfig.xn--bcher-kva.example":    "xn--bcher-kva.example",
		"autoconfig.bücher.example":           "xn--bcher-kva.example",
		"autoconfig.com":                      "autoconfig.com", // a mail domain like any other
		"autodiscover.example":                "autodiscover.example",
		"myautoconfig.example.com":            "myautoconfig.example.com",
		"localhost":                           "",
		"autoconfig":                          "",
		"autoconfig.":                         "",
		"":                                    "",
		".":                                   "",
		"192.0.2.1":                           "",
		"autoconfig.192.0.2.1":                "",
		"[2001:db8::1]":                       "",
		"example.com:443":                     "",
		"autoconfig..example.com":             "",
		"autoconfig.exa_mple.com":             "",
		"autoconfig.example.com..":            "",
		"autoconfig.<script>.example":         "",
	} {
		if got := DomainOfHost(host); got != want {
			t.Errorf("DomainOfHost(%q) = %q; want %q", host, got, want)
		}
	}
}

func TestNewQuestion(t *testing.T) {
	ann := Address{Local: "ann", Domain: "example.com"}
	for client, want := range map[string]string{
		"192.0.2.1:1234":          "192.0.2.1",
		"[2001:db8::1]:1234":      "2001:db8::1",
		"[::ffff:192.0.2.1]:1234": "192.0.2.1", // a socket for both families
		"[fe80::1%eth0]:1234":     "fe80::1",
		"192.0.2.1":               "invalid IP",
		"@":                       "invalid IP", // a Unix socket
		"":                        "invalid IP",
	} {
		q := NewQuestion("autoconfig.example.com", client, ann)
		if q.Client.String() != want || q.Host != "example.com" || q.Address != ann {
			t.Errorf("NewQuestion with client %q: %+v; want client %s", client, q, want)
		}
	}
	if q := NewQuestion("192.0.2.1", "", Address{}); q.Host != "" || !q.Address.IsZero() || q.Client != (netip.Addr{}) {
		t.Errorf("an empty request: %+v", q)
	}
}
