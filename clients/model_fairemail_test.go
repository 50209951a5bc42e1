package clients_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// FairEmail (EmailProvider.java) reads a pull parser's events, and ignores where an element is.

// fairEmailConfig is getISPDB.
func fairEmailConfig(a answer) (setup, error) {
	list, err := fairEmailEvents(a)
	if err != nil {
		return setup{}, err
	}
	imap, smtp := fairEmailServer{startTLSPort: 143}, fairEmailServer{startTLSPort: 587}
	var inIMAP, inSMTP, sawIncoming, sawOutgoing bool
	username := a.Address
	for i, e := range list {
		switch {
		case e.kind == startTag && e.name == "incomingServer":
			// Only the first one counts, and only if it is IMAP.
			inIMAP = !sawIncoming && e.attrs["type"] == "imap"
		case e.kind == startTag && e.name == "outgoingServer":
			inSMTP = !sawOutgoing && e.attrs["type"] == "smtp"
		case e.kind == endTag && e.name == "incomingServer":
			inIMAP, sawIncoming = false, true
		case e.kind == endTag && e.name == "outgoingServer":
			inSMTP, sawOutgoing = false, true
		case e.kind == startTag && i+1 < len(list) && list[i+1].kind == text:
			value := list[i+1].text
			if e.name == "username" { // anywhere: the last one counts
				username = fairEmailUsername(value, a.Address)
			}
			server := &imap
			if !inIMAP {
				server = &smtp
			}
			if inIMAP || inSMTP {
				if err := server.set(e.name, value); err != nil {
					return setup{}, err
				}
			}
		}
	}
	return fairEmailSetup(imap, smtp, username)
}

// fairEmailUsername replaces the two placeholders only if they are the whole text, and no others.
func fairEmailUsername(value, address string) string {
	switch value {
	case "%EMAILADDRESS%":
		return address
	case "%EMAILLOCALPART%":
		local, _ := parts(address)
		return local
	}
	return value
}

// fairEmailPOX is getMSAutodiscovery. It does not read SSL, Encryption and LoginName. Of several Protocols of a type the last counts, contrary to
// Microsoft's order of preference and to getISPDB.
func fairEmailPOX(a answer) (setup, error) {
	list, err := fairEmailEvents(a)
	if err != nil {
		return setup{}, err
	}
	imap, smtp := fairEmailServer{startTLSPort: 143}, fairEmailServer{startTLSPort: 587}
	var inAccount, isEmail, isSettings, inProtocol bool
	protocol := make(map[string]string)
	for i, e := range list {
		value := ""
		if e.kind == startTag && i+1 < len(list) && list[i+1].kind == text {
			value = list[i+1].text
		}
		switch {
		case e.kind == startTag && e.name == "Account":
			inAccount = true
		case e.kind == startTag && e.name == "AccountType" && inAccount:
			isEmail = isEmail || value == "email"
		case e.kind == startTag && e.name == "Action" && inAccount:
			isSettings = isSettings || value == "settings"
		case e.kind == startTag && e.name == "Protocol" && inAccount:
			inProtocol = true
		case e.kind == startTag && inAccount && isEmail && isSettings && inProtocol:
			protocol[e.name] = value
		case e.kind == endTag && e.name == "Account":
			inAccount, isEmail, isSettings = false, false, false
		case e.kind == endTag && e.name == "Protocol":
			server := map[string]*fairEmailServer{"IMAP": &imap, "SMTP": &smtp}[protocol["Type"]]
			if inProtocol && server != nil {
				server.take(protocol)
			}
			inProtocol = false
			clear(protocol)
		}
	}
	return fairEmailSetup(imap, smtp, a.Address)
}

// fairEmailEvents accepts only status 200 with well-formed XML, and ignores the media type.
func fairEmailEvents(a answer) ([]event, error) {
	if err := okOnly(a.Status); err != nil {
		return nil, err
	}
	if _, err := parse(a.Body); err != nil {
		return nil, err
	}
	list, err := events(a.Body)
	return joined(list), err
}

type fairEmailServer struct {
	host         string
	port         int
	startTLS     bool
	startTLSPort int
}

// set reads one value of config-v1.1.xml. The port decides about STARTTLS unless a socketType after it says otherwise; plain is unknown, so that an
// unencrypted account is not possible.
func (s *fairEmailServer) set(name, value string) error {
	switch name {
	case "hostname":
		s.host = value
	case "port":
		port, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("port %q: NumberFormatException", value)
		}
		s.port, s.startTLS = port, port == s.startTLSPort
	case "socketType":
		if slices.Contains([]string{"SSL", "STARTTLS"}, value) {
			s.startTLS = value == "STARTTLS"
		}
	}
	return nil
}

// take reads a Protocol. STARTTLS is used for 143 and 587 only.
func (s *fairEmailServer) take(protocol map[string]string) {
	port, err := strconv.ParseUint(protocol["Port"], 10, 31)
	if err != nil || protocol["Server"] == "" {
		return
	}
	s.host, s.port, s.startTLS = protocol["Server"], int(port), int(port) == s.startTLSPort
}

func (s *fairEmailServer) endpoint(protocol, username string) endpoint {
	e := endpoint{Protocol: protocol, Host: s.host, Port: s.port, Security: implicitTLS, Username: username}
	if s.startTLS {
		e.Security = startTLS
	}
	return e
}

// fairEmailSetup is validate(): it needs both servers.
func fairEmailSetup(imap, smtp fairEmailServer, username string) (setup, error) {
	switch {
	case imap.host == "" || imap.port <= 0:
		return setup{}, errors.New("no IMAP server")
	case smtp.host == "" || smtp.port <= 0:
		return setup{}, errors.New("no SMTP server")
	}
	return setup{Incoming: imap.endpoint("imap", username), Outgoing: smtp.endpoint("smtp", username)}, nil
}
