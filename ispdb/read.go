package ispdb

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mailhint/autoconfig"
	"mailhint/settings"
	"mailhint/untrusted"
)

// Lengths of names that clients show (draft-ietf-mailmaint-autoconfig-06 section 4).
const (
	maxName      = 60
	maxShortName = 20
)

// Read converts a provider file and returns the providers in it, of which there is at least one. The remarks say, in the order of the lines,
// where the answers will differ from the file. The error is an *Error, for a file of which nothing can be converted.
//
// Clients that get a file with several providers use the first; in answers, each domain gets its own. What is beside the providers, such as
// the calendar, belongs to the first.
func Read(text []byte) ([]*Provider, []Remark, error) {
	root, comments, err := parse(text)
	if err != nil {
		return nil, nil, err
	}
	if root.name != "clientConfig" {
		return nil, nil, fault(root.line, "the root element is <%s> instead of <clientConfig>, so this is not a provider file", oneLine(root.name))
	}
	root.attr("version")
	elements := root.all("emailProvider")
	if len(elements) == 0 {
		return nil, nil, fault(root.line, "it has no <emailProvider>")
	}
	var providers []*Provider
	var remarks []Remark
	var faults []*Error
	beside := root
	for _, ep := range elements {
		r := &reader{}
		p, err := r.provider(beside, ep)
		if err == nil {
			providers = append(providers, p)
			beside = &node{name: root.name, line: ep.line}
		} else {
			faults = append(faults, err)
			ep.forget()
		}
		remarks = append(remarks, r.remarks...)
	}
	if len(providers) == 0 {
		return nil, sorted(remarks), faults[0]
	}
	r := &reader{remarks: remarks}
	for _, f := range faults {
		r.lose(f.Line, kindDomain, "this <emailProvider> is left out: %s", f.Text)
	}
	providers[0].Comments = comments
	r.unread(root)
	return providers, sorted(r.remarks), nil
}

// reader collects the content of a file.
type reader struct {
	s       settings.Settings
	servers []*server
	remarks []Remark
	// the logins and login methods of the services named by URL
	urlLogins []settings.Login
	urlAuths  [][]settings.Auth
}

// server is a server and its line. If the file has no login for it, its Login is empty until finishServers.
type server struct {
	settings.Server
	line int
}

// isOpen reports whether the server needs no login.
func (s *server) isOpen() bool { return slices.Equal(s.Auth, []settings.Auth{settings.NoAuth}) }

func (r *reader) remark(line int, kind kind, format string, args ...any) {
	r.remarks = append(r.remarks, Remark{Line: line, Text: untrusted.Clip(fmt.Sprintf(format, args...), maxRemark), kind: kind})
}

// lose is remark for a domain, a server or a provider that is not converted.
func (r *reader) lose(line int, kind kind, format string, args ...any) {
	r.remark(line, kind, format, args...)
	r.remarks[len(r.remarks)-1].Lost = true
}

func sorted(remarks []Remark) []Remark {
	slices.SortStableFunc(remarks, func(a, b Remark) int { return cmp.Compare(a.Line, b.Line) })
	return remarks
}

// provider reads an <emailProvider>, and what is beside it in the root element.
func (r *reader) provider(root, ep *node) (*Provider, *Error) {
	domains := r.domains(ep)
	if len(domains) == 0 {
		return nil, fault(ep.line, "it has no valid <domain>")
	}
	r.s.Name = r.displayName(ep, "displayName", maxName)
	r.s.ShortName = r.displayName(ep, "displayShortName", maxShortName)
	r.readServers(ep, "incomingServer", autoconfig.IncomingTypes)
	r.readServers(ep, "outgoingServer", autoconfig.OutgoingTypes)
	r.readServers(root, "setupServer", autoconfig.SetupTypes)
	r.services(root)
	if r.s.JMAP == "" && !slices.ContainsFunc(r.servers, func(s *server) bool { return s.Protocol != settings.ManageSieve }) {
		return nil, fault(ep.line, "it has no server that can be converted")
	}
	r.finishServers()
	r.checkComplete(ep)
	r.documentation(ep)
	r.webmail(root)
	r.oauth2(root, ep)
	return &Provider{Domains: domains, Settings: &r.s}, nil
}

