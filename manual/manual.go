// Package manual makes the manual pages: one for the program, one for each command, and mailhint(5) for domains.toml. They say what --help and
// mailhint help config say, because they are made from the same texts.
//
// cobra can make manual pages too, but its dependencies convert Markdown, which our help texts are not.
package manual

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mailhint/reference"
)

// Page is a manual page.
type Page struct {
	// Name is the name of the file, such as mailhint-serve.1.
	Name string
	Text string
}

// Pages returns all pages of a program. The version and the date are in their margins.
func Pages(root *cobra.Command, version string, date time.Time) []Page {
	m := maker{version: version, date: date.UTC().Format(time.DateOnly)}
	pages := []Page{m.program(root), m.configuration()}
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			pages = append(pages, m.command(cmd))
		}
	}
	return pages
}

type maker struct{ version, date string }

// page is a page that is being written.
type page struct{ strings.Builder }

func (m maker) begin(name, section, about string) *page {
	p := new(page)
	fmt.Fprintf(p, ".TH %s %s %s %s\n", quoted(strings.ToUpper(name)), section, quoted(m.date), quoted("mailhint "+m.version))
	p.heading("NAME")
	fmt.Fprintf(p, "%s \\- %s\n", escaped(name), escaped(about))
	return p
}

func (m maker) program(root *cobra.Command) Page {
	p := m.begin("mailhint", "1", lowerFirst(root.Short))
	p.heading("SYNOPSIS")
	fmt.Fprintf(p, ".B mailhint\n.I COMMAND\n[\\fIARGUMENT\\fR\\|.\\|.\\|.\\&]\n")
	p.heading("DESCRIPTION")
	p.prose(root.Long)
	p.heading("COMMANDS")
	also := []string{"mailhint(5)"}
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			fmt.Fprintf(p, ".TP\n.BR mailhint\\-%s (1)\n%s\n", escaped(cmd.Name()), text(cmd.Short))
			also = append(also, "mailhint-"+cmd.Name()+"(1)")
		}
	}
	p.options("OPTIONS", root.PersistentFlags())
	p.exitStatus()
	p.heading("ENVIRONMENT")
	for _, v := range [][2]string{
		{"MAILHINT_CONFIG", "The main configuration file, where --config does not name one."},
		{"MAILHINT_HTTP", "The address for http, such as \":8080\", if tls is \"off\" and http is not set in [server]."},
		{"STATE_DIRECTORY", "The directory for what must outlive the process, if state_dir is not set in [server]. systemd sets it."},
		{"SSL_CERT_FILE", "A file with root certificates, instead of the system's."},
	} {
		fmt.Fprintf(p, ".TP\n.B %s\n%s\n", v[0], text(v[1]))
	}
	p.heading("FILES")
	fmt.Fprintf(p, ".TP\n.I /etc/mailhint/domains.toml\nThe main configuration file, if there is no domains.toml in the working directory.\n")
	p.seeAlso(also)
	return Page{"mailhint.1", p.String()}
}

func (m maker) command(cmd *cobra.Command) Page {
	name := "mailhint-" + cmd.Name()
	p := m.begin(name, "1", lowerFirst(cmd.Short))
	p.heading("SYNOPSIS")
	p.synopsis(cmd)
	for _, sub := range commands(cmd) {
		fmt.Fprintf(p, ".br\n")
		p.synopsis(sub)
	}
	p.heading("DESCRIPTION")
	p.prose(longText(cmd))
	p.options("OPTIONS", cmd.LocalNonPersistentFlags(), cmd.PersistentFlags(), cmd.InheritedFlags())
	p.examples(cmd)
	for _, sub := range commands(cmd) {
		p.heading(strings.ToUpper(strings.TrimPrefix(sub.CommandPath(), cmd.Root().Name()+" ")))
		p.prose(longText(sub))
		p.flags(sub.LocalNonPersistentFlags())
		if sub.Example != "" {
			fmt.Fprintf(p, ".PP\nFor example:\n")
			p.literal(sub.Example)
		}
	}
	p.exitStatus()
	p.seeAlso([]string{"mailhint(1)", "mailhint(5)"})
	return Page{name + ".1", p.String()}
}

// commands lists the commands below another, except help, which explains them all.
func commands(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() || c.Name() == "help" })
}

