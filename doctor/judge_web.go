package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"mailhint/autodiscover"
	"mailhint/choices"
	"mailhint/probe"
	"mailhint/resolver"
)

// judgeWeb checks that clients receive our answers. For each name it reports the cause only: not the document if the certificate is
// already another server's.
func (j *judgement) judgeWeb() {
	places := []choices.Place{choices.ConfigHost, choices.ConfigNoAddress, choices.ConfigEvolution, choices.POXHost, choices.PACCHost}
	if errors.Is(j.names[autodiscover.Host(j.Found.Domain)].err, resolver.ErrNone) && j.isOurName(j.srvTarget) && j.oursErr == nil {
		places = append(places, choices.POXSRV) // the only way to this server
	}
	for _, p := range places {
		if host := j.hostOf(p); !j.explained[host] {
			j.judgeConnection(host, j.web[p])
		}
	}
	j.judgePasswords()
	j.judgeLoops()
	for _, p := range places {
		if host := j.hostOf(p); !j.explained[host] && j.web[p].Err == nil {
			j.judgeAnswer(host, p)
		}
	}
	j.add(j.website()...)
}

// judgePasswords looks for web servers that ask for a password, and reports each name once. One such place is enough to make Thunderbird
// tell people that their password is wrong.
func (j *judgement) judgePasswords() {
	asking := make(map[string][]string) // paths, by name
	for _, p := range slices.Sorted(maps.Keys(j.web)) {
		host := j.hostOf(p)
		if p == choices.ISPDBEntry || host != string(j.Found.Domain) && j.explained[host] || j.web[p].Status != http.StatusUnauthorized {
			continue
		}
		if path := pathOf(j.web[p].URL); !slices.Contains(asking[host], path) {
			asking[host] = append(asking[host], path)
		}
	}
	for _, host := range slices.Sorted(maps.Keys(asking)) {
		text := "asks for a password (401) at " + words(asking[host])
		if host == string(j.Found.Domain) {
			j.add(newFinding(PasswordRequired, Problem, host, text,
				"Answer 404 there, or pass these paths to the mailhint server. For nginx, in the server block of this name:",
				"location ^~ /.well-known/autoconfig/ { return 404; }\nlocation ~* ^/autodiscover/ { return 404; }"))
			continue
		}
		j.add(newFinding(PasswordRequired, Problem, host, text,
			"Let requests through to the mailhint server without a password. For nginx, in the server block of this name:", "auth_basic off;"))
		j.explained[host] = true
	}
}

// pathOf is the path of a URL. The query has an address in it and is left out.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Path
}

// judgeAnswer compares a page with the right one.
func (j *judgement) judgeAnswer(host string, p choices.Place) {
	got := j.web[p]
	switch {
	case p.IsAutodiscover() && j.AutodiscoverRedirect != "" && !j.isOurs(got):
		j.explained[host] = true
		j.add(j.wrongRedirect(host, got))
	case p.IsAutodiscover() && j.AutodiscoverRedirect != "", got.want == nil, j.isOurs(got):
	case j.mayVary(p):
		j.note("%s: the answer depends on the client's network", host)
	default:
		j.explained[host] = true
		j.add(j.wrongAnswer(host, p))
	}
}

// mayVary reports whether a page that is not ours may be what this server answers to others.
func (o *observations) mayVary(p choices.Place) bool {
	r := o.read(p)
	return (o.Limited || o.Varies) && (o.web[p].Status == http.StatusNotFound || r.err == nil || errors.As(r.err, new(choices.ProviderError)))
}

