package choices

import (
	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/pacc"
	"mailhint/settings"
)

// Place is where clients ask.
type Place uint8

// The places. POX, plain old XML, is Microsoft's name for the format of Autodiscover.
const (
	ConfigHost      Place = iota // autoconfig., with an address, as most clients ask
	ConfigNoAddress              // autoconfig., without an address
	ConfigEvolution              // autoconfig., as Evolution asks
	ConfigHTTP                   // autoconfig. without TLS
	ConfigBare                   // the domain's own web server
	ConfigBareHTTP               // the same without TLS
	POXHost                      // autodiscover.
	POXHTTP                      // autodiscover. without TLS
	POXBare                      // the domain's own web server
	POXSRV                       // the target of the SRV record _autodiscover
	PACCHost                     // ua-auto-config.
	ProfileHost                  // autoconfig., Apple's profile
	ISPDBEntry                   // Mozilla's database

	JSONAutodiscover // autodiscover., the second form: where the first one is
	JSONActiveSync   // the same for ActiveSync
	JSONEWS          // the same for Exchange Web Services
	MobilePOX        // autodiscover., in the schema of mobile devices
	CalDAVBare       // the domain's own web server, where calendars are
	CardDAVBare      // the same for contacts
	JMAPBare         // the same for JMAP
)

// IsAutodiscover reports whether a place is one of Autodiscover's first form.
func (p Place) IsAutodiscover() bool {
	return p == POXHost || p == POXHTTP || p == POXBare || p == POXSRV
}

// Host is the host name of a place; empty for those that are not below the domain.
func (p Place) Host(d settings.Domain) string {
	switch p {
	case ConfigHost, ConfigNoAddress, ConfigEvolution, ConfigHTTP, ProfileHost:
		return autoconfig.Host(d)
	case POXHost, POXHTTP, JSONAutodiscover, JSONActiveSync, JSONEWS, MobilePOX:
		return autodiscover.Host(d)
	case PACCHost:
		return pacc.Host(d)
	case POXSRV, ISPDBEntry:
		return ""
	}
	return string(d)
}
