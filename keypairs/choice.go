package keypairs

import (
	"crypto/tls"
	"iter"
	"slices"
	"strings"
)

// choice finds the certificate for a name. It is immutable.
type choice struct {
	first  *tls.Certificate
	byName map[string][]*tls.Certificate // also "*.example.com"
}

func newChoice(pairs []*tls.Certificate) *choice {
	c := &choice{first: pairs[0], byName: make(map[string][]*tls.Certificate)}
	for _, pair := range pairs {
		for _, name := range pair.Leaf.DNSNames {
			name = strings.ToLower(name)
			c.byName[name] = append(c.byName[name], pair)
		}
	}
	return c
}

// covering returns the pairs whose certificates cover a host name in lower case.
func (c *choice) covering(name string) []*tls.Certificate {
	if fit := c.byName[name]; fit != nil {
		return fit
	}
	if dot := strings.IndexByte(name, '.'); dot >= 0 {
		return c.byName["*"+name[dot:]]
	}
	return nil
}

// GetCertificate is for tls.Config. A name that no certificate covers gets the first pair: some clients can be told to trust it, and an
// alert would help no one. Of several pairs for a name, the first that the client supports is used.
func (p *Pairs) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	choice := p.choice.Load()
	fit := choice.covering(strings.ToLower(strings.TrimSuffix(hello.ServerName, ".")))
	switch len(fit) {
	case 0:
		return choice.first, nil
	case 1:
		return fit[0], nil
	}
	for _, pair := range fit { // RSA and ECDSA for the same name
		if hello.SupportsCertificate(pair) == nil {
			return pair, nil
		}
	}
	return fit[0], nil
}

// MaxUncovered is where Uncovered stops counting, so that a million names that no certificate could ever cover delay nothing.
const MaxUncovered = 10_000

// Uncovered counts the host names, in lower case, that no certificate covers, and returns the first three of them in alphabetical order.
// Clients that ask for such a name by https get a certificate for another one and reject it.
func (p *Pairs) Uncovered(names iter.Seq[string]) (few []string, count int) {
	const enough = 3
	choice := p.choice.Load()
	for name := range names {
		if count == MaxUncovered {
			break
		}
		if choice.covering(name) != nil {
			continue
		}
		count++
		if at, _ := slices.BinarySearch(few, name); at < enough {
			few = slices.Insert(few, at, name)
			few = few[:min(len(few), enough)]
		}
	}
	return few, count
}
