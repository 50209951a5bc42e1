package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"mailhint/autodiscover"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

const usual = `
[domains."a.example"]
imap = "mail.a.example"
smtp = "mail.a.example"
`

const microsoft = `
[domains."a.example"]
imap = "imaps://outlook.office365.com"
smtp = "submission://smtp.office365.com"
auth = ["oauth2"]
autodiscover = "redirect:https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"
[domains."a.example".oauth2]
issuer = "login.microsoftonline.com"
scope = ["https://outlook.office365.com/IMAP.AccessAsUser.All"]
auth_url = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
token_url = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
`

// page replaces what comes from a web server.
func body(status int, kind, text string) func(*probe.Web) {
	return func(w *probe.Web) {
		w.State, w.Err, w.Status, w.Location, w.Body, w.Header = probe.Reached, nil, status, "", []byte(text), http.Header{"Content-Type": {kind}}
	}
}

func state(s probe.State) func(*probe.Look) {
	return func(l *probe.Look) { *l = probe.Look{Port: l.Port, Address: l.Address, State: s} }
}

// TestFindings breaks one thing, or several with one cause: exactly its code must come, about the right thing.
func TestFindings(t *testing.T) {
	const page, website = "text/html", "<!doctype html><title>Site</title>"
	certificate := func(change func(*probe.TLS)) func(*probe.Web) {
		return func(w *probe.Web) {
			if w.TLS != nil {
				change(w.TLS)
			}
		}
	}
	tests := []struct {
		name   string
		config string // usual if empty
		change func(*world)
		want   string // "CODE subject text", with a severity before it if it is a warning; or "CODE, CODE"
	}{
		{name: "all is well", change: func(*world) {}},
		{name: "no SRV records at all", change: func(w *world) { clear(w.srv) }},
		{name: "no PACC, which few know", change: func(w *world) { delete(w.cnames, "ua-auto-config.a.example"); clear(w.txt) }},
		{name: "no web site", change: func(w *world) { delete(w.hosts, "a.example") }},

		{name: "no autoconfig", change: func(w *world) { delete(w.cnames, "autoconfig.a.example") }, want: "D01 autoconfig.a.example no address"},
		{name: "an alias that leads nowhere", change: func(w *world) { w.cnames["autoconfig.a.example"] = "gone.example" }, want: "D01 autoconfig.a.example gone.example, which has none"},
		{name: "no ua-auto-config, but its digest", change: func(w *world) { delete(w.cnames, "ua-auto-config.a.example") }, want: "D01 ua-auto-config.a.example no address"},
		{name: "only SRV", change: func(w *world) { clear(w.cnames); clear(w.txt) }, want: "warning D01 autodiscover.a.example only the SRV record"},
		{name: "no mail server in DNS", change: func(w *world) { delete(w.hosts, "mail.a.example") }, want: "D01 mail.a.example no address for this mail server"},
		{name: "elsewhere", change: func(w *world) {
			w.cnames["autodiscover.a.example"], w.hosts["other.example"] = "other.example", addresses("203.0.113.1")
			w.pages["https://autodiscover.a.example/"] = func(web *probe.Web) { web.TLS.NameErr = errors.New("other.example") }
		}, want: "D02 autodiscover.a.example leads to other.example (203.0.113.1) and not to this server"},
		{name: "partly elsewhere", change: func(w *world) {
			delete(w.cnames, "autoconfig.a.example")
			w.hosts["autoconfig.a.example"] = addresses("198.51.100.80", "203.0.113.1")
		}, want: "D02 autoconfig.a.example some of its addresses are not this server's: 203.0.113.1"},
		{name: "by our addresses, or one of them", change: func(w *world) {
			delete(w.cnames, "autoconfig.a.example")
			w.hosts["autoconfig.a.example"] = addresses("198.51.100.80")
			w.pages["https://autoconfig.a.example/"] = w.ours
			w.pages["http://autoconfig.a.example/"] = w.ours
		}},
		{name: "a content network in front", change: func(w *world) {
			for _, label := range ourLabels {
				delete(w.cnames, label+"a.example")
				w.hosts[label+"a.example"] = addresses("203.0.113.1", "203.0.113.2", "2001:db8:cd::1")
				w.pages["https://"+label+"a.example/"] = w.ours
			}
		}},
		{name: "a front, and an address that is nobody's", change: func(w *world) {
			delete(w.cnames, "autoconfig.a.example")
			w.hosts["autoconfig.a.example"] = addresses("203.0.113.1", "203.0.113.2")
			w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
				if web.Address != netip.MustParseAddr("203.0.113.2") {
					w.ours(web)
				}
			}
		}, want: "D02 autoconfig.a.example some of its addresses are not this server's: 203.0.113.2"},
		{name: "a wildcard, and nobody offers what is asked for there", config: usual + "pacc = false\n", change: func(w *world) {
			delete(w.cnames, "ua-auto-config.a.example")
			w.hosts["*.a.example"] = addresses("203.0.113.1")
		}},
		{name: "this server's own name is missing", change: func(w *world) {
			delete(w.hosts, setupName)
			w.pages[DefaultISPDB] = body(404, page, website)
		}, want: "D01 setup.hoster.example no address for this server's own name"},
		{name: "a wildcard", change: func(w *world) {
			delete(w.cnames, "autoconfig.a.example")
			w.hosts["*.a.example"] = addresses("203.0.113.1")
		}, want: "D04 autoconfig.a.example wildcard"},

		{name: "SRV with another port", change: func(w *world) { w.srv["_imaps._tcp.a.example"][0].Port = 143 }, want: "D05 _imaps._tcp.a.example it says 0 1 143"},
		{name: "SRV for what is not offered", change: func(w *world) {
			w.srv["_pop3s._tcp.a.example"] = []resolver.SRV{{Weight: 1, Port: 995, Target: "mail.a.example"}}
		}, want: "D05 _pop3s._tcp.a.example offer no such service"},
		{name: "SRV against what is offered", change: func(w *world) { w.srv["_imaps._tcp.a.example"] = []resolver.SRV{{}} }, want: "D05 _imaps._tcp.a.example not offered"},
		{name: "an SRV record is missing", change: func(w *world) { delete(w.srv, "_submission._tcp.a.example") }, want: "warning D05 _submission._tcp.a.example missing"},
		{name: "SRV without order", change: func(w *world) { w.srv["_submission._tcp.a.example"][0].Priority = 0 }, want: "warning D05 _submission._tcp.a.example priority"},
		{name: "an SRV target is an alias", change: func(w *world) {
			w.cnames["mail.a.example"], w.hosts["m.example"] = "m.example", addresses("198.51.100.25")
		}, want: "warning D05 _imaps._tcp.a.example alias of m.example"},
		{name: "_autodiscover elsewhere", change: func(w *world) { w.srv["_autodiscover._tcp.a.example"][0].Target = "other.example" }, want: "D05 _autodiscover._tcp.a.example not this server"},
		{name: "_autodiscover by another name of this server", change: func(w *world) {
			w.srv["_autodiscover._tcp.a.example"][0].Target, w.hosts["autodiscover.b.example"] = "autodiscover.b.example", addresses("198.51.100.80")
			w.pages["https://autodiscover.b.example/"] = w.ours
		}},
		{name: "_autodiscover that says no", change: func(w *world) { w.srv["_autodiscover._tcp.a.example"][0] = resolver.SRV{} },
			want: "D05 _autodiscover._tcp.a.example not offered"},
		{name: "only SRV, with an old certificate", change: func(w *world) {
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
		{name: "two _autodiscover", change: func(w *world) {
			w.srv["_autodiscover._tcp.a.example"] = append(w.srv["_autodiscover._tcp.a.example"], resolver.SRV{Weight: 1, Port: 443, Target: setupName})
		}, want: "D05 _autodiscover._tcp.a.example there are 2"},

		{name: "an old digest", change: func(w *world) {
			w.txt["_ua-auto-config.a.example"] = []string{"v=UAAC1; a=sha256; d=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}
		}, want: "D06 _ua-auto-config.a.example digest of another"},
		{name: "a digest of nothing", config: usual + "pacc = false\n", change: func(w *world) {
			w.txt["_ua-auto-config.a.example"] = []string{"v=UAAC1; a=sha256; d=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}
			w.cnames["ua-auto-config.a.example"] = setupName
		}, want: "warning D06 _ua-auto-config.a.example the domain has none"},
		{name: "Autodiscover of somebody else", change: func(w *world) {
			w.pages["https://autodiscover.a.example/"] = body(200, "text/xml", otherPOX)
		}, want: "D06 autodiscover.a.example names other servers"},
		{name: "the web site has other settings", change: func(w *world) {
			w.hosts["a.example"] = addresses("203.0.113.80")
			w.pages["https://a.example/.well-known/autoconfig/"] = body(200, "text/xml", otherConfig)
		}, want: "warning D06 a.example imap.elsewhere.example"},

		{name: "CAA forbids all", change: func(w *world) { w.caa["a.example"] = []resolver.CAA{{Tag: "issue", Value: ";"}} }, want: "D07 a.example no authority"},
		{name: "CAA allows some, ours is not known", change: func(w *world) { w.caa["a.example"] = []resolver.CAA{{Tag: "issue", Value: "ca.example"}} }},
		{name: "CAA at the name itself goes before", change: func(w *world) {
			w.caa["a.example"] = []resolver.CAA{{Tag: "issue", Value: ";"}}
			for _, label := range ourLabels {
				w.caa[label+"a.example"] = []resolver.CAA{{Tag: "issue", Value: "ca.example"}}
			}
		}},

		{name: "CAA forbids all, at the target of an alias", change: func(w *world) {
			w.caa["autoconfig.a.example"] = []resolver.CAA{{Tag: "issue", Value: ";"}}
		}, want: "D07 setup.hoster.example no authority"},

		{name: "web certificate for another name", change: func(w *world) {
			w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
				body(200, page, website)(web)
				certificate(func(c *probe.TLS) { c.NameErr, c.Chain[0].DNSNames = errors.New("no"), []string{"other.example"} })(web)
			}
		}, want: "H01 autoconfig.a.example it is for other.example"},
		{name: "web certificate ended", change: func(w *world) {
			w.pages["https://autoconfig.a.example/"] = certificate(func(c *probe.TLS) { c.Chain[0].NotAfter, c.ChainErr = now.AddDate(0, 0, -1), errors.New("expired") })
		}, want: "H01 autoconfig.a.example ended on 2026-07-31"},
		{name: "web certificate ends soon", change: func(w *world) {
			w.pages["https://autoconfig.a.example/"] = certificate(func(c *probe.TLS) { c.Chain[0].NotAfter = now.AddDate(0, 0, 5) })
		}, want: "warning H01 autoconfig.a.example in 5 days"},
		{name: "a handshake that breaks off", change: func(w *world) {
			w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) { *web = probe.Web{URL: web.URL, State: probe.Reached, Err: io.ErrUnexpectedEOF} }
		}, want: "H02 autoconfig.a.example no encrypted connection comes about"},
		{name: "no TLS at 443", change: func(w *world) {
			w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
				*web = probe.Web{URL: web.URL, State: probe.Reached, Err: fmt.Errorf("odd: %w", tls.RecordHeaderError{Msg: "no TLS"})}
			}
		}, want: "H02 autoconfig.a.example speaks no TLS"},
		{name: "no way to 443 by IPv6, as a router says", change: func(w *world) {
			w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
				*web = probe.Web{URL: web.URL, State: probe.Unreachable, Address: netip.MustParseAddr("2001:db8::80"), Err: errors.New("no way")}
			}
		}, want: "H02 autoconfig.a.example no way to the address"},
		{name: "a page", change: func(w *world) { w.pages["https://autoconfig.a.example/"] = body(200, page, website) }, want: "H02 autoconfig.a.example text/html of 34 octets"},
		{name: "not found", change: func(w *world) { w.pages["https://autodiscover.a.example/"] = body(404, page, website) }, want: "H02 autodiscover.a.example 404"},
		{name: "nobody at 443", change: func(w *world) {
			for _, label := range ourLabels {
				w.pages["https://"+label+"a.example/"] = func(web *probe.Web) { *web = probe.Web{URL: web.URL, State: probe.Refused, Err: errors.New("refused")} }
			}
			w.pages[DefaultISPDB] = body(404, page, website)
		}, want: "H02 autoconfig.a.example nothing listens at port 443"},
		{name: "the settings of somebody else at both names", change: func(w *world) {
			w.pages["https://autoconfig.a.example/"] = body(200, "text/xml", otherConfig)
			w.pages["https://autodiscover.a.example/"] = body(200, "text/xml", otherPOX)
		}, want: "H02 autoconfig.a.example settings that name other servers, imap.elsewhere.example:993 and"},
		{name: "a password", change: func(w *world) { w.pages["https://autodiscover.a.example/"] = body(401, page, website) }, want: "H03 autodiscover.a.example 401"},
		{name: "a password at the web site", change: func(w *world) {
			w.hosts["a.example"] = addresses("203.0.113.80")
			w.pages["http://a.example/.well-known/autoconfig/"] = body(401, page, website)
		}, want: "H03 a.example /.well-known/autoconfig/"},
		{name: "a changed letter", change: func(w *world) { w.pages["https://autoconfig.a.example/mail/"] = replace("mail.a", "Mail.a") }, want: `H04 autoconfig.a.example line 7`},
		{name: "another port, on the way", change: func(w *world) { w.pages["https://autoconfig.a.example/mail/"] = replace("993", "143") }, want: "H04 autoconfig.a.example line 8"},
		{name: "all on one line", change: func(w *world) { w.pages["https://autoconfig.a.example/mail/"] = replace("\n", "") }, want: "H04 autoconfig.a.example line 1"},
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

		{name: "refused", change: func(w *world) { w.looks["mail.a.example:993"] = state(probe.Refused) }, want: "M01 mail.a.example:993 nothing listens"},
		{name: "silent", change: func(w *world) { w.looks["mail.a.example:587"] = state(probe.Silent) }, want: "M01 mail.a.example:587 a firewall drops it"},
		{name: "unreachable", change: func(w *world) { w.looks["mail.a.example:587"] = state(probe.Unreachable) }, want: "M01 mail.a.example:587 no way to the address"},
		{name: "accepted and silent", change: func(w *world) {
			w.looks["mail.a.example:587"] = func(l *probe.Look) { l.Speaks, l.TLS, l.Err = 0, nil, probe.ErrNoGreeting }
		}, want: "M01 mail.a.example:587 no submission server answers"},
		{name: "the other TLS mode, and all that follows", change: func(w *world) {
			w.looks["mail.a.example:993"] = func(l *probe.Look) {
				l.Speaks, l.TLS.NameErr, l.After = settings.STARTTLS, errors.New("no"), probe.Capabilities{}
			}
		}, want: "M02 mail.a.example:993 say implicit TLS, and the port speaks STARTTLS"},
		{name: "no STARTTLS", change: func(w *world) {
			w.looks["mail.a.example:143"] = func(l *probe.Look) {
				l.Speaks, l.TLS, l.Before, l.After = settings.Plaintext, nil, l.After, probe.Capabilities{}
			}
		}, want: "M03 mail.a.example:143 STARTTLS is not offered"},
		{name: "mail certificate", change: func(w *world) {
			for _, port := range []string{"993", "143", "465", "587"} {
				w.looks["mail.a.example:"+port] = func(l *probe.Look) {
					l.TLS.NameErr, l.TLS.Chain[0].DNSNames = errors.New("no"), []string{"box.example"}
				}
			}
		}, want: "M04 mail.a.example:993, mail.a.example:143, mail.a.example:465, mail.a.example:587 it is for box.example"},
		{name: "old TLS", change: func(w *world) { w.looks["mail.a.example:465"] = func(l *probe.Look) { l.TLS.Version = 0x0301 } }, want: "M04 mail.a.example:465 TLS 1.0"},
		{name: "a handshake that fails", change: func(w *world) {
			w.looks["mail.a.example:465"] = func(l *probe.Look) { l.Speaks, l.TLS, l.Err = 0, nil, fmt.Errorf("%w: alert", probe.ErrHandshake) }
		}, want: "M04 mail.a.example:465 no encrypted connection"},
		{name: "mail certificate ends soon", change: func(w *world) {
			w.looks["mail.a.example:465"] = func(l *probe.Look) { l.TLS.Chain[0].NotAfter = now.AddDate(0, 0, 13) }
		}, want: "warning M04 mail.a.example:465 in 13 days"},
		{name: "no such login", config: usual + "auth = [\"oauth2\", \"password\"]\n", change: func(w *world) {
			w.looks["mail.a.example:993"] = func(l *probe.Look) { l.After.Mechanisms = []string{"PLAIN"} }
		}, want: "M05 mail.a.example:993 the settings say oauth2, and it offers password"},
		{name: "no login at all", change: func(w *world) {
			w.looks["mail.a.example:587"] = func(l *probe.Look) { l.After.Mechanisms = nil }
		}, want: "M05 mail.a.example:587 no login that programs know"},
		{name: "logins before TLS", change: func(w *world) {
			w.looks["mail.a.example:143"] = func(l *probe.Look) { l.Before.Mechanisms = []string{"PLAIN"} }
		}, want: "warning M05 mail.a.example:143 before TLS"},
		{name: "IPv6 is dead", change: func(w *world) {
			for at := range w.servers {
				w.looks[at] = func(l *probe.Look) {
					if l.Address.Is6() {
						state(probe.Silent)(l)
					}
				}
			}
		}, want: "M06 mail.a.example at port 993, 143, 465 and 587"},
		{name: "IPv4 is dead", change: func(w *world) {
			w.looks["mail.a.example:993"] = func(l *probe.Look) {
				if l.Address.Is4() {
					state(probe.Refused)(l)
				}
			}
		}, want: "M01 mail.a.example:993 (at 198.51.100.25)"},
		{name: "some of many addresses are dead", change: func(w *world) {
			w.hosts["mail.a.example"] = addresses("198.51.100.25", "198.51.100.26", "198.51.100.27")
			w.looks["mail.a.example:993"] = func(l *probe.Look) {
				if l.Address != netip.MustParseAddr("198.51.100.25") {
					state(probe.Refused)(l)
				}
			}
		}, want: "M01 mail.a.example:993 (at 198.51.100.26 and 198.51.100.27)"},
		{name: "both are dead", change: func(w *world) { w.looks["mail.a.example:993"] = state(probe.Silent) }, want: "M01 mail.a.example:993 nothing comes back"},

		{name: "a login of another kind", config: usual + "login = \"%EMAILLOCALPART%.a\"\n", change: func(*world) {}, want: "warning L01 a.example neither the address nor"},
		{name: "one login for everybody", config: usual + "login = \"00123\"\n", change: func(*world) {}, want: "L01 a.example reads digits as a number"},
		{name: "two forms of login", config: `[domains."a.example"]
imap = "mail.a.example"
smtp = { url = "mail.a.example", login = "%EMAILLOCALPART%" }
`, change: func(*world) {}, want: "warning L01 a.example different login names"},

		{name: "a media type that Thunderbird refuses", change: func(w *world) {
			w.pages["https://autoconfig.a.example/mail/"] = func(web *probe.Web) { web.Header.Set("Content-Type", "text/plain") }
		}, want: "C01 Thunderbird is no XML to it"},
		{name: "OAuth2 alone", config: usual + "auth = [\"oauth2\"]\n", change: func(*world) {}, want: "C01, C03"},
		{name: "OAuth2 alone, at a provider that Thunderbird and Apple know", config: microsoft, change: func(*world) {}},
		{name: "a web site with a certificate for another name", change: func(w *world) {
			w.hosts["a.example"] = addresses("203.0.113.80")
			w.pages["https://a.example/"] = certificate(func(c *probe.TLS) { c.NameErr, c.Chain[0].DNSNames = errors.New("no"), []string{"web.example"} })
		}, want: "warning C02 Outlook it is for web.example"},
		{name: "a web site that answers everything", change: func(w *world) {
			w.hosts["a.example"] = addresses("203.0.113.80")
			w.pages["https://a.example/"] = body(200, page, website)
		}, want: "warning C02 Outlook asks the domain's own web server first"},
		{name: "another Autodiscover at the web site", change: func(w *world) {
			w.hosts["a.example"] = addresses("203.0.113.80")
			w.pages["https://a.example/autodiscover/"] = body(200, "text/xml", otherPOX)
		}, want: "C02 Outlook imap.elsewhere.example"},
		{name: "a proxy that knows no profiles", change: func(w *world) { w.pages["https://autoconfig.a.example/mobileconfig"] = body(404, page, website) }, want: "warning C03 Apple 404"},
		{name: "an old entry in the ISPDB", change: func(w *world) {
			w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
			w.pages[DefaultISPDB] = body(200, "text/xml", otherConfig)
		}, want: "warning C04 a.example imap.elsewhere.example"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.config == "" {
				test.config = usual
			}
			snapshot := load(t, test.config)
			w := newWorld(t, snapshot, "a.example")
			w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
			test.change(w)
			r := w.doctor().Examine(context.Background(), find(t, snapshot, "a.example"))
			checkReport(t, r, test.want)
		})
	}
}

