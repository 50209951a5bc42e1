package ispdb

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"mailhint/autoconfig"
	"mailhint/settings"
)

// server is a server and its line. If the file has no login for it, its Login is empty until finishServers.
type server struct {
	settings.Server
	line int
}

// isOpen reports whether the server needs no login.
func (s *server) isOpen() bool { return slices.Equal(s.Auth, []settings.Auth{settings.NoAuth}) }

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
