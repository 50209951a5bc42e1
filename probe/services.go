package probe

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"mailhint/resolver"
	"mailhint/settings"
	"mailhint/untrusted"
)

// Service is a service at a URL that an SRV record names: calendars and contacts (RFC 6764), or JMAP (RFC 8620 section 2.2).
type Service struct {
	Name string // "CalDAV", "CardDAV" or "JMAP"
	URL  settings.Pattern
	// Web is the last answer, after at most one redirect.
	Web   Web
	Fault string // why it cannot be advertised; empty if it can
}

// webServices are the SRV records of services at a URL, and the path of each unless a TXT record gives another.
var webServices = []struct{ name, prefix, path string }{
	{"CalDAV", "_caldavs._tcp.", "/.well-known/caldav"},
	{"CardDAV", "_carddavs._tcp.", "/.well-known/carddav"},
	{"JMAP", "_jmap._tcp.", "/.well-known/jmap"},
}

// urlText returns the URL for a message, or nothing if there is none that clients could use.
func (s Service) urlText() string {
	if s.URL == "" {
		return ""
	}
	return untrusted.Clip(string(s.URL), maxText) + ": "
}

// findServices looks at the services at URLs that the domain names.
func (s *search) findServices(ctx context.Context) []Service {
	found := make([]Service, len(webServices))
	var all sync.WaitGroup
	for i, service := range webServices {
		all.Go(func() {
			owner := service.prefix + string(s.Name)
			records, err := s.DNS.SRV(ctx, owner)
			if err != nil || records[0].Target == "" {
				return
			}
			path := service.path
			if texts, err := s.DNS.TXT(ctx, owner); err == nil && service.name != "JMAP" {
				path = pathOf(texts, path)
			}
			found[i] = s.prober.lookAtService(ctx, service.name, serviceURL(records[0], path))
		})
	}
	all.Wait()
	var named []Service
	for _, f := range found {
		if f.Name != "" {
			named = append(named, f)
		}
	}
	return named
}

// pathOf returns the path in the TXT records of a service (RFC 6764 section 4).
func pathOf(texts []string, otherwise string) string {
	for _, t := range texts {
		if path, ok := strings.CutPrefix(t, "path="); ok && strings.HasPrefix(path, "/") {
			return path
		}
	}
	return otherwise
}

func serviceURL(r resolver.SRV, path string) string {
	host := r.Target
	if r.Port != 443 {
		host += ":" + strconv.Itoa(int(r.Port))
	}
	return (&url.URL{Scheme: "https", Host: host, Path: path}).String()
}

// maxURL is the length that all clients accept.
const maxURL = 2000

// lookAtService sends a request to a URL, and follows one redirect, such as from a well-known path.
func (p *Prober) lookAtService(ctx context.Context, name, start string) Service {
	s := Service{Name: name}
	for range 2 {
		pattern, err := settings.ParseURL(start, "https")
		if err != nil || len(start) > maxURL {
			s.Fault = "not a valid https URL, or longer than " + strconv.Itoa(maxURL) + " characters: " + untrusted.Clip(start, maxText)
			return s
		}
		s.URL = pattern
		s.Web = p.LookURL(ctx, Request{URL: start})
		if s.Fault = s.Web.fault(); s.Fault != "" || s.Web.Location == "" || s.Web.Status/100 != 3 {
			return s
		}
		base, err := url.Parse(start)
		if err != nil {
			return s
		}
		next, err := base.Parse(s.Web.Location)
		if err != nil {
			s.Fault = "it redirects to an invalid URL"
			return s
		}
		start = next.String()
	}
	s.Fault = "it redirects more than once"
	return s
}

// fault returns why clients cannot use a service; empty if they can. Status 401 is what a service should answer without a password, and 405
// what it may answer to GET.
func (w Web) fault() string {
	switch {
	case w.Err != nil && w.State == Reached, w.Err != nil && w.State == 0:
		return w.Err.Error()
	case w.State != Reached:
		return w.State.String()
	case w.TLS == nil:
		return "it does not use TLS"
	case w.TLS.ChainErr != nil:
		return "its certificate is not trusted: " + w.TLS.ChainErr.Error()
	case w.TLS.NameErr != nil:
		return "its certificate does not cover the name: " + w.TLS.NameErr.Error()
	case w.Status/100 == 2, w.Status/100 == 3, w.Status == http.StatusUnauthorized, w.Status == http.StatusMethodNotAllowed:
		return ""
	}
	return "it answers with HTTP status " + strconv.Itoa(w.Status)
}
