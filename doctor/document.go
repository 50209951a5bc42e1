package doctor

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"mailhint/autoconfig"
	"mailhint/settings"
)

// document is what an answer says, before a client applies its rules.
type document struct {
	id      string   // the emailProvider's
	domains []string // the domain elements
	servers []entry  // in the order of the document
}

// entry is a server in a document, as it is written there, valid or not.
type entry struct {
	kind     string // "imap", "pop3", "smtp" (see kindOf), and others that are not used here
	host     string
	port     uint16 // 0 if it is not valid
	security settings.Security
	auths    []settings.Auth
	login    string // with placeholders
	hasLogin bool
	url      string // of an "ews" server, which has no host
}

// kindOf is a protocol as documents spell it; empty if it is not one of mail clients.
func kindOf(p settings.Protocol) string {
	return cmp.Or(autoconfig.IncomingTypes.Spell(p), autoconfig.OutgoingTypes.Spell(p))
}

// errNotThis means that an answer is not a document of this format.
var errNotThis = errors.New("not a document of this format")

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

// readConfig reads config-v1.1.xml.
func readConfig(body []byte) (document, error) {
	var root configXML
	if err := xml.Unmarshal(body, &root); err != nil || root.Provider == nil {
		return document{}, errNotThis
	}
	d := document{id: root.Provider.ID, domains: root.Provider.Domains}
	for _, list := range [][]configServer{root.Provider.Incoming, root.Provider.Outgoing} {
		for _, c := range list {
			e := entry{kind: c.Type, host: strings.ToLower(strings.TrimSpace(c.Host)), port: portNumber(c.Port), url: strings.TrimSpace(c.URL)}
			e.security, _ = autoconfig.SocketTypes.Meaning(c.SocketType)
			for _, a := range c.Auths {
				if auth, ok := autoconfig.Methods.Meaning(a); ok {
					e.auths = append(e.auths, auth)
				}
			}
			if c.Username != nil {
				e.login, e.hasLogin = *c.Username, true
			}
			d.servers = append(d.servers, e)
		}
	}
	return d, nil
}

type poxXML struct {
	XMLName  xml.Name `xml:"Autodiscover"`
	Response struct {
		Error *struct {
			Code    string `xml:"ErrorCode"`
			Message string `xml:"Message"`
		} `xml:"Error"`
		Account *struct {
			Action    string        `xml:"Action"`
			Protocols []poxProtocol `xml:"Protocol"`
		} `xml:"Account"`
	} `xml:"Response"`
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

// poxError is an Autodiscover answer that reports an error.
type poxError struct{ text string }

func (e poxError) Error() string { return e.text }

// readPOX reads an Autodiscover answer. Its Encryption overrides SSL, and "TLS" means STARTTLS ([MS-OXDSCLI] 2.2.4.1.1.2.6.22).
func readPOX(body []byte) (document, error) {
	var root poxXML
	if err := xml.Unmarshal(body, &root); err != nil {
		return document{}, errNotThis
	}
	if e := root.Response.Error; e != nil {
		return document{}, poxError{fmt.Sprintf("error %s: %s", clip(e.Code), clip(e.Message))}
	}
	if root.Response.Account == nil {
		return document{}, errNotThis
	}
	var d document
	for _, p := range root.Response.Account.Protocols {
		kind := strings.ToLower(p.Type)
		e := entry{kind: kind, host: strings.ToLower(strings.TrimSpace(p.Server)), port: portNumber(p.Port),
			security: settings.ImplicitTLS, auths: []settings.Auth{settings.Password}}
		switch {
		case p.SSL == "off" || p.Encryption == "None":
			e.security = settings.Plaintext
		case p.Encryption == "TLS", p.Encryption != "SSL" && isSTARTTLSPort(e.port):
			e.security = settings.STARTTLS
		}
		if p.SPA == "on" || p.SPA == "" { // the default
			e.auths = []settings.Auth{settings.NTLM}
		}
		e.login, e.hasLogin = p.LoginName, p.LoginName != ""
		d.servers = append(d.servers, e)
	}
	return d, nil
}

func isSTARTTLSPort(port uint16) bool { return port == 143 || port == 110 || port == 587 || port == 25 }

func portNumber(s string) uint16 {
	port, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}

// mailServers are the mail servers of a document, in a form that can be compared.
func (d document) mailServers() map[string]bool {
	all := make(map[string]bool)
	for _, e := range d.servers {
		if e.kind == "imap" || e.kind == "pop3" || e.kind == "smtp" {
			all[fmt.Sprintf("%s %s:%d %d", e.kind, e.host, e.port, e.security)] = true
		}
	}
	return all
}
