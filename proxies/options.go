package proxies

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/pacc"
	"mailhint/settings"
	"mailhint/wellknown"
)

// OptionsFor returns the options for a kind of server as a configuration suggests them.
func OptionsFor(kind string, s *domains.Snapshot) Options {
	o := Options{
		Domains:       listed(s),
		Services:      services(s),
		Server:        s.Server.Name,
		HTTP:          reachable(s.Server.HTTP, "8080"),
		HTTPS:         reachable(s.Server.HTTPS, "8443"),
		Admin:         reachable([]string{s.Server.Admin}, "8081"),
		Cert:          certbotFolder + "fullchain.pem",
		Key:           certbotFolder + "privkey.pem",
		ProxyProtocol: s.Server.ProxyProtocol,
	}
	for _, d := range o.Domains {
		o.Hosts = append(o.Hosts, published(s, d)...)
	}
	switch pairs := s.Server.Certificates; {
	case kind == "haproxy":
		o.Cert = "/etc/haproxy/mailhint.pem" // which has the key too
	case len(pairs) > 0:
		o.Cert, o.Key = pairs[0].Cert, pairs[0].Key
	}
	return o
}

// Reach makes a kind of server reach mailhint at an address.
func (o *Options) Reach(kind, address string) {
	if kind == nginxSNI {
		o.HTTPS = address
	} else {
		o.HTTP = address
	}
}

// reachable returns the first address that a proxy on this machine can connect to and does not need itself, or else a usual port.
func reachable(addresses []string, port string) string {
	for _, address := range addresses {
		host, p, err := net.SplitHostPort(address)
		if err != nil || p == "80" || p == "443" || p == "0" {
			continue
		}
		if ip := net.ParseIP(host); host == "" || host == "localhost" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		return net.JoinHostPort(host, p)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// listed returns the domains that are answered for, or nil if there are too many, or if not all their names are known.
func listed(s *domains.Snapshot) []settings.Domain {
	if s.Domains() > maxListed {
		return nil
	}
	var list []settings.Domain
	for _, e := range s.Entries() {
		switch {
		case e.Disabled:
		case e.Kind == domains.Wildcard, e.Kind == domains.Fallback:
			return nil
		default:
			list = append(list, e.Names...)
		}
	}
	return list
}

// published returns the names of a domain that point to mailhint in DNS, as "mailhint dns" has them, except mailhint's own.
func published(s *domains.Snapshot, d settings.Domain) []string {
	found, _, err := s.LookupForZone(context.Background(), d)
	if err != nil {
		return nil // no client gets an answer
	}
	o := dnsrecords.Options{Server: cmp.Or(s.Server.Name, "mailhint.invalid")} // which is not printed
	if document, err := pacc.Answer(found); err == nil {
		o.PACC = pacc.Record(document)
	}
	records, err := dnsrecords.For(found, o)
	if err != nil {
		return nil
	}
	var names []string
	for _, r := range records {
		if _, alias := r.Data.(dnsrecords.Alias); alias {
			names = append(names, r.Name)
		}
	}
	return names
}

// services returns the services of all domains, grouped by the paths that they have.
func services(s *domains.Snapshot) []Services {
	byPaths := make(map[string]int)
	var groups []Services
	for _, e := range s.Entries() {
		paths := wellKnownPaths(e)
		if e.Disabled || len(paths) == 0 {
			continue
		}
		key := strings.Join(paths, " ")
		i, ok := byPaths[key]
		if !ok {
			i = len(groups)
			byPaths[key] = i
			groups = append(groups, Services{Paths: paths})
		}
		groups[i].Domains = append(groups[i].Domains, e.Names...)
	}
	return groups
}

// wellKnownPaths returns the paths that mailhint redirects for an entry, for whatever client.
func wellKnownPaths(e domains.Entry) (paths []string) {
	choices := []domains.Choice{e.Choice}
	for _, r := range e.Rules {
		choices = append(choices, r.Choice)
	}
	offered := func(url func(*settings.Settings) settings.Pattern) bool {
		return slices.ContainsFunc(choices, func(c domains.Choice) bool {
			return c.Settings != nil && url(c.Settings) != "" || c.Outside != nil && url(c.Outside) != ""
		})
	}
	for _, service := range []struct {
		path string
		url  func(*settings.Settings) settings.Pattern
	}{
		{wellknown.CalDAV, func(s *settings.Settings) settings.Pattern { return s.CalDAV }},
		{wellknown.CardDAV, func(s *settings.Settings) settings.Pattern { return s.CardDAV }},
		{wellknown.JMAP, func(s *settings.Settings) settings.Pattern { return s.JMAP }},
	} {
		if offered(service.url) {
			paths = append(paths, service.path)
		}
	}
	return paths
}

// Mismatch returns the first key in [server] that does not match the configuration written with these options; "" if all do.
func Mismatch(kind string, o Options, s domains.Server) string {
	sni := kind == nginxSNI
	listens := func(addresses []string, at string) bool {
		return slices.ContainsFunc(addresses, func(a string) bool { return reachable([]string{a}, "") == at })
	}
	switch {
	case sni == (s.TLS == "off"):
		return "tls"
	case sni && !listens(s.HTTPS, o.HTTPS):
		return "https"
	case !listens(s.HTTP, o.HTTP):
		return "http"
	case kind == "caddy" && !listens([]string{s.Admin}, o.Admin):
		return "admin"
	case len(s.TrustedProxies) == 0:
		return "trusted_proxies"
	case kind != "haproxy" && sni != s.ProxyProtocol:
		return "proxy_protocol"
	}
	return ""
}
