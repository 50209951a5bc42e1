package doctor

import (
	"net/url"
	"slices"
	"strings"
)

// Issuer is a CA of this server's certificates.
type Issuer struct {
	// Name is what CAA records call it, such as "letsencrypt.org".
	Name string
	// Account is the URL of this server's account with it; empty if unknown.
	Account string
}

// validationMethods are the ways in which this server proves its control of names to its CAs, as CAA records call them.
var validationMethods = []string{"http-01", "tls-alpn-01"}

// byDNS is one more in the zones of [dns], and the only one for wildcards.
const byDNS = "dns-01"

// neededCertificate is what a host name needs to be served.
type neededCertificate struct {
	base     string // the name, without "*."
	wildcard bool
	methods  []string // the ways in which this server proves its control of the name, as CAA records call them; empty if unknown
}

// certificateFor returns the certificate that serves a host name.
func (d *Doctor) certificateFor(host string) neededCertificate {
	name := host
	if d.CertificateFor != nil {
		name = d.CertificateFor(host)
	}
	base, wildcard := strings.CutPrefix(name, "*.")
	c := neededCertificate{base, wildcard, d.Validation}
	_, published := d.Zones.ZoneOf(base)
	switch {
	case wildcard:
		c.methods = []string{byDNS}
	case published && len(c.methods) > 0:
		c.methods = append(slices.Clone(c.methods), byDNS)
	}
	return c
}

// caaNames are the names that CAA records use for CAs, by the host of their ACME directory.
var caaNames = map[string]string{
	"acme-v02.api.letsencrypt.org":         "letsencrypt.org",
	"acme-staging-v02.api.letsencrypt.org": "letsencrypt.org",
	"acme.zerossl.com":                     "sectigo.com",
	"dv.acme-v02.api.pki.goog":             "pki.goog",
	"api.buypass.com":                      "buypass.com",
	"acme.ssl.com":                         "ssl.com",
}

// issuersOf returns the CAs with these ACME directories, in the same order. It returns none if one of them is not known, because any record
// may allow it.
func issuersOf(directories []string) []Issuer {
	var issuers []Issuer
	for _, directory := range directories {
		u, err := url.Parse(directory)
		if err != nil || caaNames[u.Hostname()] == "" {
			return nil
		}
		issuers = append(issuers, Issuer{Name: caaNames[u.Hostname()]})
	}
	return issuers
}
