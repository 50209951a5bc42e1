package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mailhint/probe"
	"mailhint/settings"
)

// mailCases are about mail servers.
var mailCases = []findingCase{
	{name: "refused", change: func(w *world) { w.looks["mail.a.example:993"] = state(probe.Refused) },
		want: "M01 mail.a.example:993 nothing listens"},
	{name: "silent", change: func(w *world) { w.looks["mail.a.example:587"] = state(probe.Silent) },
		want: "M01 mail.a.example:587 a firewall drops the packets"},
	{name: "unreachable", change: func(w *world) { w.looks["mail.a.example:587"] = state(probe.Unreachable) },
		want: "M01 mail.a.example:587 the address cannot be reached"},
	{name: "accepted, but silent", change: func(w *world) {
		w.looks["mail.a.example:587"] = func(l *probe.Look) { l.Speaks, l.TLS, l.Err = 0, nil, probe.ErrNoGreeting }
	}, want: "M01 mail.a.example:587 but no submission server answers"},
	{name: "a slow greeting", change: func(w *world) {
		w.looks["mail.a.example:587"] = func(l *probe.Look) { l.Greeted = 7 * time.Second }
	}, want: "warning M01 mail.a.example:587 slow: takes more than 5 seconds"},
	{name: "a very slow greeting", change: func(w *world) {
		w.looks["mail.a.example:587"] = func(l *probe.Look) { l.Greeted = 31 * time.Second }
	}, want: "warning M01 mail.a.example:587 slow: takes more than 30 seconds"},
	{name: "a greeting after a moment", change: func(w *world) {
		w.looks["mail.a.example:587"] = func(l *probe.Look) { l.Greeted = 4 * time.Second }
	}},
	{name: "the other TLS mode, and what follows from it", change: func(w *world) {
		w.looks["mail.a.example:993"] = func(l *probe.Look) {
			l.Speaks, l.TLS.NameErr, l.After = settings.STARTTLS, errors.New("no"), probe.Capabilities{}
		}
	}, want: "M02 mail.a.example:993 should use implicit TLS but uses STARTTLS"},
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
	}, want: "M04 mail.a.example:993, mail.a.example:143, mail.a.example:465, mail.a.example:587 it covers box.example"},
	{name: "old TLS", change: func(w *world) { w.looks["mail.a.example:465"] = func(l *probe.Look) { l.TLS.Version = 0x0301 } },
		want: "M04 mail.a.example:465 TLS 1.0"},
	{name: "a handshake that fails", change: func(w *world) {
		w.looks["mail.a.example:465"] = func(l *probe.Look) {
			l.Speaks, l.TLS, l.Err = 0, nil, fmt.Errorf("%w: alert", probe.ErrHandshake)
		}
	}, want: "M04 mail.a.example:465 no TLS connection can be established"},
	{name: "mail certificate expires soon", change: func(w *world) {
		w.looks["mail.a.example:465"] = func(l *probe.Look) { l.TLS.Chain[0].NotAfter = now.AddDate(0, 0, 13) }
	}, want: "warning M04 mail.a.example:465 in 13 days"},
	{name: "a fresh mail certificate for six days", change: func(w *world) {
		w.looks["mail.a.example:465"] = func(l *probe.Look) { validFor(l.TLS, 160*time.Hour, 120*time.Hour) }
	}},
	{name: "a mail certificate for six days that was not renewed", change: func(w *world) {
		w.looks["mail.a.example:465"] = func(l *probe.Look) { validFor(l.TLS, 160*time.Hour, 30*time.Hour) }
	}, want: "warning M04 mail.a.example:465 in 1 day"},
	{name: "a mail certificate that is not valid yet", change: func(w *world) {
		w.looks["mail.a.example:465"] = func(l *probe.Look) { validFor(l.TLS, 160*time.Hour, 161*time.Hour) }
	}, want: "M04 mail.a.example:465 not valid before 2026-08-01"},
	{name: "no such login", config: oauth2, change: func(w *world) {
		authorizes("")(w)
		w.looks["mail.a.example:993"] = func(l *probe.Look) { l.After.Mechanisms = []string{"PLAIN"} }
	}, want: "M05 mail.a.example:993 should offer the login method oauth2 but offers only password"},
	{name: "no login at all", change: func(w *world) {
		w.looks["mail.a.example:587"] = func(l *probe.Look) { l.After.Mechanisms = nil }
	}, want: "M05 mail.a.example:587 should offer the login method password but offers none that clients know"},
	{name: "client certificates, which cannot be seen without one", config: usual + "auth = [\"client-cert\", \"password\"]\n", change: func(w *world) {
		w.looks["mail.a.example:993"] = func(l *probe.Look) { l.After.Mechanisms = []string{"PLAIN"} }
	}},
	{name: "the certificate of a server that advertises no login method", change: func(w *world) {
		w.looks["mail.a.example:465"] = func(l *probe.Look) {
			l.After.Mechanisms = nil
			validFor(l.TLS, 160*time.Hour, 161*time.Hour)
		}
	}, want: "M04, M05"},
	{name: "client certificates, and no password", config: usual + "auth = [\"client-cert\", \"password\"]\n", change: func(w *world) {
		w.looks["mail.a.example:993"] = func(l *probe.Look) { l.After.Mechanisms = []string{"EXTERNAL"} }
	}, want: "M05 mail.a.example:993 should offer the login method password but offers only client-cert"},
	{name: "a bad certificate where clients do not use TLS", config: plaintext, change: func(w *world) {
		w.looks["mail.a.example:143"] = func(l *probe.Look) {
			l.Before, l.Speaks, l.TLS = probe.Capabilities{Mechanisms: []string{"PLAIN"}}, settings.STARTTLS, goodTLS("mail.a.example")
			l.TLS.ChainErr, l.TLS.NameErr = errors.New("self-signed"), errors.New("no")
		}
	}},
	{name: "logins before TLS", change: func(w *world) {
		w.looks["mail.a.example:143"] = func(l *probe.Look) { l.Before.Mechanisms = []string{"PLAIN"} }
	}, want: "warning M05 mail.a.example:143 before TLS"},
	{name: "IPv6 does not answer", change: func(w *world) {
		for at := range w.servers {
			w.looks[at] = func(l *probe.Look) {
				if l.Address.Is6() {
					state(probe.Silent)(l)
				}
			}
		}
	}, want: "M06 mail.a.example ports 993, 143, 465 and 587 work over IPv4"},
	{name: "IPv4 does not answer", change: func(w *world) {
		w.looks["mail.a.example:993"] = func(l *probe.Look) {
			if l.Address.Is4() {
				state(probe.Refused)(l)
			}
		}
	}, want: "M01 mail.a.example:993 (at 198.51.100.25)"},
	{name: "some of several addresses do not answer", change: func(w *world) {
		w.hosts["mail.a.example"] = addresses("198.51.100.25", "198.51.100.26", "198.51.100.27")
		w.looks["mail.a.example:993"] = func(l *probe.Look) {
			if l.Address != netip.MustParseAddr("198.51.100.25") {
				state(probe.Refused)(l)
			}
		}
	}, want: "M01 mail.a.example:993 (at 198.51.100.26 and 198.51.100.27)"},
	{name: "neither answers", change: func(w *world) { w.looks["mail.a.example:993"] = state(probe.Silent) },
		want: "M01 mail.a.example:993 no reply from port 993"},
}
