package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"mailhint/probe"
)

// webCases are about what answers at our names.
var webCases = []findingCase{
	{name: "web certificate for another name", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
			body(200, htmlType, website)(web)
			certificate(func(c *probe.TLS) { c.NameErr, c.Chain[0].DNSNames = errors.New("no"), []string{"other.example"} })(web)
		}
	}, want: "H01 autoconfig.a.example it is for other.example"},
	{name: "web certificate ended", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = certificate(func(c *probe.TLS) {
			c.Chain[0].NotAfter, c.ChainErr = now.AddDate(0, 0, -1), errors.New("expired")
		})
	}, want: "H01 autoconfig.a.example ended on 2026-07-31"},
	{name: "web certificate ends soon", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = certificate(func(c *probe.TLS) { c.Chain[0].NotAfter = now.AddDate(0, 0, 5) })
	}, want: "warning H01 autoconfig.a.example in 5 days"},
	{name: "a handshake that breaks off", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
			*web = probe.Web{URL: web.URL, State: probe.Reached, Err: io.ErrUnexpectedEOF}
		}
	}, want: "H02 autoconfig.a.example no encrypted connection comes about"},
	{name: "no TLS at 443", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
			*web = probe.Web{URL: web.URL, State: probe.Reached, Err: fmt.Errorf("odd: %w", tls.RecordHeaderError{Msg: "no TLS"})}
		}
	}, want: "H02 autoconfig.a.example speaks no TLS"},
	{name: "no way to 443 by IPv6, as a router says", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
			*web = probe.Web{URL: web.URL, State: probe.Unreachable, Address: netip.MustParseAddr("2001:db8::80"),
				Err: errors.New("no way")}
		}
	}, want: "H02 autoconfig.a.example no way to the address"},
	{name: "a page", change: func(w *world) { w.pages["https://autoconfig.a.example/"] = body(200, htmlType, website) },
		want: "H02 autoconfig.a.example text/html of 34 octets"},
	{name: "not found", change: func(w *world) { w.pages["https://autodiscover.a.example/"] = body(404, htmlType, website) },
		want: "H02 autodiscover.a.example 404"},
	{name: "nobody at 443", change: func(w *world) {
		for _, label := range ourLabels {
			w.pages["https://"+label+"a.example/"] = func(web *probe.Web) {
				*web = probe.Web{URL: web.URL, State: probe.Refused, Err: errors.New("refused")}
			}
		}
		w.pages[DefaultISPDB] = body(404, htmlType, website)
	}, want: "H02 autoconfig.a.example nothing listens at port 443"},
	{name: "the settings of somebody else at both names", change: func(w *world) {
		w.pages["https://autoconfig.a.example/"] = body(200, "text/xml", otherConfig)
		w.pages["https://autodiscover.a.example/"] = body(200, "text/xml", otherPOX)
	}, want: "H02 autoconfig.a.example settings that name other servers, imap.elsewhere.example:993 and"},
	{name: "a password", change: func(w *world) { w.pages["https://autodiscover.a.example/"] = body(401, htmlType, website) },
		want: "H03 autodiscover.a.example 401"},
	{name: "a password at the web site", change: func(w *world) {
		w.hosts["a.example"] = addresses("203.0.113.80")
		w.pages["http://a.example/.well-known/autoconfig/"] = body(401, htmlType, website)
	}, want: "H03 a.example /.well-known/autoconfig/"},
	{name: "a changed letter", change: func(w *world) {
		w.pages["https://autoconfig.a.example/mail/"] = replace("mail.a", "Mail.a")
	}, want: `H04 autoconfig.a.example line 7`},
	{name: "another port, on the way",
		change: func(w *world) { w.pages["https://autoconfig.a.example/mail/"] = replace("993", "143") },
		want:   "H04 autoconfig.a.example line 8"},
	{name: "all on one line", change: func(w *world) { w.pages["https://autoconfig.a.example/mail/"] = replace("\n", "") },
		want: "H04 autoconfig.a.example line 1"},
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
