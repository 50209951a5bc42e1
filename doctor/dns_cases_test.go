package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// dnsCases are about names, records, and which CAs may issue certificates.
var dnsCases = []findingCase{
	{name: "everything is good", change: func(*world) {}},
	{name: "no SRV records at all", change: func(w *world) { clear(w.srv) }},
	{name: "no PACC, which few clients know", change: func(w *world) { delete(w.cnames, "ua-auto-config.a.example"); clear(w.txt) }},
	{name: "no web site", change: func(w *world) { delete(w.hosts, "a.example") }},

	{name: "no autoconfig", change: func(w *world) { delete(w.cnames, "autoconfig.a.example") },
		want: "D01 autoconfig.a.example no address in DNS"},
	{name: "an alias of a name that does not exist", change: func(w *world) { w.cnames["autoconfig.a.example"] = "gone.example" },
		want: "D01 autoconfig.a.example gone.example, which has none"},
	{name: "no ua-auto-config, but its digest", change: func(w *world) { delete(w.cnames, "ua-auto-config.a.example") },
		want: "D01 ua-auto-config.a.example no address"},
	{name: "only SRV", change: func(w *world) { clear(w.cnames); clear(w.txt) },
		want: "warning D01 autodiscover.a.example only the SRV record"},
	{name: "no mail server in DNS", change: func(w *world) { delete(w.hosts, "mail.a.example") },
		want: "D01 mail.a.example this mail server has no address in DNS"},
	{name: "another server", change: func(w *world) {
		w.cnames["autodiscover.a.example"], w.hosts["other.example"] = "other.example", addresses("203.0.113.1")
		w.pages["https://autodiscover.a.example/"] = func(web *probe.Web) { web.TLS.NameErr = errors.New("other.example") }
	}, want: "D02 autodiscover.a.example points to other.example (203.0.113.1) instead of this server"},
	{name: "another server among the addresses", change: func(w *world) {
		delete(w.cnames, "autoconfig.a.example")
		w.hosts["autoconfig.a.example"] = addresses("198.51.100.80", "203.0.113.1")
	}, want: "D02 autoconfig.a.example some of its addresses are not this server's: 203.0.113.1"},
	{name: "address records instead of an alias", change: func(w *world) {
		delete(w.cnames, "autoconfig.a.example")
		w.hosts["autoconfig.a.example"] = addresses("198.51.100.80")
		w.pages["https://autoconfig.a.example/"] = w.ours
		w.pages["http://autoconfig.a.example/"] = w.ours
	}},
	{name: "a CDN in front", change: func(w *world) {
		for _, prefix := range settings.ServicePrefixes() {
			delete(w.cnames, prefix+"a.example")
			w.hosts[prefix+"a.example"] = addresses("203.0.113.1", "203.0.113.2", "2001:db8:cd::1")
			w.pages["https://"+prefix+"a.example/"] = w.ours
		}
	}},
	{name: "a proxy, and an address without a server", change: func(w *world) {
		delete(w.cnames, "autoconfig.a.example")
		w.hosts["autoconfig.a.example"] = addresses("203.0.113.1", "203.0.113.2")
		w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
			if web.Address != netip.MustParseAddr("203.0.113.2") {
				w.ours(web)
			}
		}
	}, want: "D02 autoconfig.a.example some of its addresses are not this server's: 203.0.113.2"},
	{name: "a wildcard for a name that is not needed", config: usual + "pacc = false\n", change: func(w *world) {
		delete(w.cnames, "ua-auto-config.a.example")
		w.hosts["*.a.example"] = addresses("203.0.113.1")
	}},
	{name: "this server's own name is missing", change: func(w *world) {
		delete(w.hosts, setupName)
		w.pages[defaultISPDB] = body(404, htmlType, website)
	}, want: "D01 setup.hoster.example this server's own name, which the other names point to, has no address in DNS"},
	{name: "a wildcard", change: func(w *world) {
		delete(w.cnames, "autoconfig.a.example")
		w.hosts["*.a.example"] = addresses("203.0.113.1")
	}, want: "D04 autoconfig.a.example does not exist; the wildcard record *.a.example answers for it"},

	{name: "SRV with another port", change: func(w *world) { w.srv["_imaps._tcp.a.example"][0].Port = 143 },
		want: "D05 _imaps._tcp.a.example says 0 1 143 mail.a.example.; according to the settings it should be 0 1 993"},
	{name: "SRV for what is not offered", change: func(w *world) {
		w.srv["_pop3s._tcp.a.example"] = []resolver.SRV{{Weight: 1, Port: 995, Target: "mail.a.example"}}
	}, want: "D05 _pop3s._tcp.a.example according to the settings there is no such service"},
	{name: "SRV that denies what is offered", change: func(w *world) { w.srv["_imaps._tcp.a.example"] = []resolver.SRV{{}} },
		want: "D05 _imaps._tcp.a.example not offered"},
	{name: "an SRV record is missing", change: func(w *world) { delete(w.srv, "_submission._tcp.a.example") },
		want: "warning D05 _submission._tcp.a.example missing"},
	{name: "SRV with other weights and gaps between priorities", change: func(w *world) {
		for name, records := range w.srv {
			if records[0].Target != "" && !strings.HasPrefix(name, "_autodiscover.") {
				records[0].Weight, records[0].Priority = 5, 2*records[0].Priority+3
			}
		}
	}},
	{name: "SRV that says with a port that a service is not offered", change: func(w *world) {
		w.srv["_pop3s._tcp.a.example"] = []resolver.SRV{{Weight: 1, Port: 995}}
	}},
	{name: "SRV without order", change: func(w *world) { w.srv["_submission._tcp.a.example"][0].Priority = 0 },
		want: "warning D05 _submission._tcp.a.example priority"},
	{name: "an SRV target is an alias", change: func(w *world) {
		w.cnames["mail.a.example"], w.hosts["m.example"] = "m.example", addresses("198.51.100.25")
	}, want: "warning D05 _imaps._tcp.a.example alias of m.example"},
	{name: "_autodiscover at another server",
		change: func(w *world) { w.srv["_autodiscover._tcp.a.example"][0].Target = "other.example" },
		want:   "D05 _autodiscover._tcp.a.example not this server"},
	{name: "_autodiscover by another name of this server", change: func(w *world) {
		w.srv["_autodiscover._tcp.a.example"][0].Target = "autodiscover.b.example"
		w.hosts["autodiscover.b.example"] = addresses("198.51.100.80")
		w.pages["https://autodiscover.b.example/"] = w.ours
	}},
	{name: "_autodiscover with another port", change: func(w *world) { w.srv["_autodiscover._tcp.a.example"][0].Port = 8443 },
		want: "D05 _autodiscover._tcp.a.example its port is 8443, but Thunderbird always uses 443"},
	{name: "_autodiscover that denies the service", change: func(w *world) { w.srv["_autodiscover._tcp.a.example"][0] = resolver.SRV{} },
		want: "D05 _autodiscover._tcp.a.example not offered"},
	{name: "only SRV, with an expired certificate", change: func(w *world) {
		clear(w.cnames)
		clear(w.txt)
		w.pages["https://"+setupName+"/"] = certificate(func(c *probe.TLS) { c.Chain[0].NotAfter = now.AddDate(0, 0, -1) })
	}, want: "D01, H01"},
	{name: "a wildcard with other texts", config: usual + "caldav = \"https://dav.a.example/calendars/\"\n", change: func(w *world) {
		for i := range 20 {
			for _, owner := range []string{"_ua-auto-config.a.example", "_caldavs._tcp.a.example", "_carddavs._tcp.a.example"} {
				w.txt[owner] = slices.Insert(w.txt[owner], 0, fmt.Sprintf("v=spf%d -all", i))
			}
		}
	}},
	{name: "no records for calendars, and a web site that knows nothing of them", config: services, change: func(w *world) {
		w.hosts["a.example"] = addresses("203.0.113.80")
		delete(w.srv, "_caldavs._tcp.a.example")
		delete(w.txt, "_caldavs._tcp.a.example")
	}, want: "warning D08 _caldavs._tcp.a.example no SRV and TXT record for calendars, and https://a.example/.well-known/caldav " +
		"answers status 404 (Not Found) instead of redirecting to https://dav.a.example/calendars/"},
	{name: "no records for contacts, but a redirect", config: services, change: func(w *world) {
		w.hosts["a.example"] = addresses("203.0.113.80")
		w.pages["https://a.example/.well-known/carddav"] = redirect("https://dav.a.example/contacts/")
		delete(w.srv, "_carddavs._tcp.a.example")
		delete(w.txt, "_carddavs._tcp.a.example")
	}, want: "warning D08 _carddavs._tcp.a.example no SRV and TXT record for contacts; clients that ask https://a.example/.well-known/carddav find"},
	{name: "no records for JMAP, and no web site", config: services, change: func(w *world) {
		delete(w.hosts, "a.example")
		delete(w.srv, "_jmap._tcp.a.example")
	}, want: "warning D08 _jmap._tcp.a.example no SRV record for JMAP, and https://a.example/.well-known/jmap does not work: no address in DNS"},
	{name: "no path of calendars", config: services, change: func(w *world) { delete(w.txt, "_caldavs._tcp.a.example") },
		want: "warning D08 _caldavs._tcp.a.example no TXT record with the path of calendars"},
	{name: "calendars on the domain's own web site, which redirects", config: usual + "caldav = \"https://a.example/calendars/\"\n",
		change: func(w *world) {
			w.hosts["a.example"] = addresses("203.0.113.80")
			w.pages["https://a.example/.well-known/caldav"] = redirect("https://a.example/calendars/")
			delete(w.srv, "_caldavs._tcp.a.example")
			delete(w.txt, "_caldavs._tcp.a.example")
		}},
	{name: "no path of calendars, which is that of the host", config: usual + "caldav = \"https://dav.a.example/\"\n", change: func(w *world) {
		delete(w.txt, "_caldavs._tcp.a.example")
	}},
	{name: "no records for calendars, and a web site that redirects elsewhere", config: services, change: func(w *world) {
		w.hosts["a.example"] = addresses("203.0.113.80")
		w.pages["https://a.example/"] = redirect("https://www.a.example/")
		delete(w.srv, "_caldavs._tcp.a.example")
		delete(w.txt, "_caldavs._tcp.a.example")
	}, want: "warning D08 _caldavs._tcp.a.example a redirect to https://www.a.example/ instead of redirecting to https://dav.a.example/calendars/"},
	{name: "calendars elsewhere", config: services, change: func(w *world) {
		w.srv["_caldavs._tcp.a.example"][0].Target = "other.example"
	}, want: "D05 _caldavs._tcp.a.example according to the settings it should be 0 1 443 dav.a.example."},
	{name: "all services can be found", config: services, change: func(w *world) { w.hosts["a.example"] = addresses("203.0.113.80") }},
	{name: "two _autodiscover", change: func(w *world) {
		w.srv["_autodiscover._tcp.a.example"] = append(w.srv["_autodiscover._tcp.a.example"],
			resolver.SRV{Weight: 1, Port: 443, Target: setupName})
	}, want: "D05 _autodiscover._tcp.a.example there are 2"},

	{name: "an old digest", change: func(w *world) {
		w.txt["_ua-auto-config.a.example"] = []string{"v=UAAC1; a=sha256; d=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}
	}, want: "D06 _ua-auto-config.a.example digest of another"},
	{name: "a digest without a document", config: usual + "pacc = false\n", change: func(w *world) {
		w.txt["_ua-auto-config.a.example"] = []string{"v=UAAC1; a=sha256; d=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}
		w.cnames["ua-auto-config.a.example"] = setupName
	}, want: "warning D06 _ua-auto-config.a.example the domain has no such document"},
	{name: "another server's Autodiscover", change: func(w *world) {
		w.pages["https://autodiscover.a.example/"] = body(200, "text/xml", otherPOX)
	}, want: "D06 autodiscover.a.example names different servers from"},
	{name: "the web site has other settings", change: func(w *world) {
		w.hosts["a.example"] = addresses("203.0.113.80")
		w.pages["https://a.example/.well-known/autoconfig/"] = body(200, "text/xml", otherConfig)
	}, want: "warning D06 a.example imap.elsewhere.example"},

	{name: "CAA forbids every CA", change: func(w *world) { w.caa["a.example"] = []resolver.CAA{{Tag: "issue", Value: ";"}} },
		want: "D07 a.example do not allow any CA"},
	{name: "CAA allows some, ours is unknown",
		change: func(w *world) { w.caa["a.example"] = []resolver.CAA{{Tag: "issue", Value: "ca.example"}} }},
	{name: "CAA at the name itself takes precedence", change: func(w *world) {
		w.caa["a.example"] = []resolver.CAA{{Tag: "issue", Value: ";"}}
		for _, prefix := range settings.ServicePrefixes() {
			w.caa[prefix+"a.example"] = []resolver.CAA{{Tag: "issue", Value: "ca.example"}}
		}
	}},

	{name: "CAA forbids every CA, at the target of an alias", change: func(w *world) {
		w.caa["autoconfig.a.example"] = []resolver.CAA{{Tag: "issue", Value: ";"}}
	}, want: "D07 setup.hoster.example do not allow any CA"},
}
