package help

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"

	"mailhint/mobileconfig"
	"mailhint/settings"
)

// Program is what to tell about one mail program.
type Program struct {
	// ID is a stable name, such as "outlook-new".
	ID string `json:"id"`
	// Name is its name in the language of the page.
	Name string `json:"name"`
	// Devices are what it runs on: windows, mac, linux, ios, android.
	Devices []string `json:"devices"`
	// Profile is true if the steps begin with an Apple profile.
	Profile bool `json:"profile"`
	// About is what to know before the first step, a sentence or two each.
	About []string `json:"about,omitempty"`
	// Steps are numbered from 1, and a sentence or a few each.
	Steps []string `json:"steps"`
	// Services are the best incoming and the best outgoing server, in the words of the program.
	Services []Service `json:"services"`
}

// IDs returns the names of all programs, in the order of the page.
func IDs() []string {
	var ids []string
	for _, p := range allPrograms() {
		ids = append(ids, p.ID)
	}
	return ids
}

//go:embed programs.toml
var programsFile string

// program is an entry of programs.toml, where the fields are explained.
type program struct {
	ID      string
	Name    string
	Devices []string
	Profile bool
	About   []sentence
	Steps   []sentence
	Labels  labels
	Choices choices
}

// labels are the keys of what a program calls its fields.
type labels struct{ Server, Port, Encryption, User string }

// choices are the keys of what to choose for the encryption.
type choices struct{ Implicit, STARTTLS, None string }

func (c choices) of(s settings.Security) string {
	switch s {
	case settings.ImplicitTLS:
		return c.Implicit
	case settings.STARTTLS:
		return c.STARTTLS
	}
	return c.None
}

// sentence is the key of a text, with the conditions under which it is said.
type sentence struct {
	key  string
	when []condition
}

type condition struct {
	name string
	not  bool
}

// UnmarshalText reads a form such as "user !known: step.other_user_unknown".
func (s *sentence) UnmarshalText(text []byte) error {
	conditions, key, ok := strings.Cut(string(text), ": ")
	if !ok {
		conditions, key = "", string(text)
	}
	s.key = key
	for _, name := range strings.Fields(conditions) {
		name, not := strings.CutPrefix(name, "!")
		if !slices.Contains(conditionNames, name) {
			return fmt.Errorf("%q: %q is not a condition; write one of %s", text, name, strings.Join(conditionNames, ", "))
		}
		s.when = append(s.when, condition{name, not})
	}
	return nil
}

var conditionNames = []string{"imap", "pop3", "starttls", "oauth2", "password", "user", "known", "profile", "unsigned"}

// allPrograms returns what programs.toml says. A mistake in it is one in the program, which any test of this package shows.
var allPrograms = sync.OnceValue(func() []program {
	var file struct{ Program []program }
	meta, err := toml.Decode(programsFile, &file)
	if err == nil && len(meta.Undecoded()) > 0 {
		err = fmt.Errorf("unknown keys %v", meta.Undecoded())
	}
	if err != nil {
		panic(fmt.Errorf("programs.toml: %w", err))
	}
	for i := range file.Program {
		file.Program[i].complete()
	}
	return file.Program
})

// complete fills in the words that most programs use.
func (p *program) complete() {
	for _, word := range []struct {
		own     *string
		general string
	}{
		{&p.Labels.Server, generalLabels.Server}, {&p.Labels.Port, generalLabels.Port},
		{&p.Labels.Encryption, generalLabels.Encryption}, {&p.Labels.User, generalLabels.User},
		{&p.Choices.Implicit, generalChoices.Implicit}, {&p.Choices.STARTTLS, generalChoices.STARTTLS},
		{&p.Choices.None, generalChoices.None},
	} {
		if *word.own == "" {
			*word.own = word.general
		}
	}
}

// programs are all programs with their steps.
func (w words) programs(unsigned bool) []Program {
	best := w.best()
	facts := w.facts(best, unsigned)
	var all []Program
	for _, p := range allPrograms() {
		filled := Program{ID: p.ID, Name: w.Text(p.Name), Devices: p.Devices, Profile: p.Profile && facts["profile"]}
		values := w.values(best, p)
		for _, s := range p.About {
			filled.About = w.say(filled.About, s, facts, values)
		}
		for _, s := range p.Steps {
			filled.Steps = w.say(filled.Steps, s, facts, values)
		}
		for _, s := range best {
			filled.Services = append(filled.Services, w.service(s, p.Labels, p.Choices))
		}
		all = append(all, filled)
	}
	return all
}

// say appends a sentence if its conditions hold.
func (w words) say(lines []string, s sentence, facts map[string]bool, values []any) []string {
	for _, c := range s.when {
		if facts[c.name] == c.not {
			return lines
		}
	}
	return append(lines, w.Text(s.key, values...))
}

// facts says which conditions hold, given the best servers.
func (w words) facts(best []settings.Server, unsigned bool) map[string]bool {
	facts := map[string]bool{
		"oauth2":   w.opensPage(),
		"password": w.needsPassword(),
		"known":    !w.address.IsZero() && w.oneUser(best),
		"profile":  mobileconfig.Check(w.found.Settings) == nil,
		"unsigned": unsigned,
	}
	for _, s := range best {
		switch s.Protocol {
		case settings.IMAP:
			facts["imap"] = true
		case settings.POP3:
			facts["pop3"] = true
		}
		if s.Protocol != settings.Submission && s.Security == settings.STARTTLS {
			facts["starttls"] = true
		}
		if w.otherUser(s) {
			facts["user"] = true
		}
	}
	return facts
}

// oneUser reports whether all servers want the same user name.
func (w words) oneUser(servers []settings.Server) bool {
	logins := map[settings.Login]bool{}
	for _, s := range servers {
		if s.Auth[0] != settings.NoAuth {
			logins[w.login(s)] = true
		}
	}
	return len(logins) == 1
}

// values fill the placeholders of steps.
func (w words) values(best []settings.Server, p program) []any {
	var values []any
	if len(best) > 0 {
		values = append(values, "security", w.Text(p.Choices.of(best[0].Security)))
	}
	for _, s := range best {
		if w.otherUser(s) {
			return append(values, "user", w.userName("", s).Value)
		}
	}
	return values
}

// best are the first server for incoming and the first for outgoing mail, for which the steps are.
func (w words) best() []settings.Server {
	incoming, outgoing := w.found.Incoming(), w.found.Outgoing()
	return slices.Concat(incoming[:min(len(incoming), 1)], outgoing[:min(len(outgoing), 1)])
}

// opensPage reports whether one of the best servers accepts nothing but a token from the provider's page. Programs get such tokens only from
// the providers that they know.
func (w words) opensPage() bool {
	return slices.ContainsFunc(w.best(), func(s settings.Server) bool {
		return !slices.ContainsFunc(s.Auth, func(a settings.Auth) bool { return a != settings.OAuth2Token })
	})
}

// needsPassword reports whether people enter their password in their program. They do not if all that they sign in to is the provider's page.
func (w words) needsPassword() bool {
	return !w.opensPage() || slices.ContainsFunc(w.best(), func(s settings.Server) bool {
		return slices.ContainsFunc(s.Auth, func(a settings.Auth) bool { return a != settings.OAuth2Token && a != settings.NoAuth })
	})
}
