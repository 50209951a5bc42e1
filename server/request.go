package server

import (
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"

	"mailhint/settings"
)

// normalise makes the copy of r that handlers get.
func (v *visit) normalise(r *http.Request, scheme string, proxies []netip.Prefix) {
	v.request, v.url = *r, *r.URL
	v.request.URL = &v.url
	v.url.Scheme = scheme
	// net/http takes r.Host from the target if that is absolute. Delta Chat (core 2.57.0) sends "GET https://host/path HTTP/1.1".
	host := r.Host
	v.from = addrOf(r.RemoteAddr)
	if len(proxies) > 0 && v.from.IsValid() { // it is not if a PROXY header names no client
		f := forwardedBy(r, v.from, proxies)
		switch {
		case f.client.IsValid():
			v.from, v.request.RemoteAddr = f.client, netip.AddrPortFrom(f.client, 0).String()
		case f.trusted:
			v.from, v.request.RemoteAddr = netip.Addr{}, ""
		}
		if f.scheme != "" {
			v.url.Scheme = f.scheme
		}
		if f.host != "" {
			host = f.host
		}
	}
	v.request.Host = cleanHost(host)
	v.url.Host = v.request.Host
	v.url.User = nil
	v.url.Path, v.url.RawPath = cleanPath(r.URL.Path), ""
}

// addrOf returns the address in an "address:port"; the zero Addr if there is none, as for a Unix socket.
func addrOf(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// cleanHost returns a name in lower case, without port and trailing dot, or "" for anything that is not a valid host name. IPv6 addresses
// are not valid; IPv4 addresses look like names.
func cleanHost(host string) string {
	if i := strings.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	if len(host) > 253 || strings.HasSuffix(host, ".") {
		return ""
	}
	ascii := true
	for i := range len(host) {
		c := host[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.':
		case c >= 0x80:
			ascii = false
		default:
			return ""
		}
	}
	if !ascii { // never in a Host header, but possible in an absolute target
		domain, err := settings.ParseDomain(host)
		if err != nil {
			return ""
		}
		return string(domain)
	}
	return lower(host)
}

// cleanPath returns a decoded path in lower case, with "//", "/./" and "/../" resolved and without a trailing slash. %2F counts as a
// slash, because nothing here depends on the difference.
func cleanPath(p string) string {
	if isClean(p) {
		return p
	}
	if p == "" || p[0] != '/' {
		p = "/" + p
	}
	return lower(path.Clean(p))
}

// isClean reports whether cleanPath would leave a path unchanged. That is so for nearly all of them, and path.Clean is slower to find out.
func isClean(p string) bool {
	before := byte(0)
	for i := range len(p) {
		c := p[i]
		if 'A' <= c && c <= 'Z' || before == '/' && (c == '/' || c == '.' && !strings.HasPrefix(p[i:], ".well-known/")) {
			return false
		}
		before = c
	}
	return p != "" && p[0] == '/' && before != '/'
}

// lower converts only ASCII letters to lower case. strings.ToLower would turn the Kelvin sign into a "k".
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if c := b[i]; 'A' <= c && c <= 'Z' {
					b[i] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// forwarded is what a trusted proxy says about a request that it passes on. It has not said anything about zero fields.
type forwarded struct {
	trusted      bool // there is one
	client       netip.Addr
	scheme, host string
}

// forwardedBy reads the X-Forwarded headers if the connection comes from a trusted proxy. Otherwise the client could have written them.
func forwardedBy(r *http.Request, peer netip.Addr, proxies []netip.Prefix) forwarded {
	var f forwarded
	if !settings.Networks(proxies).Contain(peer) {
		return f
	}
	f.trusted = true
	f.client = forwardedClient(r.Header["X-Forwarded-For"], proxies)
	switch scheme := lower(last(r.Header["X-Forwarded-Proto"])); scheme {
	case "http", "https":
		f.scheme = scheme
	}
	f.host = last(r.Header["X-Forwarded-Host"])
	return f
}

// forwardedClient returns the rightmost address that is not a trusted proxy: each proxy appends the address that it got the request from,
// and anything further left may be made up. If all are trusted, it is the leftmost one, because a trusted network may have clients, too;
// but not if that is listed as a proxy by its own address, which forwarded somebody's request without saying whose.
//
// It returns the zero Addr if the client is not known. The address of the proxy would take its place otherwise, and outsiders would get
// what is for the proxy's network.
func forwardedClient(headers []string, proxies []netip.Prefix) netip.Addr {
	var client netip.Addr
	for _, header := range slices.Backward(headers) {
		hops, more := header, true
		for more { // at least once: an empty header names nobody either
			comma := strings.LastIndexByte(hops, ',')
			addr, err := parseHop(strings.TrimSpace(hops[comma+1:]))
			if err != nil {
				return netip.Addr{}
			}
			client = addr
			if !settings.Networks(proxies).Contain(client) {
				return client
			}
			hops, more = hops[:max(comma, 0)], comma >= 0
		}
	}
	if client.IsValid() && slices.Contains(proxies, netip.PrefixFrom(client, client.BitLen())) {
		return netip.Addr{}
	}
	return client
}

// parseHop reads an address as proxies write it; some (Azure's gateway) add the port.
func parseHop(s string) (netip.Addr, error) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), nil
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return addr.Unmap().WithZone(""), err
}

// last returns the last element of a header that is a list: what the nearest proxy wrote.
func last(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	h := headers[len(headers)-1]
	return strings.TrimSpace(h[strings.LastIndexByte(h, ',')+1:])
}
