package dnsrecords

import (
	"fmt"
	"strings"

	"mailhint/settings"
)

// ServerAddresses returns comments in one of the Formats with the address records of the mailhint server, to fill in, if its name is in the
// zone and its addresses are not known: without them the other records point to nothing. It is empty if there is nothing to fill in, or if
// the format takes no comments.
func ServerAddresses(formatName string, zone settings.Domain, o Options) []byte {
	f, err := parseFormat(formatName)
	if err != nil || f.comment == "" && formatName != "table" || len(o.Addresses) > 0 || !InZone(o.Server, zone) {
		return nil
	}
	line := func(kind, address string) string {
		switch formatName {
		case "zone":
			return fmt.Sprintf("%s%s %d IN %-4s %s ; this server itself: fill in its address and remove the first ;\n",
				f.comment, fqdn(o.Server), o.TTL, kind, address)
		case "nsupdate":
			return fmt.Sprintf("%supdate add %s %d IN %s %s\n", f.comment, fqdn(o.Server), o.TTL, kind, address)
		}
		return fmt.Sprintf("%sto add: %s %d IN %s %s, the address of this server itself\n", f.comment, fqdn(o.Server), o.TTL, kind, address)
	}
	return []byte(line("A", "<IPv4 address>") + line("AAAA", "<IPv6 address>"))
}

// InZone reports whether a host name is in a zone.
func InZone(host string, zone settings.Domain) bool {
	return host == string(zone) || strings.HasSuffix(host, "."+string(zone))
}

// Comment returns a line of comment in one of the Formats; nothing if it has none.
func Comment(formatName, text string) []byte {
	f, err := parseFormat(formatName)
	if err != nil || f.comment == "" {
		return nil
	}
	return []byte(f.comment + text + "\n")
}
