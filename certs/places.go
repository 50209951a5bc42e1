package certs

import (
	"errors"
	"strings"
	"time"
)

// places are the names below wildcards that are not listed and hold a place: they have a certificate, a failed order, or permission
// for one. A stranger, or the owner of one wildcard, must not take the places of the other domains.
type places map[string]placeHolder

type placeHolder struct {
	domain string    // registered domain
	asked  time.Time // when a client has last asked for the name
}

const (
	// defaultUnlisted is how many names that are not listed may hold a place.
	defaultUnlisted = 100
	// placesPerDomain is how many of them may be below one registered domain.
	placesPerDomain = 10
)

// Reasons why a name that is not listed gets no place.
var (
	// errDomainFull means that a registered domain holds as many places as it may.
	errDomainFull = errors.New("too many names below wildcards of this domain have certificates; list the ones you need in the configuration")
	// errWildcardsFull means that all places are taken, and none can be given to the domain.
	errWildcardsFull = errors.New("too many names below wildcards have certificates; list the ones you need in the configuration")
)

// room decides whether a name below a registered domain may take a place. If all are taken, a domain that holds none gets one of the domain
// that holds most: that of the name that clients have not asked for the longest, which is returned as evicted. The last place of a domain is
// never taken from it.
func (p places) room(domain string, limit int) (evicted string, err error) {
	held := make(map[string]int)
	for _, holder := range p {
		held[holder.domain]++
	}
	switch {
	case held[domain] >= placesPerDomain:
		return "", errDomainFull
	case len(p) < limit:
		return "", nil
	case held[domain] > 0:
		return "", errWildcardsFull
	}
	for name, holder := range p {
		if held[holder.domain] > 1 && (evicted == "" || p.goesBefore(name, evicted, held)) {
			evicted = name
		}
	}
	if evicted == "" {
		return "", errWildcardsFull
	}
	return evicted, nil
}

// goesBefore reports whether one name gives way rather than another.
func (p places) goesBefore(name, other string, held map[string]int) bool {
	a, b := p[name], p[other]
	if held[a.domain] != held[b.domain] {
		return held[a.domain] > held[b.domain]
	}
	if order := a.asked.Compare(b.asked); order != 0 {
		return order < 0
	}
	return strings.Compare(name, other) < 0
}
