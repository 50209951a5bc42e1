package help

import (
	"slices"
	"strings"
	"testing"

	"mailhint/settings"
	"mailhint/texts"
)

// one returns settings with one incoming and one outgoing server.
func one(p settings.Protocol, s settings.Security, l settings.Login, a settings.Auth) *settings.Settings {
	return &settings.Settings{Servers: []settings.Server{
		server(p, "mail.example.com", 1000, s, l, a),
		server(settings.Submission, "mail.example.com", 2000, settings.ImplicitTLS, l, a),
	}}
}

// TestConditions: which steps there are depends on the settings.
func TestConditions(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings *settings.Settings
		program  string
		address  settings.Address
		with     []string // keys of steps
		without  []string
	}{
		{"usual", usual, "other", ann, []string{"step.choose_imap"}, []string{"step.choose_pop3", "step.sign_in", "step.other_user_unknown"}},
		{"only POP3", one(settings.POP3, settings.ImplicitTLS, settings.EmailAddress, settings.Password), "other", ann, []string{"step.choose_pop3"}, []string{"step.choose_imap"}},
		{"only POP3 in Outlook", one(settings.POP3, settings.ImplicitTLS, settings.EmailAddress, settings.Password), "outlook-new", ann, []string{"step.choose_pop3"}, []string{"step.new_provider"}},
		{"only POP3, which Thunderbird for Android does not look for", one(settings.POP3, settings.ImplicitTLS, settings.EmailAddress, settings.Password), "thunderbird-android", ann, []string{"step.choose_pop3"}, []string{"step.compare"}},
		{"only POP3, which FairEmail does not look for", one(settings.POP3, settings.ImplicitTLS, settings.EmailAddress, settings.Password), "fairemail", ann, []string{"step.fairemail_pop3"}, []string{"step.fairemail_check"}},
		{"OAuth2", one(settings.IMAP, settings.ImplicitTLS, settings.EmailAddress, settings.OAuth2Token), "thunderbird", ann, []string{"step.sign_in"}, nil},
		{"password", usual, "thunderbird", ann, nil, []string{"step.sign_in"}},
		{"user unknown", one(settings.IMAP, settings.ImplicitTLS, settings.EmailLocalPart, settings.Password), "kmail", settings.Address{}, []string{"step.other_user_unknown"}, nil},
		{"profile", usual, "ios", ann, []string{"step.profile_install"}, []string{"step.ios_next", "step.profile_unsigned"}},
		{"no profile for OAuth2", one(settings.IMAP, settings.ImplicitTLS, settings.EmailAddress, settings.OAuth2Token), "ios", ann, []string{"step.ios_open", "step.sign_in"}, []string{"step.profile_install"}},
		{"no profile for Mail on a Mac", one(settings.IMAP, settings.ImplicitTLS, settings.EmailAddress, settings.OAuth2Token), "apple-mail", ann, []string{"step.apple_open"}, []string{"step.profile_mac_open"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, l := range texts.Languages() {
				page := For(Request{Found: found(test.settings, "example.com"), Address: test.address, Language: l})
				p, ok := page.Program(test.program)
				if !ok {
					t.Fatalf("no program %s", test.program)
				}
				for _, key := range test.with {
					if !slices.Contains(p.Steps, texts.For(l).Text(key)) {
						t.Errorf("%s: the steps lack %s:\n%s", l, key, strings.Join(p.Steps, "\n"))
					}
				}
				for _, key := range test.without {
					if slices.Contains(p.Steps, texts.For(l).Text(key)) {
						t.Errorf("%s: the steps have %s:\n%s", l, key, strings.Join(p.Steps, "\n"))
					}
				}
			}
		})
	}
}

// ways are the ways to sign in that change what people read.
var ways = map[string][2][]settings.Auth{ // for incoming and for outgoing mail
	"page":          {{settings.OAuth2Token}, {settings.OAuth2Token}},
	"page or":       {{settings.OAuth2Token, settings.Password}, {settings.OAuth2Token, settings.Password}},
	"password":      {{settings.Password}, {settings.Password}},
	"encrypted":     {{settings.PasswordEncrypted, settings.Password}, {settings.Password}},
	"page to send":  {{settings.Password}, {settings.OAuth2Token}},
	"page, no auth": {{settings.OAuth2Token}, {settings.NoAuth}},
}

