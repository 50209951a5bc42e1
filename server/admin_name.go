package server

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"mailhint/settings"
)

// ServeAdmin sets what answers the people and programs that manage the domains: the admin page and the API. It is reached at the admin listener and, if
// admin_name is set, at the public ones under that name only: never under a name of a domain. It must be called before Listen.
func (s *Server) ServeAdmin(h http.Handler) { s.admin = h }

// orAdmin answers requests for admin_name, and passes all others on.
func (s *Server) orAdmin(secure bool, next http.Handler) http.Handler {
	name := strings.TrimSuffix(lower(s.config.AdminName), ".")
	if name == "" || s.admin == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := s.adminRequest(r, secure)
		if asked.host != name {
			next.ServeHTTP(w, r)
			return
		}
		setCommon(w.Header(), s.stopping.Load())
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		switch {
		case r.TLS != nil && lower(strings.TrimSuffix(r.TLS.ServerName, ".")) != name:
			plain(w, http.StatusMisdirectedRequest, "This connection is for another name.\n")
		case !asked.secure:
			w.Header().Del("Strict-Transport-Security")
			plain(w, http.StatusForbidden, "This name answers by https only.\n")
		case strings.HasPrefix(r.URL.Path, "/-/"):
			plain(w, http.StatusNotFound, "There is nothing here.\n")
		default:
			changed := r.WithContext(r.Context())
			changed.RemoteAddr, changed.Host = asked.client, name
			changed.URL = asked.url(r)
			s.admin.ServeHTTP(w, changed)
		}
	})
}

// adminRequest is what matters of a request that may be for admin_name.
type adminRequest struct {
	host   string
	client string // the address of the client, as in http.Request.RemoteAddr; empty if it is not known
	https  bool   // it came by https, to this server or to a trusted proxy
	secure bool   // the same, or it came from this machine
}

// url is the URL of a request with its scheme, by which the page chooses cookies.
func (a adminRequest) url(r *http.Request) *url.URL {
	u := *r.URL
	if u.Scheme = "http"; a.https {
		u.Scheme = "https"
	}
	return &u
}

func (s *Server) adminRequest(r *http.Request, secure bool) adminRequest {
	a := adminRequest{host: cleanHost(r.Host), client: r.RemoteAddr, https: secure}
	from := addrOf(r.RemoteAddr)
	if s.config.ProxyProtocol && !secure {
		a.https = schemeByPort(r) == "https"
	}
	if len(s.config.TrustedProxies) > 0 && settings.Networks(s.config.TrustedProxies).Contain(from) {
		f := forwardedBy(r, from, s.config.TrustedProxies)
		a.client, a.https = "", secure || f.scheme == "https"
		if f.client.IsValid() {
			a.client = netip.AddrPortFrom(f.client, 0).String()
		}
		if f.host != "" {
			a.host = cleanHost(f.host)
		}
		a.secure = a.https
		return a
	}
	a.secure = a.https || s.config.TLS == "off" && from.IsLoopback()
	return a
}
