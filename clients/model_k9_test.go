package clients_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Thunderbird for Android and K-9 (RealAutoconfigParser.kt) are the strictest of all: a fault in any IMAP or SMTP entry makes the whole document
// invalid. They do not use Autodiscover.
func thunderbirdAndroidConfig(a answer) (setup, error) {
	if !isSuccess(a.Status) {
		return setup{}, fmt.Errorf("status %d", a.Status)
	}
	root, err := parse(a.Body)
	if err != nil {
		return setup{}, err
	}
	provider := root.first("emailProvider")
	if root.name != "clientConfig" || provider == nil {
		return setup{}, errors.New("no emailProvider")
	}
	// Unlike the desktop client, it does not accept placeholders in the id as a host name.
	if !isLegalHost(provider.attrs["id"]) {
		return setup{}, fmt.Errorf("emailProvider id %q is no host name", provider.attrs["id"])
	}
	if !hasAndroidDomain(provider, a.Address) {
		return setup{}, errors.New("no valid domain")
	}
	incoming, err := androidServers(provider.all("incomingServer"), "imap", a.Address)
	if err != nil {
		return setup{}, err
	}
	outgoing, err := androidServers(provider.all("outgoingServer"), "smtp", a.Address)
	if err != nil {
		return setup{}, err
	}
	return newSetup(incoming, outgoing), nil
}

func hasAndroidDomain(provider *element, address string) bool {
	for _, domain := range provider.all("domain") {
		if isLegalHost(fillPlaceholders(domain.text, address)) {
			return true
		}
	}
	return false
}

func androidServers(list []*element, protocol, address string) ([]endpoint, error) {
	var out []endpoint
	for _, server := range list {
		if server.attrs["type"] != protocol {
			continue // skipped without reading it
		}
		e, err := androidServer(server, address)
		if err != nil {
			return nil, fmt.Errorf("%s entry: %w", protocol, err)
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no %s server", protocol)
	}
	return out, nil
}

func androidServer(server *element, address string) (endpoint, error) {
	e := endpoint{Protocol: server.attrs["type"]}
	for _, child := range server.children {
		if len(child.children) > 0 && child.name != "pop3" {
			return endpoint{}, fmt.Errorf("%s holds elements", child.name)
		}
		if err := e.androidValue(child.name, child.text, address); err != nil {
			return endpoint{}, err
		}
	}
	switch {
	case e.Host == "":
		return endpoint{}, errors.New("no hostname")
	case server.first("port") == nil:
		return endpoint{}, errors.New("no port")
	case server.first("username") == nil:
		return endpoint{}, errors.New("no username")
	case e.Auth == "":
		return endpoint{}, errors.New("no authentication it knows")
	case e.Security == "":
		return endpoint{}, errors.New("no socketType")
	}
	return e, nil
}

// androidValue reads one child of a server; the last of a name counts, except for authentication.
func (e *endpoint) androidValue(name, value, address string) (err error) {
	switch name {
	case "hostname":
		if e.Host = fillPlaceholders(value, address); !isLegalHost(e.Host) {
			return fmt.Errorf("%q is not a valid host name", value)
		}
	case "port":
		if e.Port, err = strconv.Atoi(value); err != nil || e.Port < 0 || e.Port > 65535 {
			return fmt.Errorf("%q is not a valid port", value)
		}
	case "socketType":
		if value != "SSL" && value != "STARTTLS" { // plain is not supported
			return fmt.Errorf("socketType %q", value)
		}
		e.Security = socketTypes[value]
	case "authentication":
		// Unknown values are ignored; it is a fault if there are no others.
		methods := map[string]string{"OAuth2": "oauth2", "password-cleartext": "password", "password-encrypted": "password-encrypted"}
		if e.Auth == "" {
			e.Auth = methods[value]
		}
	case "username":
		e.Username = fillPlaceholders(value, address)
	}
	return nil
}

// okOnly refuses any status but 200.
func okOnly(status int) error {
	if status != http.StatusOK {
		return fmt.Errorf("status %d", status)
	}
	return nil
}
