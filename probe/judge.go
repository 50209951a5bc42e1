package probe

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mailhint/settings"
	"mailhint/untrusted"
)

// soon is how long before its end a certificate should have been renewed.
const soon = 14 * 24 * time.Hour

// judge says what should be mended.
func (f *Finding) judge(now time.Time) {
	incoming := f.offers(settings.IMAP) || f.offers(settings.POP3)
	if !incoming {
		f.problem("no server to read mail from was found that mail programs can use")
	}
	if !f.offers(settings.Submission) {
		f.problem("no server to send mail through was found that mail programs can use")
	}
	for _, s := range f.Services {
		if s.Fault != "" {
			f.problem("what the SRV record for %s names cannot be used by programs: %s%s", s.Name, s.place(), s.Fault)
		}
	}
	for i, h := range f.Hosts {
		c := f.Candidates[i]
		if !f.Complete() && h.inside() {
			f.problem("%s was not looked at, because %s is a private address; allow its network with --private", h.Name, h.Addresses[0])
			continue
		}
		f.judgeNamed(h, c.Named)
		for _, port := range c.Ports {
			_, fault := h.server(port)
			switch {
			case f.chose(h.Name, port):
				f.judgeChosen(h, port, now)
			case fault != "" && !c.named(port) && !f.offers(port.Protocol) && h.answers(port):
				f.problem("%s cannot be advertised: %s", place(h.Name, port), fault)
			}
		}
	}
}

// inside reports whether all that is known of a host is that it was not looked at, see Prober.Private.
func (h Host) inside() bool {
	return len(h.Looks) > 0 && !slices.ContainsFunc(h.Looks, func(l Look) bool { return l.State != Forbidden })
}

// judgeNamed finds SRV records that lead programs wrong.
func (f *Finding) judgeNamed(h Host, named []Port) {
	for _, port := range named {
		server, fault := h.server(port)
		switch {
		case fault != "":
			f.problem("an SRV record names %s, which mail programs cannot use: %s", place(h.Name, port), fault)
		case server.Security != port.Security:
			f.problem("an SRV record names %s for %s, where the server speaks %s", place(h.Name, port), port.Security, server.Security)
		}
	}
}

func (f *Finding) offers(p settings.Protocol) bool {
	return slices.ContainsFunc(f.Servers, func(s settings.Server) bool { return s.Protocol == p })
}

func (f *Finding) chose(host string, p Port) bool {
	return slices.ContainsFunc(f.Servers, func(s settings.Server) bool {
		return string(s.Host) == host && s.Protocol == p.Protocol && s.Port == p.Number
	})
}

// answers reports whether a port accepts connections.
func (h Host) answers(p Port) bool {
	return slices.ContainsFunc(h.Looks, func(l Look) bool { return l.Port.same(p) && l.State == Reached })
}

// judgeChosen finds what is wrong with a server that can be used all the same.
func (f *Finding) judgeChosen(h Host, p Port, now time.Time) {
	for _, l := range h.Looks {
		switch {
		case !l.Port.same(p):
		case l.State != Reached && !l.NoRoute:
			f.problem("%s at %s: %s, while another address answers", place(h.Name, p), l.Address, l.State)
		case l.TLS != nil && l.TLS.Leaf().NotAfter.Sub(now) < soon:
			f.problem("%s: its certificate ends in %s", place(h.Name, p), days(l.TLS.Leaf().NotAfter, now))
		}
	}
}

func place(host string, p Port) string { return fmt.Sprintf("%s port %d", host, p.Number) }

var stateTexts = map[State]string{
	0: "not looked at", Reached: "reached", Refused: "refused", Silent: "silent", Unreachable: "unreachable", Forbidden: "private, not looked at",
}

// String says the state in a word.
func (s State) String() string { return stateTexts[s] }

// Days counts the whole days that are left until a time; below zero they are over.
func Days(until, now time.Time) int { return int(math.Floor(until.Sub(now).Hours() / 24)) }

func days(until, now time.Time) string {
	if n := Days(until, now); n != 1 {
		return fmt.Sprintf("%d days", n)
	}
	return "1 day"
}

// Summary says in one line what a look found, for people: the TLS mode, the certificate, the login methods, or what went wrong.
func (l Look) Summary(now time.Time) string {
	switch {
	case l.NoRoute:
		return "this machine has no way to the address"
	case l.State != Reached:
		return l.State.String()
	case l.Err != nil && l.TLS == nil:
		return l.Err.Error()
	}
	parts := []string{l.Speaks.String()}
	if l.Speaks == 0 {
		parts = nil
	}
	offered := l.After
	if l.TLS == nil {
		offered = l.Before
	} else {
		parts = append(parts, l.TLS.VersionName(), l.TLS.summary(now))
	}
	if len(offered.Mechanisms) > 0 {
		parts = append(parts, untrusted.Clip("login "+strings.Join(offered.Mechanisms, " "), maxText))
	} else if l.Speaks != 0 {
		parts = append(parts, "no login")
	}
	if l.Err != nil {
		parts = append(parts, l.Err.Error())
	}
	return strings.Join(parts, ", ")
}

// summary judges the certificate in a few words.
func (t *TLS) summary(now time.Time) string {
	var faults []string
	if t.ChainErr != nil {
		faults = append(faults, t.ChainErr.Error())
	}
	if t.NameErr != nil {
		faults = append(faults, t.NameErr.Error())
	}
	if len(faults) > 0 {
		return "bad certificate (" + strings.Join(faults, "; ") + ")"
	}
	return "certificate good for " + days(t.Leaf().NotAfter, now)
}
