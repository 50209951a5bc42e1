package ispdb

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"mailhint/autoconfig"
	"mailhint/settings"
	"mailhint/untrusted"
)

// Lengths that programs show (draft-ietf-mailmaint-autoconfig-06 section 4).
const (
	maxName      = 60
	maxShortName = 20
)

// Read reads a provider file. The remarks say, in the order of the lines, what will be answered differently from what the file
// says. The error, an *Error, is for a file that cannot be carried at all.
func Read(text []byte) (*Provider, []Remark, error) {
	root, comments, err := parse(text)
	if err != nil {
		return nil, nil, err
	}
	r := &reader{}
	p, err := r.provider(root)
	if err != nil {
		return nil, r.sorted(), err
	}
	p.Comments = comments
	r.unread(root)
	return p, r.sorted(), nil
}

// reader gathers what a file says.
type reader struct {
	s       settings.Settings
	servers []*server
	remarks []Remark
	// the logins and methods of services named by URL
	urlLogins []settings.Login
	urlAuths  [][]settings.Auth
}

// server is a server and where it stands. Its Login is empty until finishServers if the file has none.
type server struct {
	settings.Server
	line int
}

// isOpen reports whether people use the server without a login.
func (s *server) isOpen() bool { return slices.Equal(s.Auth, []settings.Auth{settings.NoAuth}) }

func (r *reader) remark(line int, kind kind, format string, args ...any) {
	r.remarks = append(r.remarks, Remark{line, untrusted.Clip(fmt.Sprintf(format, args...), maxRemark), kind})
}

func (r *reader) sorted() []Remark {
	slices.SortStableFunc(r.remarks, func(a, b Remark) int { return cmp.Compare(a.Line, b.Line) })
	return r.remarks
}

// provider reads the root element.
func (r *reader) provider(root *node) (*Provider, error) {
	if root.name != "clientConfig" {
		return nil, fault(root.line, "the root element is <%s>, not <clientConfig>: it is no provider file", oneLine(root.name))
	}
	root.attr("version")
	ep := root.child("emailProvider")
	if ep == nil {
		return nil, fault(root.line, "it has no <emailProvider>")
	}
	domains := r.domains(ep)
	if len(domains) == 0 {
		return nil, fault(ep.line, "no <domain> is left, so there is nobody to answer for")
	}
	r.s.Name = r.displayName(ep, "displayName", maxName)
	r.s.ShortName = r.displayName(ep, "displayShortName", maxShortName)
	r.readServers(ep, "incomingServer", autoconfig.IncomingTypes)
	r.readServers(ep, "outgoingServer", autoconfig.OutgoingTypes)
	r.readServers(root, "setupServer", autoconfig.SetupTypes)
	r.services(root)
	if r.s.JMAP == "" && !slices.ContainsFunc(r.servers, func(s *server) bool { return s.Protocol != settings.ManageSieve }) {
		return nil, fault(ep.line, "no server is left that could be answered")
	}
	r.finishServers()
	r.checkComplete(ep)
	r.documentation(ep)
	r.webmail(root)
	r.oauth2(root, ep)
	return &Provider{Domains: domains, Settings: &r.s}, nil
}

