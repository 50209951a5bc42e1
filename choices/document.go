package choices

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"mailhint/autoconfig"
	"mailhint/settings"
	"mailhint/untrusted"
)

// Document is what an answer says, before a client applies its rules.
type Document struct {
	ID      string   // the emailProvider's
	Domains []string // the domain elements
	Servers []Entry  // in the order of the document
}

// Entry is a server in a document, as it is written there, valid or not.
type Entry struct {
	Kind     string // "imap", "pop3", "smtp" (see KindOf), and others that are not used here
	Host     string
	Port     uint16 // 0 if it is not valid
	Security settings.Security
	Auths    []settings.Auth
	Login    string // with placeholders
	HasLogin bool
	URL      string // of an "ews" server, which has no host

	encryption settings.Security // what the element Encryption of Autodiscover says; 0 for nothing
}

// KindOf is a protocol as documents spell it; empty if it is not one of mail clients.
func KindOf(p settings.Protocol) string {
	return cmp.Or(autoconfig.IncomingTypes.Spell(p), autoconfig.OutgoingTypes.Spell(p))
}

// ErrFormat means that an answer is not a document of this format.
var ErrFormat = errors.New("not a document of this format")

// Read reads a document of the format that belongs to a place. Its error is ErrFormat or a ProviderError.
func Read(p Place, body []byte) (Document, error) {
	switch {
	case p.IsAutodiscover():
		return ReadAutodiscover(body)
	case p == ProfileHost:
		return ReadProfile(body)
	case p == PACCHost:
		return ReadPACC(body)
	}
	return ReadAutoconfig(body)
}

type configXML struct {
	XMLName  xml.Name    `xml:"clientConfig"`
	Provider *configBody `xml:"emailProvider"`
}

type configBody struct {
	ID       string         `xml:"id,attr"`
	Domains  []string       `xml:"domain"`
	Incoming []configServer `xml:"incomingServer"`
	Outgoing []configServer `xml:"outgoingServer"`
}

type configServer struct {
	Type       string   `xml:"type,attr"`
	Host       string   `xml:"hostname"`
	Port       string   `xml:"port"`
	SocketType string   `xml:"socketType"`
	URL        string   `xml:"url"`
	Auths      []string `xml:"authentication"`
	Username   *string  `xml:"username"`
}

// ReadAutoconfig reads config-v1.1.xml.
func ReadAutoconfig(body []byte) (Document, error) {
	var root configXML
	if err := decode(body, &root); err != nil || root.Provider == nil {
		return Document{}, ErrFormat
	}
	d := Document{ID: root.Provider.ID, Domains: root.Provider.Domains}
	for _, list := range [][]configServer{root.Provider.Incoming, root.Provider.Outgoing} {
		for _, c := range list {
			e := Entry{Kind: c.Type, Host: strings.ToLower(strings.TrimSpace(c.Host)), Port: portNumber(c.Port), URL: strings.TrimSpace(c.URL)}
			e.Security, _ = autoconfig.SocketTypes.Meaning(c.SocketType)
			for _, a := range c.Auths {
				if auth, ok := autoconfig.Methods.Meaning(a); ok {
					e.Auths = append(e.Auths, auth)
				}
			}
			if c.Username != nil {
				e.Login, e.HasLogin = *c.Username, true
			}
			d.Servers = append(d.Servers, e)
		}
	}
	return d, nil
}

type poxXML struct {
	XMLName  xml.Name `xml:"Autodiscover"`
	Response struct {
		Error   *poxErrorXML `xml:"Error"`
		Account *struct {
			Action    string        `xml:"Action"`
			Protocols []poxProtocol `xml:"Protocol"`
		} `xml:"Account"`
	} `xml:"Response"`
}

type poxErrorXML struct {
	Code    string `xml:"ErrorCode"`
	Message string `xml:"Message"`
}

func (e poxErrorXML) error() error {
	return ProviderError{fmt.Sprintf("error %s: %s", untrusted.Clip(e.Code, maxText), untrusted.Clip(e.Message, maxText))}
}

type poxProtocol struct {
	Type       string
	Server     string
	Port       string
	LoginName  string
	SPA        string
	SSL        string
	Encryption string
}

// ProviderError is an Autodiscover answer that reports an error.
type ProviderError struct{ text string }

func (e ProviderError) Error() string { return e.text }

// encryptions are the values of the element Encryption. "TLS" means STARTTLS ([MS-OXDSCLI] 2.2.4.1.1.2.6.22).
var encryptions = map[string]settings.Security{"None": settings.Plaintext, "SSL": settings.ImplicitTLS, "TLS": settings.STARTTLS}

// ReadAutodiscover reads an Autodiscover answer. SSL "off" means no encryption to most clients, whatever Encryption says; only to Outlook
// does Encryption override it.
func ReadAutodiscover(body []byte) (Document, error) {
	var root poxXML
	if err := decode(body, &root); err != nil {
		return Document{}, ErrFormat
	}
	if e := root.Response.Error; e != nil {
		return Document{}, e.error()
	}
	if root.Response.Account == nil {
		return Document{}, ErrFormat
	}
	var d Document
	for _, p := range root.Response.Account.Protocols {
		kind := strings.ToLower(p.Type)
		e := Entry{Kind: kind, Host: strings.ToLower(strings.TrimSpace(p.Server)), Port: portNumber(p.Port),
			Security: settings.ImplicitTLS, Auths: []settings.Auth{settings.Password}}
		e.encryption = encryptions[p.Encryption]
		switch {
		case p.SSL == "off" || p.Encryption == "None":
			e.Security = settings.Plaintext
		case p.Encryption == "TLS", p.Encryption != "SSL" && isSTARTTLSPort(e.Port):
			e.Security = settings.STARTTLS
		}
		if p.SPA == "on" || p.SPA == "" { // the default
			e.Auths = []settings.Auth{settings.NTLM}
		}
		e.Login, e.HasLogin = p.LoginName, p.LoginName != ""
		d.Servers = append(d.Servers, e)
	}
	return d, nil
}

// decode decodes XML. Declared character sets are ignored: what matters here is ASCII, and clients read the rest in different ways.
func decode(body []byte, into any) error {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	decoder.CharsetReader = sameText
	return decoder.Decode(into)
}

func sameText(_ string, r io.Reader) (io.Reader, error) { return r, nil }

func isSTARTTLSPort(port uint16) bool { return port == 143 || port == 110 || port == 587 || port == 25 }

func portNumber(s string) uint16 {
	port, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}

// String returns the server as reports show it, such as "imap.example.com:993 implicit TLS".
func (e Entry) String() string {
	if e.URL != "" {
		return untrusted.Clip(e.URL, maxText) + " (EWS)"
	}
	return fmt.Sprintf("%s:%d %s", untrusted.Clip(e.Host, maxText), e.Port, e.Security)
}

// maxText is how much of a stranger's text is shown, in characters.
const maxText = 120

// MailServers are the mail servers of a document, in a form that can be compared.
func (d Document) MailServers() map[string]bool {
	all := make(map[string]bool)
	for _, e := range d.Servers {
		if e.Kind == "imap" || e.Kind == "pop3" || e.Kind == "smtp" {
			all[fmt.Sprintf("%s %s:%d %d", e.Kind, e.Host, e.Port, e.Security)] = true
		}
	}
	return all
}