// domains reads the domains. The main one is first: the provider's id, or else the first in the file.
func (r *reader) domains(ep *node) []settings.Domain {
	id := r.trim(ep.line, ep.attr("id"))
	var domains []settings.Domain
	seen := make(map[settings.Domain]bool)
	for _, n := range ep.all("domain") {
		text := r.text(n)
		d, err := settings.ParseDomain(text)
		switch {
		case err != nil:
			r.lose(n.line, kindDomain, "the domain %q is left out: %v", oneLine(text), err)
			continue
		case seen[d]:
			r.remark(n.line, kindDomain, "the domain %s appears twice", d)
			continue
		}
		if purpose := n.attr("purpose"); purpose != "" {
			r.remark(n.line, kindDomain, "%s is converted like any other domain; its purpose %q is ignored", d, oneLine(purpose))
		}
		seen[d] = true
		domains = append(domains, d)
	}
	if i := slices.Index(domains, settings.Domain(strings.ToLower(id))); i >= 0 {
		main := domains[i]
		domains = slices.Insert(slices.Delete(domains, i, i+1), 0, main)
	} else if len(domains) > 0 && id != "" {
		r.remark(ep.line, kindID, "the id %q is not one of the domains and is ignored: in answers, the id is the requested domain", oneLine(id))
	}
	return domains
}

func (r *reader) displayName(ep *node, element string, limit int) settings.Pattern {
	n := ep.child(element)
	if n == nil {
		return ""
	}
	text := r.text(n)
	if text == "" {
		return ""
	}
	name, err := settings.ParseText(text, limit)
	if err == nil && strings.Contains(text, settings.PrimaryDomain) {
		err = fmt.Errorf("unknown placeholder %s", settings.PrimaryDomain)
	}
	if err != nil {
		r.remark(n.line, kindName, "<%s> %q is left out: %v", element, oneLine(text), err)
		return ""
	}
	return name
}

// readServers reads the servers with one element name.
func (r *reader) readServers(parent *node, element string, types autoconfig.Words[settings.Protocol]) {
	for _, n := range parent.all(element) {
		kind := r.trim(n.line, n.attr("type"))
		if service, words := r.incomingService(kind); service != nil && element == "incomingServer" {
			*service = r.service(n, *service, words)
			continue
		}
		protocol, ok := lookUp(r, n.line, types, kind)
		if !ok {
			r.lose(n.line, kindServer, "<%s type=%q> is left out: answers do not support this type", element, oneLine(kind))
			n.forget()
			continue
		}
		s, err := r.server(n, protocol)
		if err != nil {
			r.lose(n.line, kindServer, "this %s server is left out: %v", protocol, err)
			n.forget()
			continue
		}
		r.servers = append(r.servers, s)
	}
}

