package wellknown

// The paths at which clients ask, on the mail domain itself: those for calendars and contacts with any method, most often PROPFIND, and the
// one for JMAP with GET.
const (
	CalDAV  = "/.well-known/caldav"
	CardDAV = "/.well-known/carddav"
	JMAP    = "/.well-known/jmap"
)
