package help

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mailhint/settings"
)

// Service is one way to reach one kind of server.
type Service struct {
	// Title says what the server is for.
	Title string `json:"title"`
	// Note says when to use it, in a sentence or two; empty if there is no question.
	Note string `json:"note,omitempty"`
	// Rows are the settings to type, in the order in which most programs ask for them.
	Rows []Row `json:"rows"`
}

// Row is one setting.
type Row struct {
	Label string `json:"label"`
	Value string `json:"value"`
	// Literal is true if Value is to be entered as it is, and false if it describes what to enter.
	Literal bool `json:"literal"`
	// Choose is true for a value that is chosen from a list, so that nobody needs to copy it.
	Choose bool `json:"choose,omitempty"`
}

// The keys of the words that mail programs use for people.
var (
	titles = map[settings.Protocol]string{
		settings.IMAP:        "service.imap",
		settings.POP3:        "service.pop3",
		settings.Submission:  "service.smtp",
		settings.ManageSieve: "service.sieve",
	}
	signIns = map[settings.Auth]string{
		settings.Password:          "sign_in.password",
		settings.PasswordEncrypted: "sign_in.encrypted",
		settings.OAuth2Token:       "sign_in.oauth2",
		settings.GSSAPI:            "sign_in.gssapi",
		settings.NTLM:              "sign_in.ntlm",
		settings.ClientCert:        "sign_in.certificate",
		settings.NoAuth:            "sign_in.nothing",
	}
	generalLabels  = labels{Server: "label.server", Port: "label.port", Encryption: "label.encryption", User: "label.user"}
	generalChoices = choices{Implicit: "encryption.ssl_tls", STARTTLS: "encryption.starttls", None: "encryption.none"}
)

// services are the tables of all servers, in words that fit most programs.
func (w words) services() []Service {
	var services []Service
	for i, s := range w.found.Servers {
		service := w.service(s, generalLabels, generalChoices)
		service.Note = w.note(w.found.Servers[:i], s)
		services = append(services, service)
	}
	return services
}

// service is the table of one server, in the words of a program.
func (w words) service(s settings.Server, l labels, c choices) Service {
	t := Service{Title: w.Text(titles[s.Protocol])}
	host := w.expand(s.Host)
	t.add(w.Text(l.Server), readable(host))
	if readable(host) != host { // not every program accepts the letters of an international name
		t.add(w.Text("label.server_ascii"), host)
	}
	t.add(w.Text(l.Port), strconv.Itoa(int(s.Port)))
	t.Rows = append(t.Rows, Row{Label: w.Text(l.Encryption), Value: w.Text(c.of(s.Security)), Literal: true, Choose: true})
	if s.Auth[0] != settings.NoAuth {
		t.Rows = append(t.Rows, w.userName(w.Text(l.User), s))
	}
	t.Rows = append(t.Rows, Row{Label: w.Text("label.sign_in"), Value: w.Text(signIn(s.Auth))})
	return t
}

// signIn is the key of how to sign in. Few programs open the page of every provider, so that a password is mentioned first where it will do.
func signIn(methods []settings.Auth) string {
	if methods[0] == settings.OAuth2Token && slices.ContainsFunc(methods, func(a settings.Auth) bool {
		return a == settings.Password || a == settings.PasswordEncrypted
	}) {
		return "sign_in.either"
	}
	return signIns[methods[0]]
}

func (s *Service) add(label, value string) {
	s.Rows = append(s.Rows, Row{Label: label, Value: value, Literal: true})
}

// note says when to use a server, given those that are listed before it.
func (w words) note(before []settings.Server, s settings.Server) string {
	var notes []string
	switch {
	case slices.ContainsFunc(before, func(b settings.Server) bool { return b.Protocol == s.Protocol }):
		notes = append(notes, w.Text("note.fallback"))
	case s.Protocol == settings.POP3 && len(before) > 0:
		notes = append(notes, w.Text("note.pop3"))
	case s.Protocol == settings.ManageSieve:
		notes = append(notes, w.Text("note.sieve"))
	}
	if s.Security == settings.Plaintext {
		notes = append(notes, w.Text("note.plaintext"))
	}
	if w.otherUser(s) {
		notes = append(notes, w.Text("note.other_user"))
		if hint := s.Login.Hint(); hint != "" { // in the words and the language of the provider
			notes = append(notes, w.Text("note.user_hint", "hint", hint))
		}
	}
	return w.Join(notes...)
}

// why explains the words and the order of the servers.
func (w words) why() []string {
	why := []string{w.Text("why.port")}
	if slices.ContainsFunc(w.found.Servers, func(s settings.Server) bool { return s.Security != settings.Plaintext }) {
		why = append(why, w.Text("why.encryption"))
	}
	for i, s := range w.found.Servers {
		if i == 0 {
			continue
		}
		before := w.found.Servers[i-1]
		if before.Protocol == s.Protocol && before.Security == settings.ImplicitTLS && s.Security == settings.STARTTLS {
			why = append(why, w.Text("why.encrypted_first", "first", port(before), "second", port(s)))
		}
		if before.Protocol == settings.IMAP && s.Protocol == settings.POP3 {
			why = append(why, w.Text("why.imap_first"))
		}
	}
	return why
}

// port returns the port as a text, because languages group the digits of numbers.
func port(s settings.Server) string { return strconv.Itoa(int(s.Port)) }

func (w words) login(s settings.Server) settings.Login {
	return s.Login.For(w.found.Domain, w.found.Primary)
}

// otherUser reports whether a server wants a user name that is not the e-mail address.
func (w words) otherUser(s settings.Server) bool {
	return s.Auth[0] != settings.NoAuth && w.login(s) != settings.EmailAddress
}

// userName is the user name of a person, or a description of it if the address is not known.
func (w words) userName(label string, s settings.Server) Row {
	l := w.login(s)
	row := Row{Label: label}
	switch {
	case !w.address.IsZero():
		row.Value, row.Literal = readableLogin(w.found.LoginName(l, w.address)), true
	case l.Hint() != "":
		row.Value = l.Hint()
	case l == settings.EmailAddress:
		row.Value = w.Text("user.address")
	case l == settings.EmailLocalPart:
		row.Value = w.Text("user.local")
	default:
		row.Value = strings.NewReplacer(settings.EmailAddress, "("+w.Text("user.address")+")", settings.EmailLocalPart, "("+w.Text("user.local")+")").Replace(string(l.Form()))
		row.Literal = row.Value == string(l)
	}
	return row
}

// aLabels finds names with the labels that DNS has for international ones.
var aLabels = regexp.MustCompile(`(?i)[a-z0-9.-]*\bxn--[a-z0-9.-]*[a-z0-9]`)

// readable replaces the names in a text by what people write: bücher.example instead of xn--bcher-kva.example.
func readable(text string) string {
	if !strings.Contains(text, "--") { // as nearly all
		return text
	}
	return aLabels.ReplaceAllStringFunc(text, func(name string) string {
		d, err := settings.ParseDomain(name)
		if err != nil {
			return name
		}
		return d.Unicode()
	})
}

// readableLogin is readable for a login name, in which only what follows the last @ is a name of DNS.
func readableLogin(login string) string {
	at := strings.LastIndexByte(login, '@') + 1
	return login[:at] + readable(login[at:])
}