// TestStepsCanBeFollowed reads the steps of every program with all kinds of settings: none contradicts another, or comes too late.
func TestStepsCanBeFollowed(t *testing.T) {
	for name, auths := range ways {
		for _, protocol := range []settings.Protocol{settings.IMAP, settings.POP3} {
			for _, security := range []settings.Security{settings.ImplicitTLS, settings.STARTTLS} {
				for _, login := range []settings.Login{settings.EmailAddress, settings.EmailLocalPart} {
					for i, address := range []settings.Address{ann, {}, ann} {
						s := one(protocol, security, login, settings.Password)
						s.Servers[0].Auth, s.Servers[1].Auth = auths[0], auths[1]
						if i == 2 { // for which no profile is possible
							s.Servers = s.Servers[:1]
						}
						c := combination{page: strings.HasPrefix(name, "page") && name != "page or" && (i < 2 || name != "page to send"), password: name != "page" && name != "page, no auth",
							protocol: protocol, security: security, other: login != settings.EmailAddress, known: !address.IsZero()}
						guide := For(Request{Found: found(s, "example.com"), Address: address, Unsigned: true})
						c.check(t, name, guide)
						for _, p := range guide.Programs {
							if fault := c.fault(p); fault != "" {
								t.Errorf("%s: %s, %v, %v, %s, address known: %v: %s\n%s\n%s", p.ID, name, protocol, security, login, c.known, fault,
									strings.Join(p.About, "\n"), strings.Join(p.Steps, "\n"))
							}
						}
					}
				}
			}
		}
	}
}

// combination is what the settings of a domain make people do.
type combination struct {
	page, password bool // to sign in on the provider's page; to enter the password in the program
	protocol       settings.Protocol
	security       settings.Security
	other, known   bool // the user name is not the address; it is known
}

// check reads what does not depend on the program.
func (c combination) check(t *testing.T, name string, page Page) {
	t.Helper()
	letter, all := page.Letter("https://example.com/"), page.Text("")
	for _, text := range []string{letter, all} {
		for _, key := range []string{"settings.intro", "password.mailbox", "letter.easy", "letter.password", "trouble.password"} {
			if strings.Contains(text, en(key)) && !c.password {
				t.Errorf("%s: %q is said, but no program needs the password:\n%s", name, en(key), text)
			}
		}
		for _, key := range []string{"settings.intro_sign_in", "password.oauth2", "password.oauth2_missing", "letter.easy_sign_in"} {
			if strings.Contains(text, en(key)) && c.password {
				t.Errorf("%s: %q is said, but programs need the password:\n%s", name, en(key), text)
			}
		}
	}
	if either := strings.Contains(all, en("sign_in.either")); either != (name == "page or") {
		t.Errorf("%s: the tables offer both ways to sign in: %v", name, either)
	}
	if strings.Count(letter, en("letter.easy"))+strings.Count(letter, en("letter.easy_sign_in")) != 1 {
		t.Errorf("%s: the letter does not say what to do in the mail program:\n%s", name, letter)
	}
}

// en is an English text.
func en(key string) string { return texts.For(texts.English).Text(key) }

