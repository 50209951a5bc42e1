package clients_test

import (
	"errors"
	"strconv"
	"strings"
)

// KMail and Geary.

// kmailConfig is ispdbservice.cpp: without status 200 it tries the next URL; a 200 that is not XML ends the search.
func kmailConfig(a answer) (setup, error) {
	if err := okOnly(a.Status); err != nil {
		return setup{}, err
	}
	root, err := parse(a.Body)
	if err != nil {
		return setup{}, err
	}
	provider := root.first("emailProvider")
	if provider == nil {
		return setup{}, errors.New("no emailProvider")
	}
	imap := kmailServers(provider.all("incomingServer"), "imap", a.Address)
	pop3 := kmailServers(provider.all("incomingServer"), "pop3", a.Address)
	smtp := kmailServers(provider.all("outgoingServer"), "smtp", a.Address)
	if len(imap)+len(pop3)+len(smtp) == 0 {
		return setup{}, errors.New("no server")
	}
	return newSetup(append(imap, pop3...), smtp), nil
}

func kmailServers(list []*element, protocol, address string) []endpoint {
	var out []endpoint
	for _, server := range list {
		if server.attrs["type"] == protocol && server.first("port") != nil {
			out = append(out, kmailServer(server, address))
		}
	}
	return out
}

// kmailServer is serverconfiguration.cpp. The last value of a name counts; with an unknown socketType, its own default remains.
func kmailServer(server *element, address string) endpoint {
	e := endpoint{Protocol: server.attrs["type"], Security: implicitTLS, Auth: "password"}
	for _, child := range server.children {
		switch child.name {
		case "hostname":
			e.Host = fillPlaceholders(child.text, address)
		case "port":
			e.Port, _ = strconv.Atoi(strings.TrimSpace(child.text)) // toInt: 0 if it is not a number
		case "socketType":
			if s, ok := socketTypes[child.text]; ok {
				e.Security = s
			}
		case "username":
			e.Username = fillPlaceholders(child.text, address)
		case "authentication":
			// It continues reading as long as its choice is PLAIN, so any later method overrides password-cleartext.
			if method, ok := kmailAuth[child.text]; ok && e.Auth == "password" {
				e.Auth = method
			}
		}
	}
	return e
}

// kmailAuth misspells client-IP-address, so that value is unknown to it.
var kmailAuth = map[string]string{
	"password-cleartext": "password", "plain": "password",
	"password-encrypted": "password-encrypted", "secure": "password-encrypted",
	"NTLM": "ntlm", "GSSAPI": "gssapi", "OAuth2": "oauth2", "none": "none", "client-ip-based": "none",
}

// gearyConfig is accounts-autoconfig.vala: the first server in each direction, which must be IMAP and SMTP. It ignores the status, replaces no
// placeholders, and does not read the user name but uses the address.
func gearyConfig(a answer) (setup, error) {
	root, err := parse(a.Body)
	if err != nil {
		return setup{}, err
	}
	provider := unprefixed(root, "emailProvider")
	incoming, outgoing := unprefixed(provider, "incomingServer"), unprefixed(provider, "outgoingServer")
	switch {
	case incoming == nil || outgoing == nil:
		return setup{}, errors.New("no incomingServer or no outgoingServer")
	case incoming.attrs["type"] != "imap":
		return setup{}, errors.New("the first incomingServer is not IMAP")
	case outgoing.attrs["type"] != "smtp":
		return setup{}, errors.New("the first outgoingServer is not SMTP")
	}
	return setup{Incoming: gearyServer(incoming, a.Address), Outgoing: gearyServer(outgoing, a.Address)}, nil
}

// unprefixed finds a child by its local name, which is libxml2's node name.
func unprefixed(parent *element, name string) *element {
	if parent != nil {
		for _, child := range parent.children {
			if _, local, found := strings.Cut(child.name, ":"); child.name == name || found && local == name {
				return child
			}
		}
	}
	return nil
}

// gearyServer treats anything but SSL and STARTTLS as no encryption, even on port 993.
func gearyServer(server *element, address string) endpoint {
	value := func(name string) string {
		if child := unprefixed(server, name); child != nil {
			return child.text
		}
		return ""
	}
	e := endpoint{Protocol: server.attrs["type"], Host: value("hostname"), Username: address, Security: noEncryption}
	e.Port, _ = strconv.Atoi(value("port"))
	if s, ok := socketTypes[value("socketType")]; ok {
		e.Security = s
	}
	return e
}
