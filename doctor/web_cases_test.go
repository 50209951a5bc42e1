package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"mailhint/probe"
	"mailhint/settings"
)

// webCases are about the web servers that answer at our names.
var webCases = []findingCase{
	{name: "web certificate for another name", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
			body(200, htmlType, website)(web)
			certificate(func(c *probe.TLS) { c.NameErr, c.Chain[0].DNSNames = errors.New("no"), []string{"other.example"} })(web)
		}
	}, want: "H01 autoconfig.a.example it covers other.example"},
	{name: "web certificate expired", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = certificate(func(c *probe.TLS) {
			c.Chain[0].NotAfter, c.ChainErr = now.AddDate(0, 0, -1), errors.New("expired")
		})
	}, want: "H01 autoconfig.a.example expired on 2026-07-31"},
	{name: "web certificate expires soon", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = certificate(func(c *probe.TLS) { c.Chain[0].NotAfter = now.AddDate(0, 0, 5) })
	}, want: "warning H01 autoconfig.a.example in 5 days"},
	{name: "fresh web certificates for six days", change: func(w *world) {
		w.pages["https://"] = certificate(func(c *probe.TLS) { validFor(c, 160*time.Hour, 54*time.Hour) })
	}},
	{name: "a web certificate for six days that was not renewed", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = certificate(func(c *probe.TLS) { validFor(c, 160*time.Hour, 53*time.Hour) })
	}, want: "warning H01 autoconfig.a.example in 2 days"},
	{name: "a web certificate that is not valid yet", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = certificate(func(c *probe.TLS) { validFor(c, 160*time.Hour, 161*time.Hour) })
	}, want: "H01 autoconfig.a.example not valid before 2026-08-01"},
	{name: "a handshake that is cut off", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
			*web = probe.Web{URL: web.URL, State: probe.Reached, Err: io.ErrUnexpectedEOF}
		}
	}, want: "H02 autoconfig.a.example no TLS connection can be established"},
	{name: "no TLS on port 443", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
			*web = probe.Web{URL: web.URL, State: probe.Reached, Err: fmt.Errorf("odd: %w", tls.RecordHeaderError{Msg: "no TLS"})}
		}
	}, want: "H02 autoconfig.a.example does not use TLS"},
	{name: "port 443 unreachable over IPv6", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
			*web = probe.Web{URL: web.URL, State: probe.Unreachable, Address: netip.MustParseAddr("2001:db8::80"),
				Err: errors.New("no way")}
		}
	}, want: "H02 autoconfig.a.example the address cannot be reached"},
	{name: "a page", change: func(w *world) { w.pages["https://autoconfig.a.example/"] = body(200, htmlType, website) },
		want: "H02 autoconfig.a.example text/html of 34 octets"},
	{name: "not found", change: func(w *world) { w.pages["https://autodiscover.a.example/"] = body(404, htmlType, website) },
		want: "H02 autodiscover.a.example 404"},
	{name: "no server on port 443", change: func(w *world) {
		for _, prefix := range settings.ServicePrefixes() {
			w.pages["https://"+prefix+"a.example/"] = func(web *probe.Web) {
				*web = probe.Web{URL: web.URL, State: probe.Refused, Err: errors.New("refused")}
			}
		}
		w.pages[defaultISPDB] = body(404, htmlType, website)
	}, want: "H02 autoconfig.a.example nothing listens on port 443"},
	{name: "another server's settings at both names", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = body(200, "text/xml", otherConfig)
		w.pages["https://autodiscover.a.example/"] = body(200, "text/xml", otherPOX)
	}, want: "H02 autoconfig.a.example settings with other servers, imap.elsewhere.example:993 and"},
	{name: "a password", change: func(w *world) { w.pages["https://autodiscover.a.example/"] = body(401, htmlType, website) },
		want: "H03 autodiscover.a.example 401"},
	{name: "a password at the web site", change: func(w *world) {
		w.hosts["a.example"] = addresses("203.0.113.80")
		w.pages["http://a.example/.well-known/autoconfig/"] = body(401, htmlType, website)
	}, want: "H03 a.example /.well-known/autoconfig/"},
	{name: "a changed letter", change: func(w *world) {
		w.pages["https://autoconfig.a.example/mail/"] = replace("mail.a", "Mail.a")
	}, want: `H04 autoconfig.a.example line 7`},
	{name: "another port, changed on the way",
		change: func(w *world) { w.pages["https://autoconfig.a.example/mail/"] = replace("993", "143") },
		want:   "H04 autoconfig.a.example line 8"},
	{name: "all on one line", change: func(w *world) { w.pages["https://autoconfig.a.example/mail/"] = replace("\n", "") },
		want: "H04 autoconfig.a.example line 1"},
	{name: "a proxy that says http to us", change: func(w *world) {
		w.pages["https://"] = w.asHTTP
	}, want: "H02 autodiscover.a.example, autoconfig.a.example requests for /autodiscover/autodiscover.xml and /mobileconfig to the same address endlessly"},
	{name: "a proxy that says http to us for profiles", change: func(w *world) {
		w.pages["https://autoconfig.a.example/mobileconfig"] = w.asHTTP
	}, want: "H02 autoconfig.a.example requests for /mobileconfig to the same"},
	{name: "two servers that redirect to each other", change: func(w *world) {
		w.hosts["x.a.example"] = addresses("203.0.113.80")
		w.pages["https://autoconfig.a.example/"] = redirect("https://x.a.example/")
		w.pages["https://x.a.example/"] = redirect("https://autoconfig.a.example/mail/config-v1.1.xml?y=z")
	}, want: "H02 autoconfig.a.example answers status 302 (Found), a redirect to https://autoconfig.a.example/"},
	{name: "a redirect to http", change: func(w *world) {
		w.pages["https://autodiscover.a.example/"] = redirect("http://autodiscover.a.example/autodiscover/autodiscover.xml")
	}, want: "H02 autodiscover.a.example a redirect to http://autodiscover.a.example/autodiscover/autodiscover.xml"},
	{name: "a redirect to our answer", change: func(w *world) {
		w.pages["https://autoconfig.a.example/mail/config-v1.1.xml"] = func(web *probe.Web) {
			web.Location, web.Status, web.Body = strings.Replace(web.URL, "autoconfig.a.example", "x.autoconfig.a.example", 1), 302, nil
		}
		w.cnames["x.autoconfig.a.example"] = setupName
		w.pages["https://x.autoconfig.a.example/"] = func(web *probe.Web) {
			web.URL = strings.Replace(web.URL, "x.autoconfig", "autoconfig", 1)
			w.ours(web)
		}
	}},
}
