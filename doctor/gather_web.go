package doctor

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"sync"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/probe"
	"mailhint/settings"
)

// question is what to ask at a place, and the right answer.
type question struct {
	place place
	probe.Request
	want []byte
	// final means that a redirect is an answer and is not followed.
	final bool
}

// questionAt sends a client's request to a place.
func questionAt(p place, r settings.Request) question {
	return question{place: p, Request: probe.Request{Method: r.Method, URL: r.URL.String(), ContentType: r.ContentType, Body: r.Body}}
}

// overHTTP is the request without encryption.
func overHTTP(r settings.Request) settings.Request {
	r.URL.Scheme = "http"
	return r
}

// questions lists everything to ask web servers about a domain.
func (d *session) questions(s *observations) []question {
	config, profile, ours := s.configQuestions(), s.profileQuestion(), d.wantsAny("HC") || d.wants(Contradiction)
	var all []question
	if ours {
		all = append(append(append(all, config...), s.poxQuestions()...), s.paccQuestion())
	}
	if ours && profile.want != nil {
		all = append(all, profile)
	}
	if d.ISPDB != "" && d.wantsAny("C") {
		all = append(all, question{place: ispdbEntry, Request: probe.Request{URL: d.ISPDB + string(s.Found.Domain)}})
	}
	return all
}

func (s *observations) configQuestions() []question {
	domain, person := s.Found.Domain, s.postmaster()
	ask := func(p place, r settings.Request, a settings.Address) question {
		q := questionAt(p, r)
		if document, err := autoconfig.Answer(s.Found, a, p == configEvolution); err == nil {
			q.want = document
		}
		return q
	}
	host, bare := autoconfig.Request(domain, person), autoconfig.WellKnownRequest(domain, person)
	return []question{
		ask(configHost, host, person),
		ask(configNoAddress, autoconfig.Request(domain, settings.Address{}), settings.Address{}),
		ask(configEvolution, autoconfig.EvolutionRequest(domain, person), settings.Address{Local: settings.EvolutionUser, Domain: domain}),
		ask(configHTTP, overHTTP(host), person),
		ask(configBare, bare, person),
		ask(configBareHTTP, overHTTP(bare), person),
	}
}

func (s *observations) poxQuestions() []question {
	domain, person := s.Found.Domain, s.postmaster()
	want, err := autodiscover.Answer(s.Found, person)
	if err != nil || s.AutodiscoverRedirect != "" {
		want = nil
	}
	ask := func(p place, r settings.Request) question {
		q := questionAt(p, r)
		q.want, q.final = want, p == poxHTTP || s.AutodiscoverRedirect != ""
		return q
	}
	host := autodiscover.Request(domain, person)
	return []question{ask(poxHost, host), ask(poxHTTP, overHTTP(host)), ask(poxBare, autodiscover.BareRequest(domain, person))}
}

func (s *observations) paccQuestion() question {
	q := questionAt(paccHost, pacc.Request(s.Found.Domain))
	if document, err := pacc.Answer(s.Found); err == nil {
		q.want = document
	}
	return q
}

func (s *observations) profileQuestion() question {
	q := questionAt(profileHost, mobileconfig.Request(s.postmaster()))
	if document, err := mobileconfig.Answer(s.Found, s.postmaster()); err == nil {
		q.want = document
	}
	return q
}

// maxWeb is how many web requests about one domain run at a time.
const maxWeb = 4

func (d *session) gatherWeb(ctx context.Context, s *observations) {
	questions := d.questions(s)
	s.askedWeb = len(questions) > 0
	s.web = make(map[place]page)
	free := make(chan struct{}, maxWeb)
	var mu sync.Mutex
	var asks []func()
	for _, q := range questions {
		asks = append(asks, func() {
			free <- struct{}{}
			defer func() { <-free }()
			p := d.ask(ctx, q)
			mu.Lock()
			defer mu.Unlock()
			s.web[q.place] = p
		})
	}
	concurrently(asks...)
}

// maxHops is how many redirects are followed.
const maxHops = 3

// ask asks a question and follows redirects to other https URLs, as clients do.
func (d *session) ask(ctx context.Context, q question) page {
	p := page{want: q.want}
	request := q.Request
	for {
		p.Web = d.Prober.LookURL(ctx, request)
		if q.final || !isRedirect(p.Status) || len(p.via) >= maxHops {
			return p
		}
		from, err := url.Parse(request.URL)
		if err != nil {
			return p
		}
		to, err := from.Parse(p.Location)
		if err != nil || to.Scheme != "https" || to.Host == "" {
			return p
		}
		p.via = append(p.via, request.URL)
		request.URL, request.Address = to.String(), netip.Addr{}
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}