// wrongAnswer says what a page is that is not ours.
func (o *observations) wrongAnswer(host string, p choices.Place) Finding {
	got := o.web[p]
	at := pathOf(got.URL)
	switch {
	case got.Status != http.StatusOK:
		return newFinding(ForeignAnswer, Problem, host, fmt.Sprintf("answers %s at %s instead of the settings", statusText(got.Web), at),
			whoAnswers(got))
	case similarity(got.want, got.Body) >= 0.7 || o.namesSameServers(p):
		return newFinding(ChangedAnswer, Problem, host,
			fmt.Sprintf("the answer at %s is this server's, but was altered in transit: %s", at, firstDifference(got.want, got.Body)),
			"Find out what changes it: a proxy that rewrites documents, a cache, or a server that has not reloaded its configuration.")
	case o.namesOtherServers(p):
		return newFinding(Contradiction, Problem, host,
			fmt.Sprintf("the document at %s names different servers from the domain's other documents: %s",
				at, serverList(o.read(p).Document)),
			"Find out what answers there, and make the mailhint server answer at all of the domain's names.")
	}
	return newFinding(ForeignAnswer, Problem, host, fmt.Sprintf("another server answers at %s: %s", at, describe(got, o.read(p))),
		whoAnswers(got))
}

// wrongRedirect is about Autodiscover that does not redirect where the settings say.
func (o *observations) wrongRedirect(host string, got page) Finding {
	text := fmt.Sprintf("answers %s instead of redirecting to %s", statusText(got.Web), clip(o.AutodiscoverRedirect))
	return newFinding(ForeignAnswer, Problem, host, text, whoAnswers(got))
}

// whoAnswers is what to do about an answer that is not ours.
func whoAnswers(got page) string {
	if len(got.via) > 0 {
		return "The answer came through a redirect: point the name to the mailhint server itself, or redirect to the right page."
	}
	return "Make the web server at this address pass this name, with all its paths, to the mailhint server " +
		"(mailhint proxy prints the configuration)."
}

func statusText(w probe.Web) string {
	text := fmt.Sprintf("status %d", w.Status)
	if name := http.StatusText(w.Status); name != "" {
		text += " (" + name + ")"
	}
	if isRedirect(w.Status) {
		text += ", a redirect to " + clip(w.Location)
	}
	return text
}

// namesOtherServers reports whether a document is of the right kind but names other servers than its counterpart: autoconfig's is
// Autodiscover's, and the other way round.
func (o *observations) namesOtherServers(p choices.Place) bool {
	counterpart := choices.ConfigHost
	if !p.IsAutodiscover() {
		counterpart = choices.POXHost
	}
	mine, other := o.read(p), o.read(counterpart)
	return p != choices.PACCHost && mine.err == nil && other.err == nil && !maps.Equal(mine.MailServers(), other.MailServers())
}

// namesSameServers reports whether a document has the same servers as ours.
func (o *observations) namesSameServers(p choices.Place) bool {
	if p == choices.PACCHost {
		return bytes.Equal(bytes.TrimSpace(o.web[p].Body), o.web[p].want)
	}
	ours, _ := choices.Read(p, o.web[p].want) // if there is no document, it has no servers
	got := o.read(p)
	return got.err == nil && maps.Equal(ours.MailServers(), got.MailServers())
}

// website looks at the domain's own web server. Clients ask there too, but mailhint need not answer there.
func (o *observations) website() []Finding {
	got := o.web[choices.ConfigBare]
	r := o.read(choices.ConfigBare)
	if !got.isGood() || bytes.Equal(got.Body, got.want) || r.err != nil || o.namesOnlyKnown(r.Document) {
		return nil
	}
	return []Finding{newFinding(Contradiction, Warning, string(o.Found.Domain),
		"its web server has settings of its own at "+pathOf(got.URL)+", with the servers "+serverList(r.Document),
		"Remove them, or pass this path to the mailhint server: some clients ask there if autoconfig does not answer.")}
}

// namesOnlyKnown reports whether a document names no mail server besides those in the settings.
func (o *observations) namesOnlyKnown(d choices.Document) bool {
	known := make(map[string]bool)
	for _, s := range o.Servers {
		known[fmt.Sprintf("%s %s:%d %d", choices.KindOf(s.Protocol), o.host(s), s.Port, s.Security)] = true
	}
	for server := range d.MailServers() {
		if !known[server] {
			return false
		}
	}
	return true
}
