package compare

import (
	"slices"

	"mailhint/choices"
	"mailhint/settings"
)

// purpose says why a change is made on purpose: the old answer does not work, or is not how this server answers. It is empty for changes that
// need a decision.
func purpose(s subject, old, configured outcome, c Change) string {
	is := func(k Kind) bool { return slices.Contains(c.Kinds, k) }
	before, after := old.incoming, configured.incoming
	if c.What == "outgoing server" {
		before, after = old.outgoing, configured.outgoing
	}
	switch {
	case is(Gained) && old.password:
		return "this server never asks for a password before it answers"
	case is(Gained):
		return gained(s, old)
	case before == nil || after == nil:
		return ""
	case is(TLS) && !is(Host) && before.contradictsPort():
		return "the old answer contradicts itself: that port uses the other TLS mode"
	case is(TLS) && !is(Host) && before.security == settings.Plaintext:
		return "passwords are never sent without encryption unless the configuration says so"
	case is(TLS) && !is(Host) && !is(Protocol) && before.security == settings.STARTTLS && after.security == settings.ImplicitTLS:
		return "implicit TLS is preferred (RFC 8314); STARTTLS is offered second, where a format has room for two"
	case is(Login) && slices.Contains([]string{"undefined", "true"}, c.Old):
		return "the client makes this login name of a missing or empty one"
	case is(SignIn) && c.Old == string(settings.NTLM) && s.client.FollowsToAnother(choices.POXHost):
		return "the old answer does not switch off SPA, so that Outlook tries NTLM"
	}
	return ""
}

// gained says why a client that got nothing gets something.
func gained(s subject, old outcome) string {
	switch {
	case s.name == choices.AppleMail:
		return "this server offers a profile for every address"
	case s.name == choices.PACCClients:
		return "this server answers the newest protocol too"
	case old.noAddress:
		return "this server needs no address in the request"
	case old.unusable != "":
		return "the client cannot use the old answer: " + old.unusable
	}
	return ""
}

// contradictsPort reports whether a port is for another TLS mode.
func (s *server) contradictsPort() bool {
	switch s.port {
	case 993, 995, 465:
		return s.security != settings.ImplicitTLS
	case 143, 110, 587:
		return s.security == settings.ImplicitTLS
	}
	return false
}
