package keypairs

import (
	"crypto/tls"
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
