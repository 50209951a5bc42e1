package domains

import (
	"fmt"
	"net/netip"
	"strings"

	"mailhint/settings"
)

// Exchangers reports whether a domain's mail goes to one of the given hosts (its MX), as far as that is known. It must not wait: a
// request is being answered. What it does not know yet it may find out for the next one. The client is who asks, the zero Addr if that
// is not known, so that nobody can have it find out too much.
type Exchangers func(d settings.Domain, hosts []settings.Domain, client netip.Addr) bool

// fallback is what answers for names that stand nowhere.
type fallback struct {
	entry
	mx []settings.Domain // answer only for domains whose mail goes to one of these; nil for every name in the world
}

// AskExchangers sets who knows where the mail of unlisted names goes. It must be called before the first Lookup; without it a
// fallback with mx answers for nobody.
func (x *index) AskExchangers(e Exchangers) { x.exchangers = e }

// FallbackMX returns the hosts to one of which a name's mail must go for the fallback to answer; nil if there is no such condition,
// or no fallback.
func (x *index) FallbackMX() []settings.Domain {
	if x.fallback == nil {
		return nil
	}
	return x.fallback.mx
}

// answers reports whether the fallback is for a name that a client asks for.
func (f *fallback) answers(d settings.Domain, e Exchangers, client netip.Addr) bool {
	return f != nil && (f.mx == nil || e != nil && e(d, f.mx, client))
}

// readFallback reads [fallback].
func (l *loader) readFallback() {
	t := l.fallback
	if t == nil {
		return
	}
	p, ok := l.profileOf(t)
	if _, there := t.values["profile"]; !there {
		t.fail("", "it has no profile; write profile = \"…\"")
	}
	mx := t.exchangers()
	t.done()
	if !ok {
		return
	}
	f := &fallback{entry{choice: l.choice(p.layer.over(l.defaults).over(builtIn), t)}, mx}
	if mx != nil {
		list := append(l.origins[f.settings], Origin{"mx", "[" + strings.Join(texts(mx), ", ") + "]", t.at("mx")})
		l.origins[f.settings] = list
		if f.outside != nil {
			l.origins[f.outside] = list
		}
	}
	l.index.fallback = f
}

// exchangers reads mx: host names, never patterns, because anybody can publish an MX below most of them.
func (t *table) exchangers() []settings.Domain {
	list, ok := t.texts("mx")
	if ok && len(list) == 0 {
		t.fail("mx", "it is empty, so the fallback would answer for nobody; name your mail exchangers, or remove it if every name in the world may be answered")
	}
	var hosts []settings.Domain
	for i, text := range list {
		d, err := settings.ParseDomain(text)
		if err != nil {
			t.failElement("mx", i, "%q: %v; write a name such as \"mx1.example.com\"", text, err)
			continue
		}
		hosts = append(hosts, d)
	}
	return hosts
}

// notListed is the error for a name that no entry is for.
func (x *index) notListed(d settings.Domain) error {
	if mx := x.FallbackMX(); mx != nil {
		return fmt.Errorf("%s is listed nowhere, and the fallback answers only where the MX is %s: add a table [domains.%q]",
			d, strings.Join(texts(mx), " or "), string(d))
	}
	return fmt.Errorf("%s is not answered for: add a table [domains.%q]", d, string(d))
}
