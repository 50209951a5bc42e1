package settings

import "net/url"

// The prefixes of the host names at which clients ask for a mail domain.
const (
	AutoconfigPrefix   = "autoconfig."     // autoconfig and Apple profiles
	AutodiscoverPrefix = "autodiscover."   // both versions of Autodiscover
	PACCPrefix         = "ua-auto-config." // PACC
)

// servicePrefixes are all of them.
var servicePrefixes = [...]string{AutoconfigPrefix, AutodiscoverPrefix, PACCPrefix}

// ServicePrefixes returns the prefixes of the host names at which clients ask for a mail domain, each with its dot.
func ServicePrefixes() []string { return servicePrefixes[:] }

// Request is what a client sends to a web server to learn the settings of a domain.
type Request struct {
	// Method is GET or POST.
	Method string
	// URL names the host that the client looks up and sends in the Host header. The scheme is https; many clients try http next.
	URL url.URL
	// ContentType is the type of the body; empty if there is none.
	ContentType string
	Body        []byte
}

// NewRequest returns a GET request over https. The query is nil if there is none.
func NewRequest(host, path string, query url.Values) Request {
	return Request{Method: "GET", URL: url.URL{Scheme: "https", Host: host, Path: path, RawQuery: query.Encode()}}
}