// configuration is the page for domains.toml.
func (m maker) configuration() Page {
	p := m.begin("mailhint", "5", "domains.toml, the configuration of mailhint")
	p.heading("DESCRIPTION")
	p.prose("mailhint(1) reads its settings and domains from a file in TOML, /etc/mailhint/domains.toml unless --config names another one, " +
		"and from the files that it includes. mailhint check reports every mistake with its line; mailhint init --example prints a file with every key.\n\n" +
		"The shortest configuration:")
	p.literal("[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
	for _, s := range reference.Sections() {
		p.heading(s.Header)
		if s.About != "" {
			fmt.Fprintf(p, "%s\n", text(upperFirst(s.About)+"."))
		}
		for _, k := range s.Keys {
			fmt.Fprintf(p, ".TP\n.B %s\n%s\n.br\n", escaped(k.Name), text(upperFirst(k.Description)+"."))
			if k.Default != "" {
				fmt.Fprintf(p, "%s\n.br\n", text("Default: "+k.Default))
			}
			fmt.Fprintf(p, "%s\n", text("Example: "+k.Name+" = "+k.Example))
			if k.Mail {
				fmt.Fprintf(p, ".br\n%s\n", text("Seen by: "+k.SeenBy()))
			}
		}
		if s.Inherits {
			fmt.Fprintf(p, ".PP\n%s\n", text("All keys of [defaults] may be here too."))
		}
	}
	p.heading("FILES")
	fmt.Fprintf(p, ".I /etc/mailhint/domains.toml\n")
	p.seeAlso([]string{"mailhint(1)", "mailhint-check(1)", "mailhint-init(1)"})
	return Page{"mailhint.5", p.String()}
}

func (p *page) heading(title string) { fmt.Fprintf(p, ".SH %s\n", quoted(title)) }

func (p *page) synopsis(cmd *cobra.Command) {
	path := cmd.CommandPath()
	fmt.Fprintf(p, ".B %s\n", escaped(path))
	if rest := strings.TrimPrefix(cmd.UseLine(), path); rest != "" {
		fmt.Fprintf(p, "%s\n", text(strings.TrimSpace(rest)))
	}
}

// prose writes a help text: paragraphs between empty lines, and indented lines as they are.
func (p *page) prose(help string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(help), "\n\n") {
		if i > 0 {
			fmt.Fprintf(p, ".PP\n")
		}
		if strings.HasPrefix(paragraph, "  ") {
			p.literal(paragraph)
			continue
		}
		for line := range strings.Lines(paragraph) {
			fmt.Fprintf(p, "%s\n", text(strings.TrimSuffix(line, "\n")))
		}
	}
}

// literal writes an example.
func (p *page) literal(example string) {
	fmt.Fprintf(p, ".PP\n.RS 4\n.EX\n")
	for line := range strings.Lines(strings.TrimRight(example, "\n")) {
		fmt.Fprintf(p, "%s\n", text(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "  ")))
	}
	fmt.Fprintf(p, ".EE\n.RE\n")
}

func (p *page) examples(cmd *cobra.Command) {
	if cmd.Example != "" {
		p.heading("EXAMPLES")
		p.literal(cmd.Example)
	}
}

func (p *page) options(title string, sets ...*pflag.FlagSet) {
	p.heading(title)
	p.flags(sets...)
	fmt.Fprintf(p, ".TP\n.BR \\-h \", \" \\-\\-help\nExplain the command.\n")
}

func (p *page) flags(sets ...*pflag.FlagSet) {
	seen := map[string]bool{"help": true, "version": true}
	for _, set := range sets {
		set.VisitAll(func(f *pflag.Flag) {
			if f.Hidden || seen[f.Name] {
				return
			}
			seen[f.Name] = true
			value, usage := pflag.UnquoteUsage(f)
			name := "\\fB" + escaped("--"+f.Name) + "\\fR"
			if f.Shorthand != "" {
				name = "\\fB" + escaped("-"+f.Shorthand) + "\\fR, " + name
			}
			if value != "" {
				name += " \\fI" + escaped(value) + "\\fR"
			}
			if noted := f.DefValue; noted != "" && noted != "false" && noted != "[]" && noted != "0" && noted != "0s" && !strings.Contains(usage, "default") {
				usage += " (default " + noted + ")"
			}
			fmt.Fprintf(p, ".TP\n%s\n%s\n", name, text(upperFirst(usage)+"."))
		})
	}
}

func (p *page) exitStatus() {
	p.heading("EXIT STATUS")
	for _, s := range [][2]string{{"0", "Good."}, {"1", "A problem was found."}, {"2", "The command line is wrong."}, {"3", "It could not be found out."}} {
		fmt.Fprintf(p, ".TP\n.B %s\n%s\n", s[0], s[1])
	}
}

func (p *page) seeAlso(pages []string) {
	p.heading("SEE ALSO")
	slices.Sort(pages)
	for i, name := range pages {
		end := ","
		if i == len(pages)-1 {
			end = ""
		}
		page, section, _ := strings.Cut(name, "(")
		fmt.Fprintf(p, ".BR %s (%s%s\n", escaped(page), section, end)
	}
}

// longText is what a command says about itself.
func longText(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

var special = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "'", `\(aq`, "…", `.\|.\|.\&`)

// escaped writes text so that no character of it means anything to the formatter.
func escaped(s string) string { return special.Replace(s) }

// text is escaped for a line of its own.
func text(s string) string {
	s = escaped(s)
	if strings.HasPrefix(s, ".") {
		return `\&` + s
	}
	return s
}

// quoted is escaped as an argument of a macro.
func quoted(s string) string { return `"` + strings.ReplaceAll(escaped(s), `"`, `\(dq`) + `"` }

func lowerFirst(s string) string { return strings.ToLower(s[:min(1, len(s))]) + s[min(1, len(s)):] }

func upperFirst(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if strings.ContainsAny(word, `":/=`) || strings.HasPrefix(s, "e-mail") {
		return s
	}
	return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):]
}