// server reads a server with a host and a port, as strictly as domains.toml is read.
func (r *reader) server(n *node, protocol settings.Protocol) (*server, error) {
	s := &server{settings.Server{Protocol: protocol}, n.line}
	host, port, socket := n.child("hostname"), n.child("port"), n.child("socketType")
	if host == nil || port == nil || socket == nil {
		return nil, fmt.Errorf("<hostname>, <port> or <socketType> is missing; Thunderbird ignores such a server too")
	}
	name, err := r.placeholders(host, settings.EmailDomain)
	if err != nil {
		return nil, err
	}
	if s.Host, err = settings.ParseHost(name); err != nil {
		return nil, fmt.Errorf("%q is %w", oneLine(name), err)
	}
	number, err := strconv.ParseUint(r.text(port), 10, 16)
	if err != nil || number == 0 {
		return nil, fmt.Errorf("%q is not a valid port", oneLine(string(port.text)))
	}
	s.Port = uint16(number)
	security, ok := lookUp(r, socket.line, autoconfig.SocketTypes, r.text(socket))
	if !ok {
		return nil, fmt.Errorf("the <socketType> %q is not SSL, STARTTLS or plain; clients ignore such a server, or guess", oneLine(string(socket.text)))
	}
	s.Security = security
	if s.Auth = r.auths(n, autoconfig.Methods); s.Auth == nil {
		return nil, fmt.Errorf("it has no login method that clients know")
	}
	if slices.Contains(s.Auth, settings.NoAuth) && protocol != settings.Submission {
		return nil, fmt.Errorf("it has no login; clients ignore such an incoming server")
	}
	if s.Login, err = r.login(n); err != nil {
		return nil, err
	}
	if s.isOpen() {
		s.Login = "" // it is not used
	}
	if _, err := settings.ParseServer(protocol, s.URL()); err != nil {
		return nil, err
	}
	for _, known := range r.servers {
		if known.Protocol == protocol && known.Host == s.Host && known.Port == s.Port {
			return nil, fmt.Errorf("port %d of %s is already in line %d with %s, and can appear only once", s.Port, s.Host, known.line, known.Security)
		}
	}
	if s.UnusualPort() {
		why := "is normally used for another protocol or TLS mode"
		if s.Port == 25 {
			why = "is for mail between servers and blocked by many networks"
		}
		r.remark(n.line, kindPort, "%s on port %d with %s is converted as published, although that port %s", protocol, s.Port, s.Security, why)
	}
	return s, nil
}

// auths reads the login methods, best first.
func (r *reader) auths(n *node, words autoconfig.Words[settings.Auth]) []settings.Auth {
	var auths []settings.Auth
	known := make(map[string]bool)
	for _, a := range n.all("authentication") {
		text := r.text(a)
		system := a.attr("system")
		method, ok := lookUp(r, a.line, words, text)
		switch {
		case !ok && system == "sasl":
			r.remark(a.line, kindAuth, "the SASL mechanism %q is ignored: answers only name the kind of login method", oneLine(text))
		case !ok:
			r.remark(a.line, kindAuth, "the login method %q is left out: no client knows it", oneLine(text))
		case !slices.Contains(auths, method):
			auths = append(auths, method)
		case !known[text] && isExchangeWord(text, words):
			// The same login method in the words for mail servers, as answers have it.
		default:
			r.remark(a.line, kindAuth, "the login method %q appears twice", oneLine(text))
		}
		known[text] = true
	}
	return auths
}

// login reads the login form, which is "" if there is none.
func (r *reader) login(n *node) (settings.Login, error) {
	u := n.child("username")
	if u == nil {
		return "", nil
	}
	text, err := r.placeholders(u, settings.EmailAddress, settings.EmailLocalPart, settings.EmailDomain)
	if err != nil || text == "" {
		return "", err
	}
	login, err := settings.ParseLogin(text)
	if err != nil {
		return "", fmt.Errorf("the <username> %q cannot be used: %w", oneLine(text), err)
	}
	return login.For(settings.EmailDomain, settings.EmailDomain), nil // so that there is only one form for the whole address
}

