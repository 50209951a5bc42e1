package autoconfig

import (
	"crypto/md5"
	"encoding/hex"
	"net/url"

	"mailhint/settings"
)

// The paths at which clients ask.
const (
	Path          = "/mail/config-v1.1.xml"                        // of autoconfig.D
	WellKnownPath = "/.well-known/autoconfig/mail/config-v1.1.xml" // of D itself
	NinePath      = "/v1.1/mail/config-v1.1.xml"                   // Nine for Android
	DraftPath     = "/.well-known/mail-v1.xml"                     // drafts of January to May 2024
)

// Host returns the name at which clients ask for a domain first.
func Host(d settings.Domain) string { return settings.AutoconfigPrefix + string(d) }

// Request returns what Thunderbird sends first. Without an address it is what Thunderbird for Android and KMail send.
func Request(d settings.Domain, a settings.Address) settings.Request {
	return settings.NewRequest(Host(d), Path, addressQuery(a))
}

// WellKnownRequest returns what clients send to the domain itself, if autoconfig.D has no answer.
func WellKnownRequest(d settings.Domain, a settings.Address) settings.Request {
	return settings.NewRequest(string(d), WellKnownPath, addressQuery(a))
}

// EvolutionRequest returns what Evolution 3.40 and later sends: nobody's address, and the MD5 of the person's.
func EvolutionRequest(d settings.Domain, a settings.Address) settings.Request {
	sum := md5.Sum([]byte(a.String()))
	q := addressQuery(settings.Address{Local: settings.EvolutionUser, Domain: d})
	q.Set("emailmd5", hex.EncodeToString(sum[:]))
	return settings.NewRequest(Host(d), Path, q)
}

func addressQuery(a settings.Address) url.Values {
	if a.IsZero() {
		return nil
	}
	return url.Values{"emailaddress": {a.String()}}
}
