package help

import (
	"fmt"
	"strings"

	"golang.org/x/text/width"

	"mailhint/settings"
)

// Text prints the page for a terminal or an e-mail, with the steps for one program; "" means none.
func (p Page) Text(program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", p.Title, p.Intro)
	writeServices(&b, p.Services)
	p.writeOAuth2(&b)
	if len(p.Why) > 0 {
		section(&b, p.words.Text("page.why"), p.Why)
	}
	if len(p.Password) > 0 {
		section(&b, p.words.Text("password.title"), p.Password)
	}
	if chosen, ok := p.Program(program); ok {
		p.writeProgram(&b, chosen)
	}
	writeLinks(&b, p.words.Text("page.more"), p.Links)
	if p.Trouble != nil {
		p.writeTrouble(&b)
	}
	return b.String()
}

// Letter prints a letter to somebody with a new mailbox. URL is the page with the settings; without one, the letter does not speak of it.
func (p Page) Letter(url string) string {
	var b strings.Builder
	t := p.words
	fmt.Fprintf(&b, "%s\n\n%s\n", t.Text("letter.title", "name", p.name), t.Text("letter.welcome", "name", p.name))
	if a := t.address; a.IsZero() {
		fmt.Fprintf(&b, "%s\n", t.Text("letter.ready_domain", "domain", t.found.Domain.Unicode()))
	} else {
		fmt.Fprintf(&b, "%s\n", t.Text("letter.ready", "address", readableLogin(a.String())))
	}
	if len(p.Services) > 0 {
		p.writeFirstSteps(&b, url)
		section(&b, t.Text("password.title"), p.letterPassword())
		fmt.Fprintf(&b, "\n%s\n", t.Text("letter.settings_title"))
		writeServices(&b, p.Services)
		p.writeOAuth2(&b)
	} else {
		fmt.Fprintf(&b, "\n%s\n", p.Intro)
	}
	writeLinks(&b, t.Text("letter.more_title"), p.Links)
	fmt.Fprintf(&b, "\n%s\n\n%s\n%s\n", t.Text("letter.keep"), t.Text("letter.greeting"), t.Text("letter.signature", "name", p.name))
	return b.String()
}

func (p Page) writeFirstSteps(b *strings.Builder, url string) {
	t := p.words
	if s := t.found.Servers[0]; s.Auth[0] != settings.NoAuth {
		fmt.Fprintf(b, "%s\n", t.Text("letter.user_name", "user", t.userName("", s).Value))
	}
	var steps []string
	if url != "" {
		steps = append(steps, t.Text("letter.page", "url", readable(url)))
	}
	if t.needsPassword() {
		steps = append(steps, t.Text("letter.easy"))
	} else {
		steps = append(steps, t.Text("letter.easy_sign_in"))
	}
	if ios, ok := p.Program("ios"); ok && ios.Profile && url != "" {
		steps = append(steps, t.Text("letter.apple"))
	}
	numbered(b, t.Text("letter.steps_title"), append(steps, t.Text("letter.try")))
}

// letterPassword is what a letter says about the password, which its reader does not have yet.
func (p Page) letterPassword() []string {
	var lines []string
	if p.words.needsPassword() { // otherwise it may be one that people have had for long
		lines = append(lines, p.words.Text("letter.password"))
	}
	for _, line := range p.Password {
		if line != p.words.Text("password.mailbox") {
			lines = append(lines, line)
		}
	}
	return lines
}

func (p Page) writeProgram(b *strings.Builder, program Program) {
	section(b, program.Name, program.About)
	numbered(b, p.words.Text("page.steps"), program.Steps)
	writeServices(b, program.Services)
}

func (p Page) writeTrouble(b *strings.Builder) {
	t := p.Trouble
	fmt.Fprintf(b, "\n%s\n", p.words.Text("trouble.title"))
	if len(t.Seen) > 0 {
		section(b, p.words.Text("trouble.server_title"), t.Seen)
	}
	section(b, p.words.Text("trouble.network_title"), t.Try)
	fmt.Fprintf(b, "\n%s\n%s\n", p.words.Text("trouble.check_title"), t.Lead)
	for _, c := range t.Commands {
		fmt.Fprintf(b, "\n  %s\n    %s\n  %s\n", c.For, c.Line, c.Good)
	}
	fmt.Fprintf(b, "\n%s\n", t.Fails)
}

func (p Page) writeOAuth2(b *strings.Builder) {
	if p.OAuth2 != nil {
		writeServices(b, []Service{*p.OAuth2})
	}
}

func writeServices(b *strings.Builder, services []Service) {
	for _, s := range services {
		fmt.Fprintf(b, "\n%s\n", s.Title)
		if s.Note != "" {
			fmt.Fprintf(b, "  %s\n", s.Note)
		}
		var cells [][2]string
		for _, r := range s.Rows {
			cells = append(cells, [2]string{"  " + r.Label, r.Value})
		}
		table(b, cells)
	}
}

func writeLinks(b *strings.Builder, title string, links []Link) {
	if len(links) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	var cells [][2]string
	for _, l := range links {
		cells = append(cells, [2]string{"  " + l.Title, readable(l.URL)})
	}
	table(b, cells)
}

func section(b *strings.Builder, title string, lines []string) {
	fmt.Fprintf(b, "\n%s\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  %s\n", line)
	}
}

func numbered(b *strings.Builder, title string, lines []string) {
	fmt.Fprintf(b, "\n%s\n", title)
	for i, line := range lines {
		fmt.Fprintf(b, "%3d. %s\n", i+1, line)
	}
}

// table prints two columns. A terminal shows the characters of Japanese two columns wide, which package text/tabwriter does not know.
func table(b *strings.Builder, cells [][2]string) {
	widest := 0
	for _, c := range cells {
		widest = max(widest, columns(c[0]))
	}
	for _, c := range cells {
		fmt.Fprintf(b, "%s%s  %s\n", c[0], strings.Repeat(" ", widest-columns(c[0])), c[1])
	}
}

// columns returns how many columns of a terminal a text takes.
func columns(text string) (n int) {
	for _, r := range text {
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}
