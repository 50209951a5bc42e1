package domains

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"mailhint/settings"
	"mailhint/tomledit"
)

// DNS is the [dns] table: the zones in which records may be published by dynamic update (RFC 2136). Names outside of them are never touched.
type DNS struct {
	Zones []Zone // each name once
}

// Zone is a zone, the name server that takes its updates, and the key that signs them. The key signs nothing for another zone unless that
// names the same file.
type Zone struct {
	// Name is the name of the zone.
	Name settings.Domain
	// Server is the address of the name server, "host:port". It is never taken from DNS.
	Server string
	// KeyFile is the file with the key, in the format of BIND, with an absolute path.
	KeyFile string
	// Wildcard is true if one certificate for all names directly below the zone is ordered, instead of one for each of them.
	Wildcard bool
	// At is where the zone was written.
	At Position
}

// ZoneOf returns the zone that contains a name in lower case and A-labels: of several, the longest.
func (d DNS) ZoneOf(name string) (zone Zone, found bool) {
	for _, z := range d.Zones {
		if (name == string(z.Name) || strings.HasSuffix(name, "."+string(z.Name))) && (!found || len(z.Name) > len(zone.Name)) {
			zone, found = z, true
		}
	}
	return zone, found
}

// dnsValues are the values of dnsKeys.
type dnsValues struct {
	server, keyFile string
	wildcard        bool
	zones           []zoneValues
}

// zoneValues are the values of zoneKeys: nil for what the zone takes from [dns].
type zoneValues struct {
	name, server, keyFile string
	wildcard              *bool
	at                    Position
}

// readDNS reads the [dns] table.
func (l *loader) readDNS() DNS {
	t := l.dns
	if t == nil {
		return DNS{}
	}
	defer t.done()
	var v dnsValues
	readKeys(t, dnsKeys, &v)
	if !t.has("zones") {
		t.fail("", "has no zones; add zones = [\"example.com\"]")
	}
	var d DNS
	for i, z := range v.zones {
		zone := Zone{settings.Domain(z.name), cmp.Or(z.server, v.server), cmp.Or(z.keyFile, v.keyFile), v.wildcard, z.at}
		if z.wildcard != nil {
			zone.Wildcard = *z.wildcard
		}
		if other, again := d.named(zone.Name); again {
			t.failElement("zones", i, "%q appears twice, first at %s; remove one", zone.Name, other.At)
			continue
		}
		if zone.Server == "" && !t.has("server") {
			t.failElement("zones", i, "has no name server; add server = \"ns1.example.com\" to [dns]")
		}
		if zone.KeyFile == "" && !t.has("key_file") {
			t.failElement("zones", i, "has no key; add key_file = \"mailhint.key\" to [dns], or to the zone")
		}
		d.Zones = append(d.Zones, zone)
	}
	return d
}

func (d DNS) named(name settings.Domain) (Zone, bool) {
	for _, z := range d.Zones {
		if z.Name == name {
			return z, true
		}
	}
	return Zone{}, false
}

// The kinds of values that only [dns] and its zones have.
var (
	zoneName    = kind[string]{name: "domain", form: domainNameForm, read: readZoneName, plain: plainText[string]}
	nameServer  = kind[string]{name: "host name or IP address, with or without a port", form: nameServerForm, read: readNameServer, plain: plainText[string]}
	keyFileName = kind[string]{name: "key file", form: fileForm, read: readKeyFileName, plain: plainText[string]}
	zoneList    = kind[[]zoneValues]{name: "list of domains and tables", types: "array string", form: Form{Pattern: domainNameForm.Pattern, MinItems: 1}, read: readZones, plain: plainZones}
	optionally  = kind[*bool]{name: "true or false", types: "boolean", read: func(t *table, key string) (*bool, bool) {
		v, ok := t.flag(key)
		return &v, ok
	}, plain: func(b *bool) any {
		if b == nil {
			return nil
		}
		return *b
	}}
)

var nameServerForm = Form{Pattern: whole(`(`+domainForm+`|`+ipv4Form+`)(:`+portForm+`)?`, ipv6Form, `\[[^\[\]]*\]:`+portForm)}

func readZoneName(t *table, key string) (string, bool) {
	text, ok := t.text(key)
	if !ok {
		return "", false
	}
	d, err := settings.ParseDomain(text)
	if err != nil {
		t.fail(key, "%q is %v; write a name such as \"example.com\"", text, err)
	}
	return string(d), err == nil // "" after a mistake
}

// readNameServer reads "host" or "host:port", and adds the port 53.
func readNameServer(t *table, key string) (string, bool) {
	text, ok := t.text(key)
	if !ok {
		return "", false
	}
	host, port := text, "53"
	if _, err := netip.ParseAddr(text); err != nil && strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			host = ""
		}
	}
	n, portErr := strconv.ParseUint(port, 10, 16)
	_, addressErr := netip.ParseAddr(host)
	_, nameErr := settings.ParseDomain(host)
	if host == "" || portErr != nil || n == 0 || addressErr != nil && nameErr != nil {
		t.fail(key, "%q is not a valid name server; write it like \"ns1.example.com\", \"192.0.2.53\" or \"[2001:db8::53]:5353\"", text)
		return "", false
	}
	return net.JoinHostPort(host, port), true
}

func readKeyFileName(t *table, key string) (string, bool) {
	name, ok := readFileName(t, key)
	if ok && strings.TrimSpace(name) == "" {
		t.fail(key, "is empty; write the file with the key, in the format of BIND, or remove it")
	}
	return name, ok
}

// readZones reads names of zones, and tables with their own values.
func readZones(t *table, key string) ([]zoneValues, bool) {
	value, ok := t.value(key)
	if !ok {
		return nil, false
	}
	var list []any
	switch v := value.(type) {
	case string:
		list = []any{v}
	case []any:
		list = v
	case []map[string]any:
		for _, zone := range v {
			list = append(list, zone)
		}
	default:
		t.fail(key, "must be a list of domains or tables; write %s = [\"example.com\"]", key)
		return nil, false
	}
	if len(list) == 0 {
		t.fail(key, "is empty; list the zones that this server may change, or remove [dns]")
		return nil, false
	}
	var zones []zoneValues
	for i, element := range list {
		if z, ok := t.zone(key, i, element); ok {
			zones = append(zones, z)
		}
	}
	return zones, len(zones) > 0
}

// zone reads the i-th element of a list of zones.
func (t *table) zone(key string, i int, value any) (zoneValues, bool) {
	z := zoneValues{at: t.at(key, tomledit.Element(i))}
	switch v := value.(type) {
	case string:
		d, err := settings.ParseDomain(v)
		if err != nil {
			t.failElement(key, i, "%q is %v; write a name such as \"example.com\"", v, err)
		}
		z.name = string(d)
		return z, err == nil
	case map[string]any:
		own := t.src.table(append(t.path[:len(t.path):len(t.path)], key, tomledit.Element(i)), v)
		defer own.done()
		readKeys(own, zoneKeys, &z)
		if !own.has("name") {
			own.fail("", "has no name; add name = \"example.com\"")
		}
		return z, z.name != ""
	}
	t.failElement(key, i, "element %d must be a domain or a table; write %s = [\"example.com\"]", i+1, key)
	return z, false
}

func plainZones(zones []zoneValues) any {
	var list []any
	for _, z := range zones {
		if z.server == "" && z.keyFile == "" && z.wildcard == nil {
			list = append(list, z.name)
			continue
		}
		list = append(list, plainTable(zoneKeys, &z))
	}
	if list == nil {
		return nil
	}
	return list
}
