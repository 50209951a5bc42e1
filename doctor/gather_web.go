package doctor

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"sync"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/choices"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/probe"
	"mailhint/settings"
)

// question is what to ask at a place, and the right answer.
type question struct {
	place choices.Place
	probe.Request
	want []byte
	// final means that a redirect is an answer and is not followed.
	final bool
}

// questionAt sends a client's request to a place.
func questionAt(p choices.Place, r settings.Request) question {
	return question{place: p, Request: probe.Request{Method: r.Method, URL: r.URL.String(), ContentType: r.ContentType, Body: r.Body}}
}

// overHTTP is the request without encryption.
func overHTTP(r settings.Request) settings.Request {
	r.URL.Scheme = "http"
	return r
}

// questions lists everything to ask web servers about a domain.
func (s *session) questions(o *observations) []question {
	config, profile, ours := o.configQuestions(), o.profileQuestion(), s.wantsAny("HC") || s.wants(Contradiction)
	var all []question
	if ours {
		all = append(append(append(all, config...), o.poxQuestions()...), o.paccQuestion())
	}
	if ours && profile.want != nil {
		all = append(all, profile)
	}
	if s.ISPDB != "" && s.wantsAny("C") {
		all = append(all, question{place: choices.ISPDBEntry, Request: probe.Request{URL: s.ISPDB + string(o.Found.Domain)}})
	}
	return all
}

func (o *observations) configQuestions() []question {
	domain, person := o.Found.Domain, o.postmaster()
	ask := func(p choices.Place, r settings.Request, a settings.Address) question {
		q := questionAt(p, r)
		if document, err := autoconfig.Answer(o.Found, a, p == choices.ConfigEvolution); err == nil {
			q.want = document
		}
		return q
	}
	host, bare := autoconfig.Request(domain, person), autoconfig.WellKnownRequest(domain, person)
	return []question{
		ask(choices.ConfigHost, host, person),
		ask(choices.ConfigNoAddress, autoconfig.Request(domain, settings.Address{}), settings.Address{}),
		ask(choices.ConfigEvolution, autoconfig.EvolutionRequest(domain, person), settings.Address{Local: settings.EvolutionUser, Domain: domain}),
		ask(choices.ConfigHTTP, overHTTP(host), person),
		ask(choices.ConfigBare, bare, person),
		ask(choices.ConfigBareHTTP, overHTTP(bare), person),
	}
}

func (o *observations) poxQuestions() []question {
	domain, person := o.Found.Domain, o.postmaster()
	want, err := autodiscover.Answer(o.Found, person)
	if err != nil || o.AutodiscoverRedirect != "" {
		want = nil
	}
	ask := func(p choices.Place, r settings.Request) question {
		q := questionAt(p, r)
		q.want, q.final = want, p == choices.POXHTTP || o.AutodiscoverRedirect != ""
		return q
	}
	host := autodiscover.Request(domain, person)
	return []question{ask(choices.POXHost, host), ask(choices.POXHTTP, overHTTP(host)), ask(choices.POXBare, autodiscover.BareRequest(domain, person))}
}

func (o *observations) paccQuestion() question {
	q := questionAt(choices.PACCHost, pacc.Request(o.Found.Domain))
	if document, err := pacc.Answer(o.Found); err == nil {
		q.want = document
	}
	return q
}

func (o *observations) profileQuestion() question {
	q := questionAt(choices.ProfileHost, mobileconfig.Request(o.postmaster()))
	if document, err := mobileconfig.Answer(o.Found, o.postmaster()); err == nil {
		q.want = document
	}
	return q
}

// maxWeb is how many web requests about one domain run at a time.
const maxWeb = 4

func (s *session) gatherWeb(ctx context.Context, o *observations) {
	questions := s.questions(o)
	o.askedWeb = len(questions) > 0
	o.web = make(map[choices.Place]page)
	free := make(chan struct{}, maxWeb)
	var mu sync.Mutex
	var asks []func()
	for _, q := range questions {
		asks = append(asks, func() {
			free <- struct{}{}
			defer func() { <-free }()
			p := s.ask(ctx, q)
			if q.place == choices.ProfileHost && p.Status == http.StatusTooManyRequests {
				// The server limits the signatures for one client, and there are very many domains. HEAD needs none.
				q.Method = http.MethodHead
				p = s.ask(ctx, q)
			}
			mu.Lock()
			defer mu.Unlock()
			o.web[q.place] = p
		})
	}
	concurrently(asks...)
}

// maxHops is how many redirects are followed.
const maxHops = 3

// ask asks a question and follows redirects to other https URLs, as clients do.
func (s *session) ask(ctx context.Context, q question) page {
	p := page{want: q.want, unread: q.Method == http.MethodHead}
	request := q.Request
	for {
		p.Web = s.Prober.LookURL(ctx, request)
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
