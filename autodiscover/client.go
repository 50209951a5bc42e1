package autodiscover

import (
	"bytes"
	"encoding/xml"
	"net/url"

	"mailhint/settings"
)

// The paths at which clients ask, in lower case. Clients write capitals in them.
const (
	Path                = "/autodiscover/autodiscover.xml"
	MailEnablePath      = "/autodiscover.xml" // MailEnable's Outlook connector
	JSONPath            = "/autodiscover/autodiscover.json"
	JSONPathWithAddress = JSONPath + "/v1.0" // the address follows as one more element
)

// Host returns the name at which clients ask for a domain. Outlook asks the domain itself first.
func Host(d settings.Domain) string { return settings.AutodiscoverPrefix + string(d) }

// SRVName returns the name of the SRV record that points Outlook to another host.
func SRVName(d settings.Domain) string { return "_autodiscover._tcp." + string(d) }

// Request returns what Outlook sends to autodiscover.D for an address. Without an address it is Delta Chat's request.
func Request(d settings.Domain, a settings.Address) settings.Request { return RequestTo(Host(d), a) }

// BareRequest returns what Outlook sends to the domain itself.
func BareRequest(d settings.Domain, a settings.Address) settings.Request {
	return RequestTo(string(d), a)
}

// RequestTo returns what Outlook sends to a host, such as the target of the SRV record.
func RequestTo(host string, a settings.Address) settings.Request {
	r := settings.NewRequest(host, Path, nil)
	if !a.IsZero() {
		r.Method, r.ContentType, r.Body = "POST", "text/xml; charset=utf-8", requestBody(a)
	}
	return r
}

// JSONRequest returns what new Outlook and Outlook for phones send to learn where the first version is served. They always send an
// address: without one, it is a made-up address of the domain.
func JSONRequest(d settings.Domain, a settings.Address) settings.Request {
	return JSONRequestFor(d, a, "AutodiscoverV1")
}

// JSONRequestFor is JSONRequest for another protocol, such as ActiveSync or EWS.
func JSONRequestFor(d settings.Domain, a settings.Address, protocol string) settings.Request {
	if a.IsZero() {
		a = settings.Address{Local: "somebody", Domain: d}
	}
	return settings.NewRequest(Host(d), JSONPath, url.Values{"Email": {a.String()}, "Protocol": {protocol}})
}

// MobileRequest returns what phones send to autodiscover.D for an Exchange account.
func MobileRequest(a settings.Address) settings.Request {
	r := RequestTo(Host(a.Domain), a)
	r.Body = bodyIn("mobilesync/requestschema/2006", schemaMobilesync, a)
	return r
}

// requestBody is Outlook's request for an address ([MS-OXDSCLI] section 2.2.3.1).
func requestBody(a settings.Address) []byte {
	return bodyIn("outlook/requestschema/2006", schemaOutlook, a)
}

// bodyIn is a request in a schema for an answer in another one.
func bodyIn(request, response string, a settings.Address) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	b.WriteString(`<Autodiscover xmlns="` + schemaPrefix + request + `"><Request><EMailAddress>`)
	xml.EscapeText(&b, []byte(a.String())) // writing to a buffer cannot fail
	b.WriteString(`</EMailAddress><AcceptableResponseSchema>` + schemaPrefix + response + `</AcceptableResponseSchema></Request></Autodiscover>`)
	return b.Bytes()
}