func checkReport(t *testing.T, r Report, want string) {
	t.Helper()
	severity := Problem
	if rest, ok := strings.CutPrefix(want, "warning "); ok {
		severity, want = Warning, rest
	}
	code, about, _ := strings.Cut(want, " ")
	if before, _, several := strings.Cut(want, ", "); several && len(before) == 3 {
		if got := strings.Join(codes(r), ", "); got != want {
			t.Errorf("got %s, want %s: %+v", got, want, r.Findings)
		}
		return
	}
	var all []string
	if code != "" {
		all = []string{code}
	}
	if !slices.Equal(codes(r), all) {
		t.Fatalf("got %q, want %q: %+v", codes(r), all, r.Findings)
	}
	if len(r.Unchecked) > 0 || r.Incomplete {
		t.Errorf("not checked: %q", r.Unchecked)
	}
	if code == "" {
		return
	}
	subject, text, _ := strings.Cut(about, " ")
	for rest, found := text, true; found && strings.HasSuffix(subject, ","); { // several subjects
		var next string
		next, rest, found = strings.Cut(rest, " ")
		subject, text = subject+" "+next, rest
	}
	if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
		return f.Severity == severity && strings.Contains(f.Subject, subject) && strings.Contains(f.Text, text) && f.Do != "" && f.Page == f.Code.Page()
	}) {
		t.Errorf("no %s %s about %q with %q in %+v", severity, code, subject, text, r.Findings)
	}
}

