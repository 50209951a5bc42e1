package help

import (
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"mailhint/edge"
	"mailhint/settings"
	"mailhint/templates"
	"mailhint/texts"
)

var answerPage = templates.HTML("answer.html.tmpl")

// answer shows the settings. It is prepared for a domain; of the person it has only the local part of the address, and the login name if it is
// looked up, which are filled in. So it makes no difference whether there is such a mailbox: the page is the same.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, f form, l texts.Language, ours bool, found settings.Found, a settings.Address) {
	if !slices.Contains(IDs(), f.program) {
		f.program = usualProgram[deviceOf(r.UserAgent())]
	}
	key := pageKey{kind: answer, settings: found.Settings, domain: found.Domain, primary: found.Primary, language: l, program: f.program,
		address: a.Plausible(), code: ours, checks: h.Seen != nil}
	fill := []string{a.Local, r.Host}
	if key.address {
		for _, name := range edge.FindNames(w, r, found, a).LookedUpNames(a) {
			fill = append(fill, readableLogin(name))
		}
	} else {
		fill = append(fill, found.Lookups...) // there are no such holes
	}
	if key.checks {
		fill = append(fill, h.sightings(l, found)...)
	}
	h.serve(w, r, http.StatusOK, edge.NoStore, key, found, fill...)
}

// The holes of an answer: the local part of the address, the Host, one for each look-up of a login name, and two for each server that was
// checked.
const (
	localHole = iota
	hostHole
	nameHoles
)

// checkHoles is the first hole for the servers that were checked.
func checkHoles(s *settings.Settings) int { return nameHoles + len(s.Lookups) }

// nameHolesOf are the holes for the look-ups.
func nameHolesOf(s *settings.Settings) []string {
	var holes []string
	for i := range s.Lookups {
		holes = append(holes, templates.Hole(nameHoles+i))
	}
	return holes
}

// sightings are a class and a sentence for each server.
func (h *Handler) sightings(l texts.Language, found settings.Found) []string {
	words := words{Printer: texts.For(l), found: found}
	fill := make([]string, 0, 2*len(found.Servers))
	for _, s := range found.Servers {
		c := Check{Host: words.expand(s.Host), Port: s.Port, State: "unknown"}
		if state, at := h.Seen(c.Host, s); !at.IsZero() {
			c.State, c.Ago = state, time.Since(at)
		}
		fill = append(fill, classes[c.State], words.sighting(c))
	}
	return fill
}

// classes are the shapes for the states of package monitor, besides the words.
var classes = map[string]string{
	"unknown": "unknown", "good": "good", "warning": "warn", "ipv6": "warn", "login": "bad", "certificate": "bad", "tls": "bad", "closed": "bad", "address": "bad",
}

// answerContent is what answer.html.tmpl is filled with.
type answerContent struct {
	Address  string
	Programs []choice
	Program  string
	About    []string
	Profile  string // the address of the profile; empty if there is none
	Steps    []string
	Nothing  string // why there are no settings
	First    []serviceTable
	Others   []serviceTable
	OAuth2   *serviceTable // for programs that do not know the sign-in page; nil if it is not needed
	// OAuth2Open is true if the program asks for these, so that they are shown at once.
	OAuth2Open bool
	Why        []string
	Password   []passage
	Links      []link
	Trouble    *trouble
	PageURL    string // to show for other devices; empty if they could not reach it
}

// asksForOAuth2 is the program that has fields for the details of OAuth2.
const asksForOAuth2 = "thunderbird"

type choice struct {
	ID, Name string
	Chosen   bool
}

// copied is a value with a button to copy it.
type copied struct {
	*texts.Printer
	Label, Value string
}

type serviceTable struct {
	Title, Note string
	Rows        []row
}

type row struct {
	copied
	Literal, Copy bool
}

type link struct {
	Title, Label string
	URL          template.URL // one of the schemes that settings allow
	Copy         *copied
}

// passage is a sentence that may have a link in it.
type passage struct {
	Before, Label, After string
	URL                  template.URL
}

func newPassage(sentence, url string) passage {
	label := readable(url)
	before, after, found := strings.Cut(sentence, label)
	if url == "" || !found {
		return passage{Before: sentence}
	}
	return passage{before, label, after, template.URL(url)}
}

type trouble struct {
	States   []state
	Tips     []string
	Commands []command
	Lead     string
	Fails    string
}

