package clients_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Delta Chat reads a stream of quick-xml events. Letter case of names does not matter, and values are trimmed. CDATA and character references are
// separate events that it ignores, so that "a&amp;b" becomes "b". It does not read login methods, and ignores POP3.

// deltaChatConfig is auto_mozilla.rs. The search ends with any 2xx that quick-xml can read, even empty or plain text.
func deltaChatConfig(a answer) (setup, error) {
	list, err := deltaChatEvents(a)
	if err != nil {
		return setup{}, err
	}
	var incoming, outgoing []deltaChatServer
	for i := 0; i < len(list); i++ {
		name := strings.ToLower(list[i].name)
		if list[i].kind != startTag || name != "incomingserver" && name != "outgoingserver" {
			continue
		}
		server, end := readDeltaChatServer(list, i, name, map[string]string{"hostname": "host", "port": "port", "sockettype": "security", "username": "user"})
		server.values["type"] = strings.ToLower(list[i].attrs["type"])
		i = end
		if !server.has("host", "port", "user") {
			continue // ignored
		}
		switch server.values["type"] {
		case "imap":
			incoming = append(incoming, server)
		case "smtp":
			outgoing = append(outgoing, server)
		}
	}
	return deltaChatSetup(incoming, outgoing, a.Address), nil
}

// deltaChatPOX is auto_outlook.rs. It sends GET without an address, and does not read Encryption and LoginName.
func deltaChatPOX(a answer) (setup, error) {
	list, err := deltaChatEvents(a)
	if err != nil {
		return setup{}, err
	}
	var incoming, outgoing []deltaChatServer
	for i := 0; i < len(list); i++ {
		name := strings.ToLower(list[i].name)
		switch {
		case list[i].kind != startTag:
		case name == "redirecturl":
			return setup{}, errors.New("RedirectUrl: it asks there, up to ten times")
		case name == "protocol":
			var server deltaChatServer
			server, i = readDeltaChatServer(list, i, name, map[string]string{"type": "type", "server": "host", "port": "port", "ssl": "ssl"})
			if server.values["ssl"] == "off" { // exactly this; anything else means on
				server.values["security"] = "plain"
			}
			if !server.has("type", "host", "port") {
				continue
			}
			switch strings.ToLower(server.values["type"]) {
			case "imap":
				incoming = append(incoming, server)
			case "smtp":
				outgoing = append(outgoing, server)
			}
		}
	}
	return deltaChatSetup(incoming, outgoing, a.Address), nil
}

// deltaChatEvents checks end tags as quick-xml does: each must match, but elements may be unclosed at the end.
func deltaChatEvents(a answer) ([]event, error) {
	if !isSuccess(a.Status) {
		return nil, fmt.Errorf("status %d", a.Status)
	}
	list, err := events(a.Body)
	if err != nil {
		return nil, err
	}
	var open []string
	for _, e := range list {
		switch e.kind {
		case startTag:
			open = append(open, e.name)
		case endTag:
			if len(open) == 0 || open[len(open)-1] != e.name {
				return nil, fmt.Errorf("not well-formed: unexpected </%s>", e.name)
			}
			open = open[:len(open)-1]
		}
	}
	return list, nil
}

type deltaChatServer struct{ values map[string]string }

// has reports whether there are values; an empty element has none.
func (s deltaChatServer) has(keys ...string) bool {
	return !slices.ContainsFunc(keys, func(k string) bool { return s.values[k] == "" })
}

var reference = regexp.MustCompile(`&[^;]*;`)

// readDeltaChatServer reads values up to the end of a server's element, and returns its position.
func readDeltaChatServer(list []event, from int, name string, keys map[string]string) (deltaChatServer, int) {
	server := deltaChatServer{values: make(map[string]string)}
	key := ""
	for i := from + 1; i < len(list); i++ {
		switch e := list[i]; e.kind {
		case startTag:
			key = keys[strings.ToLower(e.name)]
		case endTag:
			if strings.ToLower(e.name) == name {
				return server, i
			}
		case text:
			for _, piece := range reference.Split(e.raw, -1) {
				if piece = strings.TrimSpace(piece); piece != "" && key != "" {
					server.values[key] = piece
				}
			}
		}
	}
	return server, len(list)
}

// deltaChatSetup is configure.rs and server_params.rs: servers are tried in order, and what is missing is guessed.
func deltaChatSetup(incoming, outgoing []deltaChatServer, address string) setup {
	guess := deltaChatServer{values: map[string]string{}}
	guessed := len(incoming) == 0 || len(outgoing) == 0
	if len(incoming) == 0 {
		incoming = append(incoming, guess)
	}
	if len(outgoing) == 0 {
		outgoing = append(outgoing, guess)
	}
	s := newSetup(deltaChatCandidates(incoming, "imap", address), deltaChatCandidates(outgoing, "smtp", address))
	s.Guessed = guessed
	return s
}

func deltaChatCandidates(servers []deltaChatServer, protocol, address string) []endpoint {
	var out []endpoint
	_, domain := parts(address)
	for _, server := range servers {
		hosts := []string{fillPlaceholders(server.values["host"], address)}
		if hosts[0] == "" {
			hosts = []string{protocol + "." + domain, "mail." + domain, domain}
		}
		for _, host := range hosts {
			e := endpoint{Protocol: protocol, Host: host, Username: fillPlaceholders(server.values["user"], address)}
			if e.Username == "" {
				e.Username = address
			}
			port, _ := strconv.ParseUint(server.values["port"], 10, 16) // an unreadable port is 0, which means unknown
			e.Port = int(port)
			out = append(out, e.deltaChatPorts(strings.ToLower(server.values["security"]))...)
		}
	}
	return out
}

// deltaChatPorts fills in the port for a known encryption, and tries both TLS modes if the encryption is unknown.
func (e endpoint) deltaChatPorts(socket string) []endpoint {
	tls, upgrade := e, e
	tls.Security, upgrade.Security = implicitTLS, startTLS
	if e.Port == 0 {
		tls.Port, upgrade.Port = 993, 143
		if e.Protocol == "smtp" {
			tls.Port, upgrade.Port = 465, 587
		}
	}
	switch socket {
	case "ssl":
		return []endpoint{tls}
	case "starttls":
		return []endpoint{upgrade}
	case "plain":
		upgrade.Security = noEncryption
		return []endpoint{upgrade}
	}
	return []endpoint{tls, upgrade}
}
