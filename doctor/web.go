package doctor

import (
	"context"
	"crypto/md5"
	"encoding/hex"
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

// question is what to ask at a place, and what ought to come.
type question struct {
	place place
	probe.Request
	want []byte
	// final: a redirect is an answer too, and is not followed.
	final bool
}

const (
	configPath    = "/mail/config-v1.1.xml"
	configPathAt  = "/.well-known/autoconfig/mail/config-v1.1.xml"
	evolutionUser = "EVOLUTIONUSER" // see settings.Address.Plausible
)

// questions lists everything that is asked of web servers about a domain.
func (d *session) questions(s *seen) []question {
	config, profile, ours := s.configQuestions(), s.profileQuestion(), d.wantsAny("HC") || d.wants(Disagree)
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

func (s *seen) configQuestions() []question {
	domain, person := string(s.Found.Domain), s.person()
	fake := settings.Address{Local: evolutionUser, Domain: s.Found.Domain}
	sum := md5.Sum([]byte(person.String())) // as Evolution sends it
	ask := func(p place, prefix, path string, query url.Values, a settings.Address, evolution bool) question {
		q := question{place: p, Request: probe.Request{URL: prefix + domain + path}}
		if len(query) > 0 {
			q.URL += "?" + query.Encode()
		}
		if document, err := autoconfig.Answer(s.Found, a, evolution); err == nil {
			q.want = document
		}
		return q
	}
	known := url.Values{"emailaddress": {person.String()}}
	hidden := url.Values{"emailaddress": {fake.String()}, "emailmd5": {hex.EncodeToString(sum[:])}}
	return []question{
		ask(configHost, "https://autoconfig.", configPath, known, person, false),
		ask(configNobody, "https://autoconfig.", configPath, nil, settings.Address{}, false),
		ask(configEvolution, "https://autoconfig.", configPath, hidden, fake, true),
		ask(configHTTP, "http://autoconfig.", configPath, known, person, false),
		ask(configBare, "https://", configPathAt, known, person, false),
		ask(configBareHTTP, "http://", configPathAt, known, person, false),
	}
}

func (s *seen) poxQuestions() []question {
	domain := string(s.Found.Domain)
	request := probe.Request{Method: http.MethodPost, ContentType: "text/xml; charset=utf-8",
		Body: []byte(autodiscover.NewRequest(s.person()))}
	want, err := autodiscover.Answer(s.Found, s.person())
	if err != nil || s.AutodiscoverRedirect != "" {
		want = nil
	}
	ask := func(p place, prefix string) question {
		q := question{place: p, Request: request, want: want, final: p == poxHTTP || s.AutodiscoverRedirect != ""}
		q.URL = prefix + domain + autodiscover.Path
		return q
	}
	return []question{ask(poxHost, "https://autodiscover."), ask(poxHTTP, "http://autodiscover."), ask(poxBare, "https://")}
}

func (s *seen) paccQuestion() question {
	q := question{place: paccHost, Request: probe.Request{URL: "https://ua-auto-config." + string(s.Found.Domain) + pacc.Path}}
	if document, err := pacc.Answer(s.Found); err == nil {
		q.want = document
	}
	return q
}

func (s *seen) profileQuestion() question {
	q := question{place: profileHost}
	q.URL = mobileconfig.Link("autoconfig."+string(s.Found.Domain), s.person())
	if document, err := mobileconfig.Answer(s.Found, s.person()); err == nil {
		q.want = document
	}
	return q
}

// maxWeb is how many requests about one domain are under way at a time.
const maxWeb = 4

func (d *session) gatherWeb(ctx context.Context, s *seen) {
	questions := d.questions(s)
	s.asked = len(questions) > 0
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
	together(asks...)
}

// maxHops is how many redirects are followed: a provider's own server may be asked by way of one.
const maxHops = 3

// ask asks a question and follows redirects to other https addresses, as programs do.
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