// fault says what is wrong with the steps of a program; "" if nothing is.
func (c combination) fault(p Program) string {
	steps, about := strings.Join(p.Steps, "\n"), strings.Join(p.About, "\n")
	place := func(key string) int { return slices.Index(p.Steps, en(key)) }
	finish := max(place("step.done"), place("step.ios_save"), place("step.profile_password"))
	user := slices.IndexFunc(p.Steps, func(s string) bool {
		return strings.HasPrefix(s, "Change the user name") || s == en("step.other_user_unknown")
	})
	servers := slices.IndexFunc(p.Steps, func(s string) bool {
		return strings.Contains(s, "ettings") && strings.Contains(s, "this page") || s == en("step.compare") || s == en("step.gmail_enter")
	})
	sorted := slices.Sorted(slices.Values(p.Steps))
	switch {
	case finish != len(p.Steps)-1:
		return "the last step is not the one that finishes"
	case len(slices.Compact(sorted)) != len(p.Steps):
		return "a step is said twice"
	case !c.password && strings.Contains(steps+about, "password"):
		return "it asks for the password, which belongs on the provider's page"
	case c.password && !strings.Contains(steps, "password"):
		return "it does not say when to enter the password"
	case c.page != (place("step.sign_in") >= 0):
		return "the page for signing in is missing, or too much"
	case c.page && place("step.sign_in") < servers:
		return "the page for signing in opens before the servers are entered"
	case c.page && p.ID != "other" && !strings.Contains(about, en("about.sign_in")), !c.page && strings.Contains(about, en("about.sign_in")):
		return "whose pages the program opens is not said, or said without need"
	case c.page && strings.Contains(about, en("about.finds")):
		return "it promises to find settings with which it may not be able to sign in"
	case !c.password && (strings.Contains(about, "yourself") || p.Profile):
		return "it speaks of settings to enter, or of a profile, which cannot sign in on a page"
	case strings.Contains(about, en("about.by_hand")) && place("step.compare") >= 0:
		return "a program that does not look for settings has found some"
	case c.protocol == settings.POP3 && (place("step.choose_imap") >= 0 || place("step.new_provider") >= 0), c.protocol == settings.IMAP && place("step.choose_pop3") >= 0:
		return "it chooses a protocol that is not there"
	case p.Profile && (servers >= 0 || user >= 0):
		return "it enters settings that the profile has"
	case !p.Profile && c.password && servers < 0:
		return "it does not say where to enter the settings"
	case user >= 0 && !c.other, user < 0 && c.other && servers >= 0:
		return "it speaks of another user name without need, or keeps silent about it"
	case user >= 0 && user < servers:
		return "the user name comes before the settings"
	case c.other && user >= 0 && c.known != (place("step.other_user_unknown") < 0):
		return "it does not say the user name that is known"
	case c.security == settings.STARTTLS && c.password && (p.ID == "gmail" || p.ID == "samsung") && !strings.Contains(steps, "STARTTLS"):
		return "it does not say to choose STARTTLS"
	}
	return ""
}

// TestUserInSteps: the steps repeat the user name and the encryption that the table has.
func TestUserInSteps(t *testing.T) {
	s := one(settings.IMAP, settings.STARTTLS, settings.EmailLocalPart, settings.Password)
	for _, p := range For(Request{Found: found(s, "example.com"), Address: ann}).Programs {
		steps := strings.Join(p.Steps, "\n")
		if !p.Profile && !strings.Contains(steps, "Change the user name to ann.") {
			t.Errorf("%s does not say which user name to enter:\n%s", p.ID, steps)
		}
		if (p.ID == "gmail" || p.ID == "samsung") && !strings.Contains(steps, "choose STARTTLS as the encryption") {
			t.Errorf("%s does not say to choose STARTTLS:\n%s", p.ID, steps)
		}
	}
}

// TestUnsigned: the page says what a device shows for a profile without a signature, and only then.
func TestUnsigned(t *testing.T) {
	warning := texts.For(texts.English).Text("step.profile_unsigned")
	for _, unsigned := range []bool{true, false} {
		page := For(Request{Found: found(usual, "example.com"), Address: ann, Unsigned: unsigned})
		for _, id := range []string{"ios", "apple-mail"} {
			if p, _ := page.Program(id); slices.Contains(p.Steps, warning) != unsigned {
				t.Errorf("%s, unsigned %v: %q", id, unsigned, p.Steps)
			}
		}
	}
}

// TestPrograms: every program has a name, devices and steps in every language, with all placeholders filled in, whatever the settings are.
func TestPrograms(t *testing.T) {
	devices := []string{"windows", "mac", "linux", "ios", "android"}
	var all []*settings.Settings
	for _, p := range []settings.Protocol{settings.IMAP, settings.POP3} {
		for _, s := range []settings.Security{settings.ImplicitTLS, settings.STARTTLS, settings.Plaintext} {
			for _, l := range []settings.Login{settings.EmailAddress, settings.EmailLocalPart} {
				for _, a := range []settings.Auth{settings.Password, settings.OAuth2Token, settings.NoAuth} {
					all = append(all, one(p, s, l, a))
				}
			}
		}
	}
	for _, l := range texts.Languages() {
		for _, s := range all {
			for _, a := range []settings.Address{ann, {}} {
				page := For(Request{Found: found(s, "example.com"), Address: a, Language: l})
				for _, p := range page.Programs {
					for _, d := range p.Devices {
						if !slices.Contains(devices, d) {
							t.Errorf("%s runs on %q", p.ID, d)
						}
					}
					text := strings.Join(slices.Concat(p.About, p.Steps), "\n")
					if p.Name == "" || len(p.Devices) == 0 || len(p.Steps) < 3 || len(p.Services) != 2 || strings.ContainsAny(text, "{}") {
						t.Fatalf("%s: %+v", l, p)
					}
				}
				if strings.ContainsAny(page.Text("other")+page.Letter("https://example.com/"), "{}") {
					t.Fatalf("%s: a placeholder is left:\n%s", l, page.Text("other"))
				}
			}
		}
	}
}

