package starter

import (
	"errors"

	"mailhint/dnsrecords"
	"mailhint/pacc"
	"mailhint/settings"
)

// Records returns the DNS records that a domain should publish, with the digest of its PACC document if it has one. Without the name and
// the addresses of the mailhint server it returns dnsrecords.ErrNoServer.
func Records(found settings.Found, o dnsrecords.Options) ([]dnsrecords.Record, error) {
	document, err := pacc.Answer(found)
	switch {
	case err == nil:
		o.PACC = pacc.Record(document)
	case !errors.Is(err, settings.ErrNotExpressible):
		return nil, err
	}
	return dnsrecords.For(found, o)
}