// finishServers puts the servers into the order of answers, finds the login that most of them share, and uses it for those that have none.
func (r *reader) finishServers() {
	pop3 := slices.IndexFunc(r.servers, func(s *server) bool { return s.Protocol == settings.POP3 })
	if pop3 >= 0 && slices.ContainsFunc(r.servers[pop3:], func(s *server) bool { return s.Protocol == settings.IMAP }) {
		r.remark(r.servers[pop3].line, kindOrder, "POP3 comes before IMAP; answers list IMAP first, because FairEmail would not find it otherwise")
	}
	slices.SortStableFunc(r.servers, func(a, b *server) int { return cmp.Compare(a.Protocol, b.Protocol) })
	var logins []settings.Login
	var auths [][]settings.Auth
	for _, s := range r.servers {
		if s.Login != "" {
			logins = append(logins, s.Login)
		}
		if !s.isOpen() {
			auths = append(auths, s.Auth)
		}
	}
	if len(r.urlLogins) > 0 { // in domains.toml, these cannot have a login of their own
		logins, auths = r.urlLogins, r.urlAuths
	}
	r.s.Login = commonest(logins, settings.EmailAddress, func(a, b settings.Login) bool { return a == b })
	r.s.Auth = commonest(auths, []settings.Auth{settings.Password}, slices.Equal)
	plain, first := 0, 0
	for _, s := range r.servers {
		if s.Login == "" {
			s.Login = r.s.Login
			if !s.isOpen() {
				r.remark(s.line, kindLogin, "this %s server has no <username>, for which Thunderbird uses the word \"undefined\"; answers use %s", s.Protocol, s.Login)
			}
		}
		if s.Security == settings.Plaintext {
			if plain++; plain == 1 {
				first = s.line
			}
		}
		r.s.Servers = append(r.s.Servers, s.Server)
	}
	if plain > 0 {
		r.remark(first, kindPlaintext, "servers without encryption, whose passwords can be read in transit: %d; converted as published, with allow_plaintext for all networks: limit it to your own", plain)
	}
}

// commonest returns the most frequent value. Of several it is the usual one, which domains.toml can leave out, or else the first.
func commonest[T any](values []T, usual T, equal func(a, b T) bool) T {
	times := func(v T) (n int) {
		for _, w := range values {
			if equal(v, w) {
				n++
			}
		}
		return n
	}
	best, most := usual, times(usual)
	for _, v := range values {
		if n := times(v); n > most {
			best, most = v, n
		}
	}
	return best
}

// checkComplete adds remarks on what will make clients reject the answer.
func (r *reader) checkComplete(ep *node) {
	if len(r.s.Incoming()) == 0 {
		r.remark(ep.line, kindServer, "no IMAP or POP3 server can be converted: clients will reject the answer")
	}
	if len(r.s.Outgoing()) == 0 {
		r.remark(ep.line, kindServer, "no submission server can be converted: Thunderbird and others will reject the answer")
	}
}

// documentation reads the help pages. Settings can have only one.
func (r *reader) documentation(ep *node) {
	for _, n := range ep.all("documentation") {
		url := r.trim(n.line, n.attr("url"))
		if r.s.Docs != "" {
			r.remark(n.line, kindDocs, "the help page %s is left out: docs can have only one", oneLine(url))
			n.forget()
			continue
		}
		page, fragment, _ := strings.Cut(url, "#")
		docs, err := publicURL(page, "https", "http")
		if url == "" {
			err = fmt.Errorf("its url is missing")
		}
		if err != nil {
			r.remark(n.line, kindDocs, "the help page is left out: %v", err)
			n.forget()
			continue
		}
		if fragment != "" {
			r.remark(n.line, kindDocs, "the fragment of the help page's URL is left out (%s)", oneLine(fragment))
		}
		r.s.Docs = docs
		var languages []string
		for _, d := range n.all("descr") {
			languages = append(languages, cmp.Or(oneLine(d.attr("lang")), "no language"))
			d.forget()
		}
		if languages != nil {
			r.remark(n.line, kindDescr, "the titles of the help page (%s) are ignored: answers have \"Mail settings for\" the domain, in English", oneLine(strings.Join(languages, ", ")))
		}
	}
}

// webmail reads the address of the login page.
func (r *reader) webmail(root *node) {
	w := root.child("webMail")
	if w == nil {
		return
	}
	page, info := w.child("loginPage"), w.child("loginPageInfo")
	if info != nil {
		if page == nil {
			page = info
		}
		r.remark(info.line, kindWebmail, "the login form of the web mail is ignored: no client reads it")
		info.attr("url")
	}
	if page == nil {
		return
	}
	url, err := publicURL(r.trim(page.line, page.attr("url")), "https", "http")
	if err != nil {
		r.remark(page.line, kindWebmail, "the web mail is left out: %v", err)
	}
	r.s.Webmail = url
	if info != nil {
		info.forget()
	}
}
