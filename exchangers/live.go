package exchangers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mailhint/resolver"
	"mailhint/settings"
)

// Live looks up the exchangers of a domain when it is asked about it. That is for commands: a request must not wait for DNS, and uses
// a Cache. It remembers the last domain only, and is for one goroutine.
type Live struct {
	ctx      context.Context
	resolver Resolver

	asked settings.Domain // empty before the first question
	found []resolver.MX
	err   error
}

// NewLive returns a Live whose look-ups end with ctx.
func NewLive(ctx context.Context, r Resolver) *Live { return &Live{ctx: ctx, resolver: r} }

// ErrUnknown is wrapped by the error of Live.Why if the look-up failed. Try again later.
var ErrUnknown = errors.New("its MX cannot be looked up")

// liveTimeout bounds one look-up.
const liveTimeout = 10 * time.Second

// Ours reports whether a domain's preferred mail exchanger is one of the hosts. It is a domains.Exchangers.
func (l *Live) Ours(d settings.Domain, hosts []settings.Domain, _ netip.Addr) bool {
	if l.asked != d {
		ctx, cancel := context.WithTimeout(l.ctx, liveTimeout)
		defer cancel()
		l.asked = d
		if l.found, l.err = l.resolver.MX(ctx, string(d)); errors.Is(l.err, resolver.ErrNone) {
			l.err = nil
		}
	}
	return preferred(l.found, hosts) != ""
}

// Why says why Ours was false at the last question, or returns nil if it was true, or there was no question: the name did not depend
// on its MX.
func (l *Live) Why(hosts []settings.Domain) error {
	switch {
	case l.asked == "" || preferred(l.found, hosts) != "":
		return nil
	case l.err != nil:
		return fmt.Errorf("%w: %w", ErrUnknown, l.err)
	case len(l.found) == 0 || l.found[0].Host == "": // the latter is a null MX, RFC 7505
		return fmt.Errorf("it has no MX record; it would have to be %s", alternatives(hosts))
	}
	return fmt.Errorf("its preferred MX is %q, and not %s", l.found[0].Host, alternatives(hosts))
}

// Unanswered says why the fallback does not answer for a domain, for people, with what to do about it. It is nil where Why is.
func (l *Live) Unanswered(d settings.Domain, hosts []settings.Domain) error {
	switch err := l.Why(hosts); {
	case err == nil:
		return nil
	case errors.Is(err, ErrUnknown):
		return fmt.Errorf("%s is not configured, and whether the fallback would answer is unknown: %w", d, err)
	default:
		return fmt.Errorf("%s is not configured, and the fallback does not answer: %w; add a table [domains.%q]", d, err, string(d))
	}
}

func alternatives(hosts []settings.Domain) string {
	texts := make([]string, len(hosts))
	for i, h := range hosts {
		texts[i] = string(h)
	}
	return strings.Join(texts, " or ")
}
