package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/exchangers"
	"mailhint/resolver"
	"mailhint/settings"
	"mailhint/spelling"
)

// addMXResolver adds the flag that mxResolver reads.
func addMXResolver(cmd *cobra.Command) {
	cmd.Flags().String("resolver", "", "IP address of the resolver to ask for the MX of a name that only [fallback] with mx answers; default this machine's")
}

func mxResolver(cmd *cobra.Command) (exchangers.Resolver, error) {
	r, err := namedResolver(cmd)
	if r == nil || err != nil {
		return resolver.SystemNow{}, err
	}
	return r, nil
}

// liveExchangers looks up MX records when it is asked, which a command may do and a request must not.
type liveExchangers struct {
	ctx      context.Context
	resolver exchangers.Resolver

	asked settings.Domain // by the fallback; empty if it was not concerned
	found []resolver.MX
	err   error
}

func (l *liveExchangers) ours(d settings.Domain, hosts []settings.Domain, _ netip.Addr) bool {
	if l.asked == d { // as an address's domain and again as the host's
		return exchangers.Preferred(l.found, hosts) != ""
	}
	ctx, cancel := context.WithTimeout(l.ctx, 10*time.Second)
	defer cancel()
	l.asked = d
	if l.found, l.err = l.resolver.MX(ctx, string(d)); errors.Is(l.err, resolver.ErrNone) {
		l.err = nil
	}
	return exchangers.Preferred(l.found, hosts) != ""
}

// notFound is the error for a name that nothing answers for, with what the fallback depends on.
func (l *liveExchangers) notFound(snapshot *domains.Snapshot, d settings.Domain) error {
	hosts := spellHosts(snapshot.FallbackMX())
	switch {
	case l.asked == "" || exchangers.Preferred(l.found, snapshot.FallbackMX()) != "":
		return problem(fmt.Errorf("%s is not answered for: %s", d, whyNotFound(snapshot, d)))
	case l.err != nil:
		return exitError{exitUnknown, fmt.Errorf("%s is listed nowhere, and whether its MX is %s, so that the fallback answers, is not known: %w", d, hosts, l.err)}
	case len(l.found) == 0 || l.found[0].Host == "":
		return problem(fmt.Errorf("%s is listed nowhere, and takes no mail by an MX, so the fallback does not answer: its MX would have to be %s; add a table [domains.%q]", d, hosts, string(d)))
	}
	return problem(fmt.Errorf("%s is listed nowhere, and its preferred MX is %q, so the fallback does not answer: it would have to be %s; add a table [domains.%q]",
		d, l.found[0].Host, hosts, string(d)))
}

// whyNotFound says why a name is not answered for here, and what to do about it.
func whyNotFound(snapshot *domains.Snapshot, d settings.Domain) string {
	entries, _ := snapshot.EntriesFor([]settings.Domain{d}) // an error says that there are none
	for _, e := range entries {
		switch {
		case e.Disabled:
			return "it is switched off; remove enabled = false"
		case len(e.Networks) > 0:
			return "only the networks in its allow_plaintext get an answer"
		}
	}
	advice := fmt.Sprintf("add a table [domains.%q]", string(d))
	if near := nearDomain(snapshot, d); near != "" {
		advice += fmt.Sprintf("; did you mean %q?", string(near))
	}
	return advice
}

// nearDomain is a configured domain that differs by a letter, or by what comes after the first dot; "" if there is none.
func nearDomain(snapshot *domains.Snapshot, d settings.Domain) settings.Domain {
	label, _, _ := strings.Cut(string(d), ".")
	var sister settings.Domain
	for _, name := range snapshot.NamedDomains() {
		if spelling.Distance(string(d), string(name), 1) <= 1 {
			return name
		}
		if other, _, _ := strings.Cut(string(name), "."); other == label && sister == "" {
			sister = name
		}
	}
	return sister
}

// spellHosts lists the exchangers of the fallback for people.
func spellHosts(hosts []settings.Domain) string {
	texts := make([]string, len(hosts))
	for i, h := range hosts {
		texts[i] = string(h)
	}
	return strings.Join(texts, " or ")
}
