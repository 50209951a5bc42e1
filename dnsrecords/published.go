package dnsrecords

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mailhint/resolver"
)

// Resolver looks up what a domain publishes: a *resolver.Resolver.
type Resolver interface {
	// Host may return both addresses and an error, if others may be missing.
	Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error)
	CNAME(ctx context.Context, name string) (string, error)
	SRV(ctx context.Context, name string) ([]resolver.SRV, error)
	TXT(ctx context.Context, name string) ([]string, error)
}

// maxPublished limits how many records of one name and type are read.
const maxPublished = 16

// PublishedSRV returns the SRV records of a name.
func PublishedSRV(ctx context.Context, r Resolver, name string) (records []Record, err error) {
	answers, err := r.SRV(ctx, name)
	for _, a := range answers[:min(len(answers), maxPublished)] {
		records = append(records, Record{Name: name, Data: Service(a)})
	}
	return records, err
}

// PublishedTXT returns the TXT records of a name that are of the kind clients look for there.
func PublishedTXT(ctx context.Context, r Resolver, name string) (records []Record, err error) {
	answers, err := r.TXT(ctx, name)
	answers = slices.DeleteFunc(answers, func(text string) bool { return !isOfInterest(name, text) })
	for _, a := range answers[:min(len(answers), maxPublished)] {
		records = append(records, Record{Name: name, Data: Text(a)})
	}
	return records, err
}

// isOfInterest reports whether a text is of the kind that clients look for at a name. Wildcard records and aliases add others, such as
// those that say who may send mail.
func isOfInterest(name, text string) bool {
	if strings.HasPrefix(name, labelPACC+".") {
		return strings.Contains(strings.ToUpper(text), "UAAC")
	}
	return strings.HasPrefix(normalText(name, Text(text)), "path=") // RFC 6764 section 4
}

// IsOfInterest reports whether clients would read a record: of the texts at a name, they read only some.
func IsOfInterest(r Record) bool {
	text, isText := r.Data.(Text)
	return !isText || isOfInterest(strings.ToLower(r.Name), string(text))
}

// UnusedName returns a random name below a domain. Only a wildcard record can answer for it.
func UnusedName(domain string) string {
	return "mailhint-" + strings.ToLower(rand.Text()[:12]) + "." + domain
}

// Differences looks up the records with the names and types of the wanted ones and compares them, as Compare does. The options are those
// that the wanted records were made with: a name that has all the addresses of the server is as good as an alias of it. The error wraps
// resolver.ErrFailed; without an answer nothing is known.
func Differences(ctx context.Context, r Resolver, want []Record, o Options) ([]Difference, error) {
	c := comparison{Resolver: r, ours: o.Addresses}
	if o.Server != "" && len(o.Addresses) == 0 {
		c.ours, _, _ = r.Host(ctx, o.Server) // without them only an alias is recognized
	}
	var published []Record
	asked := make(map[string]bool)
	for _, w := range want {
		question := w.Name + " " + kindOf(w.Data)
		if asked[question] {
			continue
		}
		asked[question] = true
		records, err := c.published(ctx, w)
		if err != nil && !errors.Is(err, resolver.ErrNone) {
			return nil, err
		}
		published = append(published, records...)
	}
	all := Compare(want, published)
	for i, extra := range all {
		all[i].Wildcard = extra.Extra && c.isWildcard(ctx, extra.Record)
	}
	return all, nil
}

// comparison is what the look-ups of Differences share.
type comparison struct {
	Resolver
	ours []netip.Addr // the server's addresses, as far as they are known
}

// published returns the records of a name that are of the kind of w. If the name points to the server by its addresses where w is an alias,
// it returns w.
func (c comparison) published(ctx context.Context, w Record) ([]Record, error) {
	switch w.Data.(type) {
	case Service:
		return PublishedSRV(ctx, c, w.Name)
	case Text:
		return PublishedTXT(ctx, c, w.Name)
	}
	addresses, _, err := c.Host(ctx, w.Name)
	target, aliasErr := c.CNAME(ctx, w.Name)
	if errors.Is(aliasErr, resolver.ErrFailed) {
		return nil, fmt.Errorf("%s: %w", w.Name, aliasErr)
	}
	_, wantsAlias := w.Data.(Alias)
	if wantsAlias && err == nil && len(c.ours) > 0 && !slices.ContainsFunc(addresses,
		func(a netip.Addr) bool { return !slices.Contains(c.ours, a) }) {
		return []Record{w}, nil
	}
	if aliasErr == nil && (wantsAlias || err != nil) {
		return []Record{{Name: w.Name, Data: Alias(target)}}, nil
	}
	var records []Record
	for _, a := range addresses {
		records = append(records, Record{Name: w.Name, Data: Address(a)})
	}
	return records, err
}

// isWildcard reports whether an unused name beside that of a record has the same record. Such a name gets its answer from the same wildcard
// (RFC 4592 section 3.3.1).
func (c comparison) isWildcard(ctx context.Context, r Record) bool {
	_, parent, _ := strings.Cut(r.Name, ".")
	beside := r
	beside.Name = UnusedName(parent)
	if text, ok := r.Data.(Text); ok {
		texts, err := c.TXT(ctx, beside.Name)
		return err == nil && slices.Contains(texts, string(text))
	}
	records, err := c.published(ctx, beside)
	return err == nil && slices.ContainsFunc(records, func(found Record) bool { return found.Data == r.Data })
}