// domains reads the domains, the main one first: the one that is the provider's id, or else the first in the file.
func (r *reader) domains(ep *node) []settings.Domain {
	id := r.trim(ep.line, ep.attr("id"))
	var domains []settings.Domain
	seen := make(map[settings.Domain]bool)
	for _, n := range ep.all("domain") {
		text := r.text(n)
		d, err := settings.ParseDomain(text)
		switch suffix, icann := publicsuffix.PublicSuffix(string(d)); {
		case err != nil:
			r.remark(n.line, kindDomain, "the domain %q is left out: %v", oneLine(text), err)
			continue
		case icann && suffix == string(d):
			r.remark(n.line, kindDomain, "the domain %q is left out: it is a public suffix, under which others register their domains", d)
			continue
		case seen[d]:
			r.remark(n.line, kindDomain, "the domain %s stands there twice", d)
			continue
		}
		if purpose := n.attr("purpose"); purpose != "" {
			r.remark(n.line, kindDomain, "%s is answered for like any domain; that it is there for purpose %q is not told", d, oneLine(purpose))
		}
		seen[d] = true
		domains = append(domains, d)
	}
	if i := slices.Index(domains, settings.Domain(strings.ToLower(id))); i >= 0 {
		main := domains[i]
		domains = slices.Insert(slices.Delete(domains, i, i+1), 0, main)
	} else if len(domains) > 0 && id != "" {
		r.remark(ep.line, kindID, "the id %q is none of the domains and is not told: answers carry the domain asked for", oneLine(id))
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

// readServers reads the servers of one element name.
func (r *reader) readServers(parent *node, element string, types autoconfig.Words[settings.Protocol]) {
	for _, n := range parent.all(element) {
		kind := r.trim(n.line, n.attr("type"))
		if element == "incomingServer" && kind == "jmap" {
			r.s.JMAP = r.service(n, r.s.JMAP)
			continue
		}
		protocol, ok := lookUp(r, n.line, types, kind)
		if !ok {
			r.remark(n.line, kindServer, "<%s type=%q> is left out: answers have no such type", element, oneLine(kind))
			n.forget()
			continue
		}
		s, err := r.server(n, protocol)
		if err != nil {
			r.remark(n.line, kindServer, "this %s server is left out: %v", protocol, err)
			n.forget()
			continue
		}
		r.servers = append(r.servers, s)
	}
}

// server reads a server with a host and a port, as strictly as domains.toml will be.
func (r *reader) server(n *node, protocol settings.Protocol) (*server, error) {
	s := &server{settings.Server{Protocol: protocol}, n.line}
	host, port, socket := n.child("hostname"), n.child("port"), n.child("socketType")
	if host == nil || port == nil || socket == nil {
		return nil, fmt.Errorf("it needs <hostname>, <port> and <socketType>, or Thunderbird drops it too")
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
		return nil, fmt.Errorf("%q is no port", oneLine(string(port.text)))
	}
	s.Port = uint16(number)
	security, ok := lookUp(r, socket.line, autoconfig.SocketTypes, r.text(socket))
	if !ok {
		return nil, fmt.Errorf("the <socketType> %q is none of SSL, STARTTLS and plain, and programs drop or guess", oneLine(string(socket.text)))
	}
	s.Security = security
	if s.Auth = r.auths(n, autoconfig.Methods); s.Auth == nil {
		return nil, fmt.Errorf("it has no login method that programs know")
	}
	if slices.Contains(s.Auth, settings.NoAuth) && protocol != settings.Submission {
		return nil, fmt.Errorf("nobody reads mail without a login, and programs drop it too")
	}
	if s.Login, err = r.login(n); err != nil {
		return nil, err
	}
	if s.isOpen() {
		s.Login = "" // nobody asks for it
	}
	if _, err := settings.ParseServer(protocol, s.URL()); err != nil {
		return nil, err
	}
	for _, known := range r.servers {
		if known.Protocol == protocol && known.Host == s.Host && known.Port == s.Port {
			return nil, fmt.Errorf("port %d of %s stands in line %d already with %s, and can be only one entry", s.Port, s.Host, known.line, known.Security)
		}
	}
	if s.UnusualPort() {
		why := "is known to speak something else"
		if s.Port == 25 {
			why = "is for mail between servers, and many networks block it"
		}
		r.remark(n.line, kindPort, "%s on port %d with %s is carried as published, though that port %s", protocol, s.Port, s.Security, why)
	}
	return s, nil
}

// auths reads the login methods, best first.
func (r *reader) auths(n *node, words autoconfig.Words[settings.Auth]) []settings.Auth {
	var auths []settings.Auth
	for _, a := range n.all("authentication") {
		text := r.text(a)
		system := a.attr("system")
		method, ok := lookUp(r, a.line, words, text)
		switch {
		case !ok && system == "sasl":
			r.remark(a.line, kindAuth, "the SASL mechanism %q is not told: answers name the kind of method only", oneLine(text))
		case !ok:
			r.remark(a.line, kindAuth, "the login method %q is left out: no program knows it", oneLine(text))
		case slices.Contains(auths, method):
			r.remark(a.line, kindAuth, "the login method %q stands there twice", oneLine(text))
		default:
			auths = append(auths, method)
		}
	}
	return auths
}

// login reads the login name; "" if there is none.
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
	return login.For(settings.EmailDomain, settings.EmailDomain), nil // one spelling for the whole address
}

// finishServers puts the servers into the order of answers, finds the login that most of them share, and gives it to those that
// have none.
func (r *reader) finishServers() {
	pop3 := slices.IndexFunc(r.servers, func(s *server) bool { return s.Protocol == settings.POP3 })
	if pop3 >= 0 && slices.ContainsFunc(r.servers[pop3:], func(s *server) bool { return s.Protocol == settings.IMAP }) {
		r.remark(r.servers[pop3].line, kindOrder, "POP3 stands before IMAP here; answers list IMAP first, because FairEmail finds no IMAP otherwise")
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
	if len(r.urlLogins) > 0 { // these have no login of their own in domains.toml
		logins, auths = r.urlLogins, r.urlAuths
	}
	r.s.Login = commonest(logins, settings.EmailAddress, func(a, b settings.Login) bool { return a == b })
	r.s.Auth = commonest(auths, []settings.Auth{settings.Password}, slices.Equal)
	plain, first := 0, 0
	for _, s := range r.servers {
		if s.Login == "" {
			s.Login = r.s.Login
			if !s.isOpen() {
				r.remark(s.line, kindLogin, "this %s server has no <username>, for which Thunderbird puts the word \"undefined\"; answers say %s", s.Protocol, s.Login)
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
		r.remark(first, kindPlaintext, "servers without encryption, where passwords can be read on the way: %d, carried as published with allow_plaintext for all the world; better limit it to networks of yours", plain)
	}
}

// commonest returns the value that stands there most often: of several the usual one, which domains.toml need not say, or else the
// first.
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

// checkComplete remarks on what makes programs reject the answer.
func (r *reader) checkComplete(ep *node) {
	if len(r.s.Incoming()) == 0 {
		r.remark(ep.line, kindServer, "no IMAP or POP3 server is left: programs will reject the answer")
	}
	if len(r.s.Outgoing()) == 0 {
		r.remark(ep.line, kindServer, "no submission server is left: Thunderbird and others will reject the answer")
	}
}

// documentation reads the help pages, of which there is room for one.
func (r *reader) documentation(ep *node) {
	for _, n := range ep.all("documentation") {
		url := r.trim(n.line, n.attr("url"))
		if r.s.Docs != "" {
			r.remark(n.line, kindDocs, "the help page %s is left out: docs holds one", oneLine(url))
			n.forget()
			continue
		}
		page, fragment, _ := strings.Cut(url, "#")
		docs, err := publicURL(page, "https", "http")
		if url == "" {
			err = fmt.Errorf("it has no url")
		}
		if err != nil {
			r.remark(n.line, kindDocs, "the help page is left out: %v", err)
			n.forget()
			continue
		}
		if fragment != "" {
			r.remark(n.line, kindDocs, "the help page is told without what follows the # (%s)", oneLine(fragment))
		}
		r.s.Docs = docs
		var languages []string
		for _, d := range n.all("descr") {
			languages = append(languages, cmp.Or(oneLine(d.attr("lang")), "no language"))
			d.forget()
		}
		if languages != nil {
			r.remark(n.line, kindDescr, "the titles of the help page (%s) are not told: answers call it \"Mail settings for\" the domain, in English", oneLine(strings.Join(languages, ", ")))
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
		r.remark(info.line, kindWebmail, "how programs could log in to the web mail by themselves is not told: no program reads it")
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