// TestProgramTexts: programs.toml names texts that exist, and no program twice.
func TestProgramTexts(t *testing.T) {
	english := texts.For(texts.English)
	seen := map[string]bool{}
	for _, p := range allPrograms() {
		if seen[p.ID] {
			t.Errorf("%s appears twice", p.ID)
		}
		seen[p.ID] = true
		keys := []string{p.Name, p.Labels.Server, p.Labels.Port, p.Labels.Encryption, p.Labels.User, p.Choices.Implicit, p.Choices.STARTTLS, p.Choices.None}
		for _, s := range slices.Concat(p.About, p.Steps) {
			keys = append(keys, s.key)
		}
		for _, key := range keys {
			if !english.Has(key) {
				t.Errorf("%s: there is no text %q", p.ID, key)
			}
		}
	}
	if !slices.Equal(IDs(), []string{"thunderbird", "outlook-classic", "outlook-new", "outlook-mac", "apple-mail", "ios", "thunderbird-android", "gmail",
		"samsung", "fairemail", "evolution", "kmail", "emclient", "other"}) {
		t.Errorf("the programs are %q; their IDs are in links", IDs())
	}
}

func TestConditionIsChecked(t *testing.T) {
	var s sentence
	if err := s.UnmarshalText([]byte("impa: step.done")); err == nil || !strings.Contains(err.Error(), `"impa" is not a condition`) {
		t.Errorf("got %v", err)
	}
}

// TestCommandsAreSafe: a command that people paste has nothing in it but a host name and a number that were checked.
func TestCommandsAreSafe(t *testing.T) {
	for _, s := range []*settings.Settings{usual, mixed, lab} {
		for _, c := range For(Request{Found: found(s, "xn--bcher-kva.example")}).Trouble.Commands {
			if strings.ContainsFunc(c.Line, func(r rune) bool {
				return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.: ", r)
			}) {
				t.Errorf("%q", c.Line)
			}
		}
	}
}

// TestCommandsShow: what a command prints is quoted letter by letter in every language.
func TestCommandsShow(t *testing.T) {
	s := one(settings.IMAP, settings.STARTTLS, settings.EmailAddress, settings.Password)
	shows := map[string][]string{
		"Test-NetConnection": {"TcpTestSucceeded", "True"}, "openssl": {"Verify return code: 0 (ok)"}, "nc": {"succeeded!", "open"}, "telnet": {"* OK"},
	}
	for _, l := range texts.Languages() {
		commands := For(Request{Found: found(s, "example.com"), Language: l}).Trouble.Commands
		if len(commands) != len(shows) {
			t.Errorf("%s: %d commands", l, len(commands))
		}
		for _, c := range commands {
			name, _, _ := strings.Cut(c.Line, " ")
			for _, literal := range shows[name] {
				if !strings.Contains(c.Good, literal) {
					t.Errorf("%s: %s does not quote %q: %s", l, name, literal, c.Good)
				}
			}
		}
	}
}

// TestOtherPorts: a port that is blocked is so for every host, and each port is named as the way out once; those of
// POP3 are not named beside IMAP.
func TestOtherPorts(t *testing.T) {
	s := &settings.Settings{}
	for _, host := range []settings.Pattern{"a.example.com", "b.example.com"} {
		s.Servers = append(s.Servers, server(settings.IMAP, host, 993, settings.ImplicitTLS, settings.EmailAddress, settings.Password),
			server(settings.IMAP, host, 143, settings.STARTTLS, settings.EmailAddress, settings.Password))
	}
	s.Servers = append(s.Servers, server(settings.POP3, "a.example.com", 995, settings.ImplicitTLS, settings.EmailAddress, settings.Password),
		server(settings.POP3, "a.example.com", 110, settings.STARTTLS, settings.EmailAddress, settings.Password))
	for _, host := range []settings.Pattern{"a.example.com", "b.example.com"} {
		s.Servers = append(s.Servers, server(settings.Submission, host, 465, settings.ImplicitTLS, settings.EmailAddress, settings.Password))
	}
	var got []string
	for _, line := range For(Request{Found: found(s, "example.com")}).Trouble.Try {
		if strings.HasPrefix(line, "If port ") {
			got = append(got, line)
		}
	}
	if want := []string{"If port 993 is blocked, port 143 may work."}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