// ours has the true server answer whatever address a name has, and be asked by the name of another of its domains, if there is one.
func (w *world) ours(web *probe.Web) {
	const domain = "a.example"
	u, err := url.Parse(web.URL)
	if err != nil {
		return
	}
	method, text := http.MethodGet, ""
	if u.Path == autodiscover.Path {
		method, text = http.MethodPost, autodiscover.NewRequest(settings.Address{Local: "postmaster", Domain: domain})
	}
	r := httptest.NewRequest(method, web.URL, strings.NewReader(text))
	r.Header.Set("Content-Type", "text/xml")
	if settings.ServedDomain(u.Hostname()) != domain {
		r.Host = "autodiscover." + domain
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	web.State, web.Err, web.Status, web.Header, web.Body = probe.Reached, nil, recorder.Code, recorder.Header(), recorder.Body.Bytes()
}

// replace changes a page on its way.
func replace(from, to string) func(*probe.Web) {
	return func(w *probe.Web) { w.Body = []byte(strings.ReplaceAll(string(w.Body), from, to)) }
}

const otherConfig = `<clientConfig version="1.1"><emailProvider id="elsewhere.example"><domain>elsewhere.example</domain>
<incomingServer type="imap"><hostname>imap.elsewhere.example</hostname><port>993</port><socketType>SSL</socketType>
<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></incomingServer>
<outgoingServer type="smtp"><hostname>smtp.elsewhere.example</hostname><port>465</port><socketType>SSL</socketType>
<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></outgoingServer>
</emailProvider></clientConfig>`

const otherPOX = `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><User/><Account><AccountType>email</AccountType>
<Action>settings</Action><Protocol><Type>IMAP</Type><Server>imap.elsewhere.example</Server><Port>993</Port><SPA>off</SPA><SSL>on</SSL></Protocol>
<Protocol><Type>SMTP</Type><Server>smtp.elsewhere.example</Server><Port>465</Port><SPA>off</SPA><SSL>on</SSL></Protocol></Account></Response></Autodiscover>`
