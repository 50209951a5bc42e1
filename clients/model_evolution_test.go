package clients_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Evolution (e-mail-autoconfig.c) reads with GMarkup and keeps one result per type, which every later element overwrites value by value: the last
// entry of a type counts. It uses POX only for Exchange.
func evolutionConfig(a answer) (setup, error) {
	if !isSuccess(a.Status) {
		return setup{}, fmt.Errorf("status %d", a.Status)
	}
	if bytes.HasPrefix(a.Body, byteOrderMark) {
		return setup{}, errors.New("byte order mark: GMarkup wants a < first")
	}
	if _, err := parse(a.Body); err != nil {
		return setup{}, err
	}
	list, err := events(a.Body)
	if err != nil {
		return setup{}, err
	}
	results := map[string]*endpoint{}
	if err := readEvolutionResults(list, results, a.Address); err != nil {
		return setup{}, err
	}
	var incoming, outgoing []endpoint
	for _, protocol := range []string{"imap", "pop3"} {
		if e := results[protocol]; e != nil {
			incoming = append(incoming, *e)
		}
	}
	if e := results["smtp"]; e != nil {
		outgoing = append(outgoing, *e)
	}
	if len(incoming) == 0 && len(outgoing) == 0 {
		return setup{}, errors.New("no server; it stops looking all the same")
	}
	return newSetup(incoming, outgoing), nil
}

func readEvolutionResults(list []event, results map[string]*endpoint, address string) error {
	var current *endpoint
	var open []string
	for _, e := range list {
		switch e.kind {
		case startTag:
			open = append(open, e.name)
			if !isServerElement(e.name) {
				continue
			}
			if err := collectAttributes(e); err != nil {
				return err
			}
			switch protocol := e.attrs["type"]; protocol {
			case "imap", "pop3", "smtp":
				if results[protocol] == nil {
					// CAMEL_NETWORK_SECURITY_METHOD_NONE is zero: an unknown value means no encryption.
					results[protocol] = &endpoint{Protocol: protocol, Security: noEncryption}
				}
				current = results[protocol]
			}
		case endTag:
			open = open[:len(open)-1]
			if isServerElement(e.name) {
				current = nil
			}
		case text: // CDATA never gets here, and a comment splits a text in two, of which the second counts
			if current != nil {
				current.setEvolutionValue(open[len(open)-1], evolutionPlaceholders(e.text, address))
			}
		}
	}
	return nil
}

func isServerElement(name string) bool { return name == "incomingServer" || name == "outgoingServer" }

// collectAttributes is g_markup_collect_attributes: with any attribute besides type, the whole file is an error.
func collectAttributes(e event) error {
	if _, ok := e.attrs["type"]; !ok {
		return fmt.Errorf("%s without a type", e.name)
	}
	for name := range e.attrs {
		if name != "type" {
			return fmt.Errorf("attribute %q on %s", name, e.name)
		}
	}
	return nil
}

func (e *endpoint) setEvolutionValue(name, value string) {
	switch name {
	case "hostname":
		e.Host = value
	case "username":
		e.Username = value
	case "port":
		if port := parsePort(value); port > 0 {
			e.Port = port
		}
	case "socketType":
		if s, ok := socketTypes[value]; ok {
			e.Security = s
		}
	case "authentication": // the last one that it knows; for OAuth2 it has its own list of hosts
		switch value {
		case "password-cleartext", "plain":
			e.Auth = "password"
		case "password-encrypted":
			e.Auth = "password-encrypted" // CRAM-MD5
		}
	}
}

// evolutionPlaceholders replaces placeholders. In 3.46.4, %EMAILDOMAIN% is always empty. Some versions send EVOLUTIONUSER@domain, and put the real
// local part back if the answer contains that.
func evolutionPlaceholders(s, address string) string {
	local, _ := parts(address)
	return strings.NewReplacer("%EMAILADDRESS%", address, "%EMAILLOCALPART%", local, "%EMAILDOMAIN%", "", "EVOLUTIONUSER", local).Replace(s)
}
