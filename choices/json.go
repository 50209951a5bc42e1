package choices

import (
	"encoding/json"
	"encoding/xml"
	"strings"

	"mailhint/settings"
)

// ReadPACC reads the mail servers of a PACC document. Ports and implicit TLS are implied, and the login name is always the address.
func ReadPACC(body []byte) (Document, error) {
	type server struct{ Host string }
	var root struct {
		Protocols *struct{ IMAP, POP3, Submit, SMTP server }
		// Authentication is as in the draft; a missing one means that nothing is known to be accepted.
		Authentication struct {
			Password    bool
			OAuthPublic *struct{ Issuer string } `json:"oauth-public"`
		}
	}
	if err := json.Unmarshal(body, &root); err != nil || root.Protocols == nil {
		return Document{}, ErrFormat
	}
	var auths []settings.Auth
	if root.Authentication.OAuthPublic != nil {
		auths = append(auths, settings.OAuth2Token)
	}
	if root.Authentication.Password {
		auths = append(auths, settings.Password)
	}
	p := root.Protocols
	if p.Submit.Host == "" { // draft -02
		p.Submit = p.SMTP
	}
	var d Document
	for _, e := range []Entry{{Kind: "imap", Host: p.IMAP.Host, Port: 993}, {Kind: "pop3", Host: p.POP3.Host, Port: 995},
		{Kind: "smtp", Host: p.Submit.Host, Port: 465}} {
		if e.Host != "" {
			e.Host, e.Security, e.Auths = strings.ToLower(e.Host), settings.ImplicitTLS, auths
			d.Servers = append(d.Servers, e)
		}
	}
	return d, nil
}

// ReadActiveSync reads the URL of the ActiveSync server from an Autodiscover answer in the schema of mobile devices ([MS-ASCMD] section
// 2.2.1.1). Without one, its error is ErrFormat or a ProviderError.
func ReadActiveSync(body []byte) (string, error) {
	var root struct {
		XMLName  xml.Name `xml:"Autodiscover"`
		Response struct {
			Error   *poxErrorXML `xml:"Error"`
			Servers []struct {
				Type string
				URL  string `xml:"Url"`
			} `xml:"Action>Settings>Server"`
		} `xml:"Response"`
	}
	if err := decode(body, &root); err != nil {
		return "", ErrFormat
	}
	for _, s := range root.Response.Servers {
		if s.Type == "MobileSync" && strings.TrimSpace(s.URL) != "" {
			return strings.TrimSpace(s.URL), nil
		}
	}
	if e := root.Response.Error; e != nil {
		return "", e.error()
	}
	return "", ErrFormat
}

// ReadLocation reads the URL from an answer of Autodiscover's second form, JSON. Without one, its error is ErrFormat or a ProviderError.
func ReadLocation(body []byte) (string, error) {
	var root struct {
		URL                     string `json:"Url"`
		ErrorCode, ErrorMessage string
	}
	switch err := json.Unmarshal(body, &root); {
	case err != nil:
		return "", ErrFormat
	case root.ErrorCode != "":
		return "", poxErrorXML{root.ErrorCode, root.ErrorMessage}.error()
	case root.URL == "":
		return "", ErrFormat
	}
	return root.URL, nil
}
