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
	// Web is the last answer, after at most one redirect. A service that may be advertised asks for a password, or answers.
	Web   Web
	Fault string // why it cannot be advertised; empty if it can
}

// webServices are the SRV records of services at a URL, and where each starts if no TXT record says so.
var webServices = []struct{ name, record, path string }{
	{"CalDAV", "_caldavs._tcp.", "/.well-known/caldav"},
	{"CardDAV", "_carddavs._tcp.", "/.well-known/carddav"},
	{"JMAP", "_jmap._tcp.", "/.well-known/jmap"},
}

// place is the URL for a sentence; nothing if there is none that programs could use.
func (s Service) place() string {
	if s.URL == "" {
		return ""
	}
	return untrusted.Clip(string(s.URL), maxText) + ": "
}

// services looks at the services at URLs that the domain names.
func (s *search) services(ctx context.Context) []Service {
	found := make([]Service, len(webServices))
	var all sync.WaitGroup
	for i, service := range webServices {
		all.Go(func() {
			owner := service.record + string(s.Name)
			records, err := s.DNS.SRV(ctx, owner)
			if err != nil || records[0].Target == "" {
				return
			}
			path := service.path
			if texts, err := s.DNS.TXT(ctx, owner); err == nil && service.name != "JMAP" {
				path = pathOf(texts, path)
			}
			found[i] = s.prober.lookAtService(ctx, service.name, startOf(records[0], path))
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

// pathOf reads a TXT record of RFC 6764 section 4.
func pathOf(texts []string, otherwise string) string {
	for _, t := range texts {
		if path, ok := strings.CutPrefix(t, "path="); ok && strings.HasPrefix(path, "/") {
			return path
		}
	}
	return otherwise
}

func startOf(r resolver.SRV, path string) string {
	host := r.Target
	if r.Port != 443 {
		host += ":" + strconv.Itoa(int(r.Port))
	}
	return (&url.URL{Scheme: "https", Host: host, Path: path}).String()
}

// maxURL is the length that all programs take.
const maxURL = 2000

// lookAtService asks at a URL, and follows one redirect, as from a well-known address.
func (p *Prober) lookAtService(ctx context.Context, name, start string) Service {
	s := Service{Name: name}
	for range 2 {
		pattern, err := settings.ParseURL(start, "https")
		if err != nil || len(start) > maxURL {
			s.Fault = "it leads to what is no https URL, or a very long one: " + untrusted.Clip(start, maxText)
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
			s.Fault = "its redirect leads nowhere"
			return s
		}
		start = next.String()
	}
	s.Fault = "it leads from one redirect to another"
	return s
}

// fault says why programs cannot use what answers; empty if they can. Asking for a password is what a service does, and 405 says that
// it knows no GET.
func (w Web) fault() string {
	switch {
	case w.Err != nil && w.State == Reached, w.Err != nil && w.State == 0:
		return w.Err.Error()
	case w.State != Reached:
		return "it is " + w.State.String()
	case w.TLS == nil:
		return "it speaks no TLS"
	case w.TLS.ChainErr != nil:
		return "its certificate is not trusted: " + w.TLS.ChainErr.Error()
	case w.TLS.NameErr != nil:
		return "its certificate does not cover the name: " + w.TLS.NameErr.Error()
	case w.Status/100 == 2, w.Status/100 == 3, w.Status == http.StatusUnauthorized, w.Status == http.StatusMethodNotAllowed:
		return ""
	}
	return "it answers with HTTP status " + strconv.Itoa(w.Status)
}
