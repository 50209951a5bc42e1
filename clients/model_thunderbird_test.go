package clients_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Thunderbird for the desktop. JXON.sys.mjs turns text into JavaScript values before readFromXML.sys.mjs and ExchangeAutoDiscover.sys.mjs read
// them.

// thunderbirdFetch is FetchHTTP.sys.mjs: anything without an XML media type in lower case is a string instead of a document.
func thunderbirdFetch(a answer) (*element, error) {
	if a.Status == 401 {
		// FindConfig.sys.mjs: a 401 from any place, if nothing else is found.
		return nil, errors.New("401: it asks the user for another password")
	}
	if !isSuccess(a.Status) {
		return nil, fmt.Errorf("status %d", a.Status)
	}
	for _, prefix := range []string{"text/xml", "application/xml", "text/rdf"} {
		if strings.HasPrefix(a.ContentType, prefix) {
			return parse(a.Body)
		}
	}
	return nil, fmt.Errorf("Content-Type %q is not XML for Thunderbird", a.ContentType)
}

// thunderbirdConfig is readFromXML.sys.mjs.
func thunderbirdConfig(a answer) (setup, error) {
	root, err := thunderbirdFetch(a)
	if err != nil {
		return setup{}, err
	}
	// Names are compared as written, so a prefix hides an element; a default namespace does not.
	provider := root.first("emailProvider")
	if root.name != "clientConfig" || provider == nil {
		return setup{}, errors.New("no emailProvider")
	}
	id, hasID := provider.attrs["id"]
	if _, err := (jxon{text: id, isSet: hasID, isText: true}).hostname(); err != nil {
		return setup{}, fmt.Errorf("emailProvider id: %w", err)
	}
	if !slices.ContainsFunc(provider.all("domain"), func(d *element) bool {
		_, err := jxonOf(d).hostname()
		return err == nil
	}) {
		return setup{}, errors.New("no valid domain")
	}
	incoming, err := thunderbirdServers(provider.all("incomingServer"), thunderbirdIncomingAuth, a.Address)
	if err != nil {
		return setup{}, fmt.Errorf("no usable incomingServer: %w", err)
	}
	outgoing, err := thunderbirdServers(provider.all("outgoingServer"), thunderbirdOutgoingAuth, a.Address)
	if err != nil {
		return setup{}, fmt.Errorf("no usable outgoingServer: %w", err)
	}
	return newSetup(incoming, outgoing), nil
}

// The login methods that Thunderbird knows. Of several it uses the first that it can.
var (
	thunderbirdIncomingAuth = map[string]string{
		"password-cleartext": "password", "plain": "password",
		"password-encrypted": "password-encrypted", "secure": "password-encrypted",
		"GSSAPI": "gssapi", "NTLM": "ntlm", "OAuth2": "oauth2",
	}
	thunderbirdOutgoingAuth = map[string]string{
		"none": "none", "client-IP-address": "none", "smtp-after-pop": "none",
		"password-cleartext": "password", "plain": "password",
		"password-encrypted": "password-encrypted", "secure": "password-encrypted",
		"GSSAPI": "gssapi", "NTLM": "ntlm", "OAuth2": "oauth2",
	}
)

// thunderbirdServers ignores servers that Thunderbird cannot use. The first of the others is the default, the rest are alternatives.
func thunderbirdServers(list []*element, auths map[string]string, address string) ([]endpoint, error) {
	var usable []endpoint
	fault := errors.New("none listed")
	for _, server := range list {
		e, err := thunderbirdServer(server, auths, address)
		if err != nil {
			fault = err
			continue
		}
		usable = append(usable, e)
	}
	if len(usable) == 0 {
		return nil, fault
	}
	return usable, nil
}

func thunderbirdServer(server *element, auths map[string]string, address string) (endpoint, error) {
	e := endpoint{Protocol: server.attrs["type"]}
	known := []string{"pop3", "imap", "nntp", "exchange", "ews", "owa"} // and graph, behind a preference
	if server.name == "outgoingServer" {
		known = []string{"smtp"}
	}
	if !slices.Contains(known, e.Protocol) {
		return endpoint{}, fmt.Errorf("type %q is unknown", e.Protocol)
	}
	if err := e.thunderbirdPlace(server); err != nil {
		return endpoint{}, err
	}
	var err error
	if e.Auth, err = thunderbirdAuth(server, auths, e.Host); err != nil {
		return endpoint{}, err
	}
	e.Host = fillPlaceholders(e.Host, address)
	username := server.first("username")
	if username == nil && e.Protocol == "smtp" && !strings.HasPrefix(e.Auth, "password") {
		return e, nil
	}
	// String(undefined) is "undefined", which becomes the user name if the file has none.
	e.Username = fillPlaceholders(jxonOf(username).text, address)
	return e, nil
}

// thunderbirdPlace reads host, port and encryption, or the URL that implies them.
func (e *endpoint) thunderbirdPlace(server *element) (err error) {
	if u, err := url.Parse(server.content("url")); err == nil && u.Host != "" {
		e.Host = u.Hostname()
		e.Security = map[string]security{"https": implicitTLS, "http": noEncryption}[u.Scheme]
	}
	if e.Host == "" {
		if e.Host, err = jxonOf(server.first("hostname")).hostname(); err != nil {
			return fmt.Errorf("hostname: %w", err)
		}
		if e.Port, err = jxonOf(server.first("port")).port(); err != nil {
			return fmt.Errorf("port: %w", err)
		}
	}
	for _, socket := range server.all("socketType") {
		if s, ok := socketTypes[socket.text]; ok {
			e.Security = s
			break
		}
	}
	if e.Security == "" {
		return errors.New("no socketType it knows")
	}
	return nil
}

