package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailhint/resolver"
	"mailhint/settings"
)

// challengeLabel is put before a name for the record with which it is proved by DNS (RFC 8555 section 8.4).
const challengeLabel = "_acme-challenge."

// challenge is the name at which this server would publish a record to prove a host name.
type challenge struct {
	neededCertificate
	owner  string // empty if nothing is published for the host name
	target string // of the alias that is at the name
	err    error  // resolver.ErrNone if there is no alias
}

// challengeFor looks whether there is an alias where this server would publish a record.
func (s *session) challengeFor(ctx context.Context, needed neededCertificate) challenge {
	if !slices.Contains(needed.methods, byDNS) {
		return challenge{}
	}
	owner := challengeLabel + needed.base
	a := s.names.alias(ctx, owner)
	return challenge{needed, owner, a.target, a.err}
}

// judgeChallenges checks that names can be proved by DNS: an alias leaves the records there to another zone, in which this server publishes nothing.
func (j *judgement) judgeChallenges() {
	for _, prefix := range settings.ServicePrefixes() {
		host := prefix + string(j.Found.Domain)
		c, n := j.challenges[host], j.names[host]
		switch {
		case c.owner == "" || j.explained[host] || len(n.addresses) == 0 || errors.Is(c.err, resolver.ErrNone):
		case c.err != nil:
			j.dnsFailed("whether "+c.owner+" is an alias, which would keep a certificate from being ordered", c.err)
		default:
			j.add(delegated(c, len(j.ours) > 0 && len(j.foreign(n)) > 0))
		}
	}
}

// delegated is the finding about an alias. Behind a proxy, there is no other way to prove a name.
func delegated(c challenge, behindProxy bool) Finding {
	severity, effect := Problem, "the certificate for "+c.base+" cannot be ordered or renewed"
	switch {
	case c.wildcard:
		effect = "the certificate for *." + c.base + " cannot be ordered or renewed"
	case !behindProxy:
		severity, effect = Warning, "the certificate can be ordered only while the CA reaches this server on port 80 or 443"
	}
	return newFinding(ChallengeAlias, severity, c.owner, fmt.Sprintf("is an alias of %s, so this server cannot publish the CA's record there; %s", clip(c.target), effect),
		"Remove the alias (CNAME) from the zone. If another program orders certificates through it, give its certificate to this server as cert and key instead, "+
			"or take the zone out of [dns].")
}
