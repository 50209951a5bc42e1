package clients_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Nextcloud Mail and Horde, both with PHP's SimpleXML.

// nextcloudConfig is IspDb.php: the first IMAP and the first SMTP server; one of them suffices.
func nextcloudConfig(a answer) (setup, error) {
	if a.Status >= 400 {
		return setup{}, fmt.Errorf("status %d", a.Status)
	}
	root, err := parse(a.Body)
	if err != nil {
		return setup{}, err
	}
	provider := root.first("emailProvider")
	if provider == nil {
		return setup{}, errors.New("no emailProvider")
	}
	incoming := nextcloudServers(provider.all("incomingServer"), "imap", a.Address)
	outgoing := nextcloudServers(provider.all("outgoingServer"), "smtp", a.Address)
	if len(incoming) == 0 && len(outgoing) == 0 {
		return setup{}, errors.New("no IMAP and no SMTP server")
	}
	return newSetup(incoming, outgoing), nil
}

// nextcloudServers returns at most one server. Placeholders are replaced only in the user name; login methods are not read.
func nextcloudServers(list []*element, protocol, address string) []endpoint {
	for _, server := range list {
		if server.attrs["type"] != protocol {
			continue
		}
		// Letter case does not matter, white space does; an unknown value means "none".
		security, ok := map[string]security{"ssl": implicitTLS, "starttls": startTLS, "tls": startTLS}[strings.ToLower(server.content("socketType"))]
		if !ok {
			security = noEncryption
		}
		return []endpoint{{
			Protocol: protocol,
			Host:     server.content("hostname"),
			Port:     parsePort(server.content("port")),
			Security: security,
			Username: fillPlaceholders(server.content("username"), address),
		}}
	}
	return nil
}

// hordeConfig is Driver/Thunderbird.php: it reads answers with any status but 404, over plain http, and keeps all entries in order.
func hordeConfig(a answer) (setup, error) {
	if a.Status == 404 {
		return setup{}, errors.New("status 404")
	}
	root, err := parse(a.Body)
	if err != nil {
		return setup{}, err
	}
	provider := root.first("emailProvider")
	incoming := hordeServers(provider.all("incomingServer"), a.Address, "imap", "pop3")
	outgoing := hordeServers(provider.all("outgoingServer"), a.Address, "smtp")
	if len(incoming) == 0 {
		return setup{}, errors.New("no IMAP or POP3 server")
	}
	return newSetup(incoming, outgoing), nil
}

func hordeServers(list []*element, address string, protocols ...string) []endpoint {
	var out []endpoint
	local, _ := parts(address)
	fill := strings.NewReplacer("%EMAILADDRESS%", address, "%EMAILLOCALPART%", local) // %EMAILDOMAIN% remains
	for _, server := range list {
		for _, protocol := range protocols {
			if server.attrs["type"] != protocol {
				continue
			}
			e := endpoint{Protocol: protocol, Host: server.content("hostname"), Port: parsePort(server.content("port")), Security: startTLS}
			// For anything but SSL it connects to the server later, and tries STARTTLS.
			if strings.EqualFold(server.content("socketType"), "SSL") {
				e.Security = implicitTLS
			}
			e.Username = fill.Replace(server.content("username"))
			out = append(out, e)
		}
	}
	return out
}

// parsePort is PHP's (int) and C's strtol: leading white space and digits. 0 means no port.
func parsePort(s string) int {
	port, err := strconv.ParseUint(leadingDigits(s), 10, 16)
	if err != nil {
		return 0
	}
	return int(port)
}
