package domains

import (
	"net/netip"

	"mailhint/settings"
)

// Exchangers reports whether a domain's mail goes to one of the given hosts (its MX), as far as that is known. It must not wait, because
// a request is being answered; what it does not know yet it may look up for the next one. The client is the address that the request is
// from, the zero Addr if that is not known, so that look-ups can be limited for each client.
type Exchangers func(d settings.Domain, hosts []settings.Domain, client netip.Addr) bool

// fallbackValues are the values of fallbackKeys.
type fallbackValues struct {
	profile string
	mx      []settings.Domain
}

// fallback is what answers for names that are not configured.
type fallback struct {
	entry
	profile string
	mx      []settings.Domain // answer only for domains whose mail goes to one of these; nil for every name
}

// AskExchangers sets what knows where the mail of names that are not configured goes. It must be called before the first Lookup; without
// it a fallback with mx does not answer.
func (x *index) AskExchangers(e Exchangers) { x.exchangers = e }

// FallbackProfile returns the profile of the fallback; empty if there is none.
func (x *index) FallbackProfile() string {
	if x.fallback == nil {
		return ""
	}
	return x.fallback.profile
}

// FallbackMX returns the hosts to one of which a name's mail must go for the fallback to answer; nil if there is no such condition,
// or no fallback.
func (x *index) FallbackMX() []settings.Domain {
	if x.fallback == nil {
		return nil
	}
	return x.fallback.mx
}

// answers reports whether the fallback answers a client for a name.
func (f *fallback) answers(d settings.Domain, e Exchangers, client netip.Addr) bool {
	return f != nil && (f.mx == nil || e != nil && e(d, f.mx, client))
}

// readFallback reads [fallback].
func (l *loader) readFallback() {
	t := l.fallback
	if t == nil {
		return
	}
	var v fallbackValues
	at := readKeys(t, fallbackKeys, &v)
	p, ok := l.profileOf(t, at, v.profile)
	if !t.has("profile") {
		t.fail("", "has no profile; add profile = \"…\"")
	}
	t.done()
	if !ok {
		return
	}
	if !t.has("mx") {
		t.warn("", "answers for EVERY other name in the world; add mx = [\"mx1.example.com\"] with your mail exchangers to answer only for domains whose mail comes to you")
	}
	f := &fallback{entry{choice: l.choice(p.layer, t)}, v.profile, v.mx}
	if v.mx != nil {
		l.explain(f.choice, Origin{"mx", explained(plainList(v.mx)), at.of("mx")})
	}
	l.index.fallback = f
}
