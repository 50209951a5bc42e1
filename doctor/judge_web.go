package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mailhint/probe"
	"mailhint/resolver"
)

// judgeWeb looks whether the answers that reach the outside are ours. Of what is wrong under one name, the cause is told: not the
// document where the certificate is another server's already.
func (j *judgement) judgeWeb() {
	places := []place{configHost, configNobody, configEvolution, poxHost, paccHost}
	if errors.Is(j.names["autodiscover."+string(j.Found.Domain)].err, resolver.ErrNone) && j.isOurName(j.led) && j.oursErr == nil {
		places = append(places, poxSRV) // all that leads here
	}
	for _, p := range places {
		if host := j.hostOf(p); !j.spoilt[host] {
			j.judgeCertificate(host, j.web[p])
		}
	}
	j.judgePasswords()
	for _, p := range places {
		if host := j.hostOf(p); !j.spoilt[host] && j.web[p].Err == nil {
			j.judgeAnswer(host, p)
		}
	}
	j.judgeBare()
}

// judgePasswords looks for anybody who asks for a password, and tells it once of each name. One such place is enough for Thunderbird
// to tell people that theirs is wrong.
func (j *judgement) judgePasswords() {
	asking := make(map[string][]string) // paths, by name
	for _, p := range slices.Sorted(maps.Keys(j.web)) {
		host := j.hostOf(p)
		if p == ispdbEntry || host != string(j.Found.Domain) && j.spoilt[host] || j.web[p].Status != http.StatusUnauthorized {
			continue
		}
		if path := placeOf(j.web[p].URL); !slices.Contains(asking[host], path) {
			asking[host] = append(asking[host], path)
		}
	}
	for _, host := range slices.Sorted(maps.Keys(asking)) {
		text := "it asks for a password (401) at " + words(asking[host])
		if host == string(j.Found.Domain) {
			j.add(AsksPassword, Problem, host, text,
				"Answer 404 there, or pass these paths on to the mailhint server. For nginx, in the server block of this name:",
				"location ^~ /.well-known/autoconfig/ { return 404; }\nlocation ~* ^/autodiscover/ { return 404; }")
			continue
		}
		j.add(AsksPassword, Problem, host, text,
			"Let everybody through to the mailhint server without a password. For nginx, in the server block of this name:", "auth_basic off;")
		j.spoilt[host] = true
	}
}

// placeOf is a URL without its query, in which there is an address.
func placeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Path
}

// judgeAnswer compares a page with the one it should be.
func (j *judgement) judgeAnswer(host string, p place) {
	got := j.web[p]
	if isPOX(p) && j.AutodiscoverRedirect != "" {
		j.judgeRedirect(host, got)
		return
	}
	if got.want == nil || j.isOurs(got) {
		return
	}
	if (j.Limited || j.Varies) && (got.Status == http.StatusNotFound || j.read(p).err == nil || errors.As(j.read(p).err, new(poxError))) {
		j.aside("%s: what is answered depends on the network that asks", host)
		return
	}
	j.spoilt[host] = true
	at := placeOf(got.URL)
	if got.Status != http.StatusOK {
		j.add(OtherAnswer, Problem, host, fmt.Sprintf("it answers %s at %s in place of the settings", statusText(got.Web), at),
			whoAnswers(got))
		return
	}
	switch {
	case likeness(got.want, got.Body) >= 0.7 || j.meansTheSame(p):
		j.add(ChangedAnswer, Problem, host,
			fmt.Sprintf("the answer at %s is ours, but not as it was sent: %s", at, firstDifference(got.want, got.Body)),
			"See what changes it: a proxy that rewrites documents, a cache, or a server that has not read its configuration again.")
	case j.tellsOthers(p):
		j.add(Disagree, Problem, host, fmt.Sprintf("the document at %s names other servers than the other ways of asking do: %s",
			at, serverList(j.read(p).document)),
			"See who answers there, and have the mailhint server answer at all its names.")
	default:
		j.add(OtherAnswer, Problem, host, fmt.Sprintf("something else answers at %s: %s", at, describe(got, j.read(p))), whoAnswers(got))
	}
}

func whoAnswers(got page) string {
	if len(got.via) > 0 {
		return "The answer came by way of a redirect; have the name lead to the mailhint server itself, or the redirect to its page."
	}
	return "Have this name, with its paths, reach the mailhint server: in the web server that listens at this address, " +
		"pass the name on to it (mailhint proxy prints how)."
}

func statusText(w probe.Web) string {
	text := fmt.Sprintf("status %d", w.Status)
	if name := http.StatusText(w.Status); name != "" {
		text += " (" + name + ")"
	}
	if isRedirect(w.Status) {
		text += ", which leads to " + clip(w.Location)
	}
	return text
}

