package proxies

import (
	"net"
	"slices"

	"mailhint/domains"
	"mailhint/settings"
)

// OptionsFor returns the options for a kind of server as a configuration suggests them.
func OptionsFor(kind string, s *domains.Snapshot) Options {
	o := Options{
		Domains:       listed(s),
		Server:        s.Server.Name,
		HTTP:          reachable(s.Server.HTTP, "8080"),
		HTTPS:         reachable(s.Server.HTTPS, "8443"),
		Admin:         reachable([]string{s.Server.Admin}, "8081"),
		Cert:          "/etc/ssl/mailhint/fullchain.pem",
		Key:           "/etc/ssl/mailhint/privkey.pem",
		ProxyProtocol: s.Server.ProxyProtocol,
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
	if s.Domains() > MaxListed {
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