type state struct{ Class, Text string }

type command struct {
	copied
	Lead, Good string
}

// Words are the parts of the command, which no line should break: people would type "- Port".
func (c command) Words() []string { return strings.Fields(c.Value) }

// prepareAnswer makes the page with the settings of a domain.
func (h *Handler) prepareAnswer(key pageKey, found settings.Found) (*edge.PreparedPage, error) {
	t := texts.For(key.language)
	var a settings.Address
	hidden := []edge.Field{{Name: "email", Value: "x@" + string(found.Domain)}, {Name: "program", Value: key.program}}
	if key.address {
		a = settings.Address{Local: templates.Hole(localHole), Domain: found.Domain}
		hidden[0].Value = a.String()
	}
	guide := For(Request{Found: found.WithNames(nameHolesOf(found.Settings)), Address: a, Language: key.language, Unsigned: h.Unsigned})
	c := answerContent{Address: readableLogin(a.String()), Why: guide.Why}
	if len(guide.Services) == 0 {
		c.Nothing = guide.Intro
	}
	for _, p := range guide.Programs {
		c.Programs = append(c.Programs, choice{p.ID, p.Name, p.ID == key.program})
	}
	program, _ := guide.Program(key.program)
	c.Program, c.About, c.Steps = program.Name, program.About, program.Steps
	if program.Profile && key.address {
		c.Profile = a.String()
	}
	newTable := func(s Service) serviceTable {
		n := serviceTable{Title: s.Title, Note: s.Note}
		for _, r := range s.Rows {
			n.Rows = append(n.Rows, row{copied{t, r.Label, r.Value}, r.Literal, r.Literal && !r.Choose})
		}
		return n
	}
	for _, s := range program.Services {
		c.First = append(c.First, newTable(s))
	}
	for i, s := range guide.Services {
		if !isBest(found.Settings, i) {
			c.Others = append(c.Others, newTable(s))
		}
	}
	if guide.OAuth2 != nil {
		table := newTable(*guide.OAuth2)
		c.OAuth2, c.OAuth2Open = &table, key.program == asksForOAuth2
	}
	for _, line := range guide.Password {
		c.Password = append(c.Password, newPassage(line, found.PasswordURL.Expand(string(found.Domain), string(found.Primary))))
	}
	for _, l := range guide.Links {
		c.Links = append(c.Links, newLink(t, l))
	}
	if guide.Trouble != nil {
		c.Trouble = newTrouble(t, guide.Trouble)
		if key.checks {
			for i := range found.Servers {
				c.Trouble.States = append(c.Trouble.States, state{templates.Hole(checkHoles(found.Settings) + 2*i), templates.Hole(checkHoles(found.Settings) + 2*i + 1)})
			}
		}
	}
	if key.code {
		c.PageURL = "https://" + templates.Hole(hostHole) + "/"
	}
	page := edge.Page{Printer: t, Title: guide.Title, Brand: edge.NewBrand(found.Settings, nameOf(found)), Hidden: hidden, Content: c}
	return edge.PreparePage(answerPage, page, checkHoles(found.Settings)+2*len(found.Servers))
}

// isBest reports whether the i-th server is the best of the incoming or of the outgoing ones, which are shown first.
func isBest(s *settings.Settings, i int) bool {
	isFirst := func(outgoing bool) bool {
		return slices.IndexFunc(s.Servers, func(s settings.Server) bool {
			return s.Protocol != settings.ManageSieve && (s.Protocol == settings.Submission) == outgoing
		}) == i
	}
	return isFirst(false) || isFirst(true)
}

// newLink shows a URL as people write it. What a program asks for is copied; what a browser opens is not.
func newLink(t *texts.Printer, l Link) link {
	n := link{Title: l.Title, URL: template.URL(l.URL), Label: readable(l.URL)}
	for _, scheme := range []string{"mailto:", "tel:"} {
		n.Label = strings.TrimPrefix(n.Label, scheme)
	}
	if l.Copy {
		n.Copy = &copied{t, l.Title, l.URL}
	}
	return n
}

func newTrouble(t *texts.Printer, from *Trouble) *trouble {
	n := &trouble{Tips: from.Try, Lead: from.Lead, Fails: from.Fails}
	for _, c := range from.Commands {
		n.Commands = append(n.Commands, command{copied{t, c.For, c.Line}, c.For, c.Good})
	}
	return n
}