func (j *judgement) judgeRedirect(host string, got page) {
	if j.isOurs(got) {
		return
	}
	j.spoilt[host] = true
	text := fmt.Sprintf("it answers %s, and should lead to %s", statusText(got.Web), clip(j.AutodiscoverRedirect))
	j.add(OtherAnswer, Problem, host, text, whoAnswers(got))
}

// tellsOthers reports whether a document is of the right kind and names other servers than its sister at the other name.
func (j *judgement) tellsOthers(p place) bool {
	sister := configHost
	if !isPOX(p) {
		sister = poxHost
	}
	mine, other := j.read(p), j.read(sister)
	return p != paccHost && mine.err == nil && other.err == nil && !maps.Equal(mine.mailServers(), other.mailServers())
}

// meansTheSame reports whether a document says what ours says, in other words.
func (j *judgement) meansTheSame(p place) bool {
	if p == paccHost {
		return bytes.Equal(bytes.TrimSpace(j.web[p].Body), j.web[p].want)
	}
	mine, got := readAs(p, j.web[p].want), j.read(p)
	return got.err == nil && maps.Equal(mine.mailServers(), got.mailServers())
}

// reading is a document, or why it is none.
type reading struct {
	document
	err error
}

// read reads the document at a place.
func (j *judgement) read(p place) reading {
	switch got := j.web[p]; {
	case got.Err != nil:
		return reading{err: got.Err}
	case got.Status != http.StatusOK:
		return reading{err: fmt.Errorf("status %d", got.Status)}
	default:
		return readAs(p, got.Body)
	}
}

// isPOX reports whether Autodiscover is asked for at a place.
func isPOX(p place) bool { return p == poxHost || p == poxHTTP || p == poxBare || p == poxSRV }

// readAs reads a document of the kind that belongs to a place.
func readAs(p place, body []byte) (r reading) {
	if isPOX(p) {
		r.document, r.err = readPOX(body)
	} else {
		r.document, r.err = readConfig(body)
	}
	return r
}

// describe says what an unexpected document is.
func describe(got page, r reading) string {
	switch {
	case r.err == nil:
		return "settings that name other servers, " + serverList(r.document)
	case errors.As(r.err, new(poxError)):
		return clip(r.err.Error())
	}
	kind, _, _ := strings.Cut(got.Header.Get("Content-Type"), ";")
	if kind == "" {
		kind = "a document"
	}
	return fmt.Sprintf("%s of %d octets", clip(kind), len(got.Body))
}

func serverList(d document) string {
	var all []string
	for _, e := range d.servers[:min(len(d.servers), 4)] {
		all = append(all, fmt.Sprintf("%s:%d", clip(e.host), e.port))
	}
	if len(all) == 0 {
		return "none at all"
	}
	return words(all)
}

// likeness is the share of our lines that are in a document too, however it was indented.
func likeness(want, got []byte) float64 {
	lines := make(map[string]int)
	for line := range bytes.Lines(got) {
		lines[string(bytes.TrimSpace(line))]++
	}
	total, common := 0, 0
	for line := range bytes.Lines(want) {
		total++
		if key := string(bytes.TrimSpace(line)); lines[key] > 0 {
			lines[key]--
			common++
		}
	}
	return float64(common) / float64(max(total, 1))
}

// firstDifference shows where two documents part.
func firstDifference(want, got []byte) string {
	wanted, gotten := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range wanted {
		switch {
		case i >= len(gotten):
			return fmt.Sprintf("it ends after line %d", len(gotten))
		case !bytes.Equal(wanted[i], gotten[i]):
			return fmt.Sprintf("line %d is %q in place of %q", i+1, clip(string(gotten[i])), clip(string(wanted[i])))
		}
	}
	return fmt.Sprintf("there is more after line %d", len(wanted))
}

// judgeBare looks at the domain's own web server. Programs ask there too, and mailhint need not answer.
func (j *judgement) judgeBare() {
	if got := j.web[configBare]; got.isGood() && !bytes.Equal(got.Body, got.want) {
		if r := j.read(configBare); r.err == nil && !j.knows(r.document) {
			j.add(Disagree, Warning, string(j.Found.Domain),
				"its web server has settings of its own at "+placeOf(got.URL)+", which name "+serverList(r.document),
				"Remove them, or pass this path on to the mailhint server: some programs ask there when autoconfig does not answer.")
		}
	}
}

// knows reports whether a document names no mail server besides the configured ones.
func (j *judgement) knows(d document) bool {
	known := make(map[string]bool)
	for _, s := range j.Servers {
		known[fmt.Sprintf("%s %s:%d %d", kindNames[s.Protocol], j.host(s), s.Port, s.Security)] = true
	}
	for server := range d.mailServers() {
		if !known[server] {
			return false
		}
	}
	return true
}
