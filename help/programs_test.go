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
		{"only POP3 in Outlook", one(settings.POP3, settings.ImplicitTLS, settings.EmailAddress, settings.Password), "outlook-new", ann, []string{"step.choose_pop3"}, []string{"step.new_address"}},
		{"only POP3, which Thunderbird for Android does not look for", one(settings.POP3, settings.ImplicitTLS, settings.EmailAddress, settings.Password), "thunderbird-android", ann, []string{"step.choose_pop3"}, []string{"step.compare"}},
		{"only POP3, which FairEmail does not look for", one(settings.POP3, settings.ImplicitTLS, settings.EmailAddress, settings.Password), "fairemail", ann, []string{"step.fairemail_manual"}, []string{"step.fairemail_check"}},
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

// TestNothingIsPromised: with OAuth2, programs open the pages of the providers that they know and of no others.
func TestNothingIsPromised(t *testing.T) {
	finds := texts.For(texts.English).Text("about.finds")
	s := one(settings.IMAP, settings.ImplicitTLS, settings.EmailAddress, settings.OAuth2Token)
	for _, p := range For(Request{Found: found(s, "example.com"), Address: ann}).Programs {
		if slices.Contains(p.About, finds) {
			t.Errorf("%s: %q", p.ID, p.About)
		}
	}
}

// TestPasswordWithOAuth2: where the provider's page asks for the password, nobody is told to type it into a program, and every program has the step
// that says so. A letter does not say so either.
func TestPasswordWithOAuth2(t *testing.T) {
	english := texts.For(texts.English)
	for _, protocol := range []settings.Protocol{settings.IMAP, settings.POP3} {
		s := one(protocol, settings.ImplicitTLS, settings.EmailAddress, settings.OAuth2Token)
		page := For(Request{Found: found(s, "example.com"), Address: ann})
		for _, p := range page.Programs {
			steps := strings.Join(p.Steps, "\n")
			if strings.Contains(steps, "password") || !strings.Contains(steps, english.Text("step.sign_in")) {
				t.Errorf("%s:\n%s", p.ID, steps)
			}
		}
		if slices.Contains(page.Trouble.Try, english.Text("trouble.password")) {
			t.Errorf("the password is to be entered again: %q", page.Trouble.Try)
		}
		if strings.Contains(page.Letter("https://example.com/"), english.Text("letter.easy")) {
			t.Error("a letter says to enter the password in programs")
		}
	}
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

// TestUnsigned: people are told what their device says about a profile without a signature, and only then.
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
