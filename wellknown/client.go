package wellknown

import "mailhint/settings"

// The paths at which clients ask, on the mail domain itself.
const (
	CalDAV  = "/.well-known/caldav"
	CardDAV = "/.well-known/carddav"
	JMAP    = "/.well-known/jmap"
)

// Request returns what clients send to one of the paths. Clients for calendars and contacts use other methods too, most often PROPFIND; the
// answer is the same.
func Request(d settings.Domain, path string) settings.Request {
	return settings.NewRequest(string(d), path, nil)
}