// socketTypes are the values of config-v1.1.xml. Letter case and white space matter to this client and most others.
var socketTypes = map[string]security{"SSL": implicitTLS, "STARTTLS": startTLS, "plain": noEncryption}

func thunderbirdAuth(server *element, auths map[string]string, host string) (string, error) {
	for _, auth := range server.all("authentication") {
		method, ok := auths[auth.text]
		if ok && (method != "oauth2" || thunderbirdKnowsOAuth2(host)) {
			return method, nil
		}
	}
	return "", errors.New("no authentication it can use")
}

// thunderbirdKnowsOAuth2 is OAuth2Providers.sys.mjs: OAuth2 is only used with built-in providers, whatever the file says.
func thunderbirdKnowsOAuth2(host string) bool {
	builtIn := []string{"googlemail.com", "gmail.com", "imap.mail.ru", "smtp.mail.ru", "imap.yandex.com", "smtp.yandex.com", "yahoo.com",
		"att.net", "aol.com", "office365.com", "outlook.com", "hotmail.com", "imap.fastmail.com", "pop.fastmail.com",
		"smtp.fastmail.com", "imap.comcast.net", "pop.comcast.net", "smtp.comcast.net", "thundermail.com"}
	return slices.ContainsFunc(builtIn, func(known string) bool {
		return host == known || strings.HasSuffix(host, "."+known)
	})
}

// thunderbirdPOX is ExchangeAutoDiscover.sys.mjs. Error and mobilesync answers have no Account/Protocol and are ignored.
func thunderbirdPOX(a answer) (setup, error) {
	root, err := thunderbirdFetch(a)
	if err != nil {
		return setup{}, err
	}
	account := root.first("Response").first("Account")
	if account.first("RedirectAddr") != nil {
		return setup{}, errors.New("RedirectAddr: its second look-up gets its arguments in the wrong order and fails")
	}
	if root.name != "Autodiscover" || account.first("Protocol") == nil {
		return setup{}, errors.New("no Protocol")
	}
	var incoming, outgoing []endpoint
	for _, protocol := range account.all("Protocol") {
		e, err := thunderbirdProtocol(protocol, a.Address)
		switch {
		case err != nil: // this Protocol is ignored
		case e.Protocol == "smtp":
			outgoing = append(outgoing, e)
		default:
			incoming = append(incoming, e) // POP3 listed first becomes the default
		}
	}
	if len(incoming) == 0 {
		return setup{}, errors.New("no usable incoming Protocol")
	}
	// Without SMTP, the account is still set up, and sends through the server of another account.
	return newSetup(incoming, outgoing), nil
}

func thunderbirdProtocol(protocol *element, address string) (e endpoint, err error) {
	e.Protocol = map[string]string{"IMAP": "imap", "POP3": "pop3", "SMTP": "smtp"}[protocol.content("Type")]
	if e.Protocol == "" {
		return endpoint{}, fmt.Errorf("type %q is not a mail server", protocol.content("Type"))
	}
	if e.Host, err = jxonOf(protocol.first("Server")).hostname(); err != nil {
		return endpoint{}, err
	}
	if e.Port, err = jxonOf(protocol.first("Port")).port(); err != nil {
		return endpoint{}, err
	}
	if e.Security, err = thunderbirdProtocolSecurity(protocol, e.Port); err != nil {
		return endpoint{}, err
	}
	spa, err := protocolSwitch(protocol, "SPA")
	if err != nil {
		return endpoint{}, err
	}
	e.Auth = "password"
	if spa == "on" {
		e.Auth = "password-encrypted" // "any secure method"
	}
	e.Username = address
	if login := protocol.first("LoginName"); login != nil {
		// JXON reads an empty element as true, and "true" is accepted as a user name.
		if e.Username = jxonOf(login).text; jxonOf(login).isFalsy() {
			return endpoint{}, errors.New("LoginName is zero")
		}
	}
	return e, nil
}

// thunderbirdProtocolSecurity: SSL off overrides any Encryption; else Encryption only matters if it is None; else the port decides.
func thunderbirdProtocolSecurity(protocol *element, port int) (security, error) {
	ssl, err := protocolSwitch(protocol, "SSL")
	if err != nil || ssl == "off" {
		return noEncryption, err
	}
	encryption, err := protocolSwitch(protocol, "Encryption")
	if err != nil || encryption == "none" {
		return noEncryption, err
	}
	if slices.Contains([]int{143, 110, 25, 587}, port) {
		return startTLS, nil
	}
	return implicitTLS, nil
}

// protocolSwitch returns a value in lower case. For JXON, empty elements, true, false and numbers are not strings: toLowerCase throws, and the whole
// Protocol is ignored.
func protocolSwitch(protocol *element, name string) (string, error) {
	value := jxonOf(protocol.first(name))
	if value.isSet && !value.isText {
		return "", fmt.Errorf("%s is not a string", name)
	}
	return strings.ToLower(value.text), nil
}
