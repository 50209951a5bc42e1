package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/ispdb"
	"mailhint/settings"
	"mailhint/untrusted"
)

// exportFlags are the flags of export.
type exportFlags struct {
	format string
	output string
	force  bool
}

// exportFormats are what export can write.
var exportFormats = []string{"toml", "json", "ispdb", "static"}

func newExport() *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export --format toml|json|ispdb|static [DIR] [DOMAIN…]",
		Short: "Write the settings in another form",
		Long: "export writes the settings of all domains, or of each DOMAIN and its aliases, as they are in effect: nothing in them is\n" +
			"inherited any more. What the form cannot hold is told on stderr. The [server] table, admins and editable are no settings\n" +
			"of a domain and stay behind.\n\n" +
			"  toml    entries of domains.toml that give the same answers; with --output DIR/domains.toml and lists of users and of a\n" +
			"          thousand names or more in files beside it. Without, such lists of names stand in the text, and a rule for\n" +
			"          some users is an error\n" +
			"  json    the same for programs: {\"version\": 1, \"entries\": [{\"kind\", \"domain\", \"settings\", …}]}, members named like\n" +
			"          the keys of domains.toml; with --output DIR/domains.json\n" +
			"  ispdb   provider files as Mozilla's ISPDB publishes them, one for each entry: DIR/<main domain>.xml, or stdout for\n" +
			"          one. Wildcards, the fallback, rules and lists of more than 10000 names are left out\n" +
			"  static  the answers to Thunderbird and others as files that any web server can serve, where no mailhint runs:\n" +
			"            DIR/<domain>/mail/config-v1.1.xml                         for https://autoconfig.<domain>/\n" +
			"            DIR/<domain>/.well-known/autoconfig/mail/config-v1.1.xml  for https://<domain>/\n" +
			"            DIR/<domain>/.well-known/user-agent-configuration.json    for https://ua-auto-config.<domain>/\n" +
			"          Each DIR/<domain> is the root of these hosts; serve .xml as text/xml and .json as application/json. Outlook asks\n" +
			"          by POST and Apple's profiles hold the person's address, which needs a program. Files of domains that are gone are not removed. A million names are written one after the other\n\n" +
			"A file that is there already with another content is left alone, and the exit code is 1, unless --force is given.",
		Example: "  mailhint export --format toml example.com\n" +
			"  mailhint export --format json >settings.json\n" +
			"  mailhint export --format ispdb example.com\n" +
			"  mailhint export --format ispdb --output provider-files\n" +
			"  mailhint export --format static /var/www/mail-settings",
		RunE: func(cmd *cobra.Command, args []string) error {
			return export(cmd, flags, args)
		},
	}
	cmd.Flags().StringVar(&flags.format, "format", "", "the form: "+strings.Join(exportFormats, ", "))
	cmd.Flags().StringVar(&flags.output, "output", "", "the directory to write files into; it is made if it is not there")
	cmd.Flags().BoolVar(&flags.force, "force", false, "replace files that are there already with another content")
	return cmd
}

func export(cmd *cobra.Command, flags exportFlags, args []string) error {
	switch {
	case flags.format == "":
		return fmt.Errorf("say which form with --format %s", strings.Join(exportFormats, "|"))
	case !slices.Contains(exportFormats, flags.format):
		return fmt.Errorf("unknown form %q; --format takes %s", flags.format, strings.Join(exportFormats, ", "))
	case flags.format == "static" && flags.output == "" && len(args) == 0:
		return errors.New("say where to write with mailhint export --format static DIR")
	case flags.format == "static" && flags.output == "":
		flags.output, args = args[0], args[1:]
	}
	only, err := parseDomains(args)
	if err != nil {
		return err
	}
	snapshot, err := domains.Load(configName(cmd))
	if err != nil {
		return problem(err)
	}
	if d, err := settings.ParseDomain(flags.output); err == nil && flags.format == "static" {
		if _, err := snapshot.Lookup(cmd.Context(), settings.Question{Host: d}); err == nil {
			return fmt.Errorf("%s is one of the domains; say where to write first: mailhint export --format static DIR %s", d, d)
		}
	}
	e := &exporter{snapshot: snapshot, named: len(only) > 0, messages: cmd.ErrOrStderr()}
	if e.named {
		e.entries, err = snapshot.EntriesFor(only)
	} else {
		e.entries = snapshot.Entries()
	}
	if err != nil {
		return problem(err)
	}
	if flags.output != "" {
		e.folder = newFolder(flags.output, flags.force, e.messages)
		defer e.folder.files.Discard()
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	if err := e.write(out, flags.format); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return problem(err)
	}
	return e.finish()
}

func parseDomains(args []string) ([]settings.Domain, error) {
	var list []settings.Domain
	for _, arg := range args {
		d, err := settings.ParseDomain(arg)
		if err != nil {
			return nil, fmt.Errorf("%q: %w; write it like example.com", arg, err)
		}
		list = append(list, d)
	}
	return list, nil
}

// exporter writes entries in one form.
type exporter struct {
	snapshot *domains.Snapshot
	entries  []domains.Entry
	named    bool    // the entries were asked for by name
	folder   *folder // nil for stdout
	messages io.Writer
	missing  int // entries of which nothing was written
}

func (e *exporter) write(out io.Writer, format string) error {
	switch format {
	case "toml":
		return e.toml(out)
	case "json":
		return e.json(out)
	case "ispdb":
		return e.ispdb(out)
	}
	return e.static()
}

// finish says what was written into a directory.
func (e *exporter) finish() error {
	bad := e.named && e.missing > 0
	if e.folder != nil {
		if err := e.folder.files.Commit(); err != nil {
			return problem(err)
		}
		e.folder.say()
		bad = bad || e.folder.kept > 0
	}
	if bad {
		return exitError{code: exitProblem}
	}
	return nil
}

// say tells what the form cannot hold.
func (e *exporter) say(name, format string, args ...any) {
	fmt.Fprintf(e.messages, "%s: %s\n", name, untrusted.Printable(fmt.Sprintf(format, args...)))
}

// leaveOut tells that an entry is not written at all.
func (e *exporter) leaveOut(name, format string, args ...any) {
	e.missing++
	e.say(name, "left out: "+format, args...)
}

// title names an entry in messages.
func title(e domains.Entry) string {
	switch e.Kind {
	case domains.Fallback:
		return "fallback"
	case domains.Wildcard:
		return "*." + string(e.Names[0])
	}
	return string(e.Names[0])
}

// public returns what may be published about an entry as one file for everybody, or says why there is nothing.
func (e *exporter) public(entry domains.Entry) (*settings.Settings, bool) {
	name := title(entry)
	switch {
	case entry.Disabled:
		e.leaveOut(name, "it is switched off with enabled = false")
		return nil, false
	case entry.Kind == domains.Wildcard, entry.Kind == domains.Fallback:
		e.leaveOut(name, "files are for domains that are named, and these are not")
		return nil, false
	}
	s := entry.ForAnybody()
	if s == nil {
		e.leaveOut(name, "its servers have no encryption and are told to the networks in allow_plaintext only")
		return nil, false
	}
	if s != entry.Settings {
		e.say(name, "the servers without encryption are left out: they are told to the networks in allow_plaintext only")
	}
	if len(entry.Rules) > 0 {
		e.say(name, "the rules are left out: a file answers everybody alike")
	}
	return s, true
}

// toml writes entries as domains.toml spells them.
func (e *exporter) toml(out io.Writer) error {
	var printer domains.Printer
	if e.folder != nil {
		lists := 0
		printer.Aside = func(list []string) (string, error) {
			lists++
			name := fmt.Sprintf("list-%d.txt", lists)
			return name, e.folder.write(name, []byte(strings.Join(list, "\n")+"\n"))
		}
	}
	var text strings.Builder
	text.WriteString("# The settings in effect, by mailhint export.\n")
	for _, entry := range e.entries {
		printed, err := printer.Entry(entry)
		if errors.Is(err, domains.ErrAside) {
			return problem(fmt.Errorf("%w; write it into a directory with --output DIR", err))
		}
		if err != nil {
			return problem(err)
		}
		text.WriteString("\n" + printed)
	}
	if e.folder == nil {
		_, err := io.WriteString(out, text.String())
		return problem(err)
	}
	return problem(e.folder.write("domains.toml", []byte(text.String())))
}

// json writes entries for programs.
func (e *exporter) json(out io.Writer) error {
	text, err := domains.JSON(e.entries)
	if err != nil {
		return problem(err)
	}
	if e.folder != nil {
		return problem(e.folder.write("domains.json", text))
	}
	_, err = out.Write(text)
	return problem(err)
}

// maxProviderDomains bounds the names in one provider file: a program fetches it as a whole, and Read takes no more.
const maxProviderDomains = 10_000

// ispdb writes provider files.
func (e *exporter) ispdb(out io.Writer) error {
	if e.folder == nil && len(e.entries) != 1 {
		return fmt.Errorf("%s would be as many files: name one DOMAIN, or a directory with --output DIR", countEntries(len(e.entries)))
	}
	for _, entry := range e.entries {
		file, ok, err := e.provider(entry)
		if err != nil {
			return problem(err)
		}
		if !ok {
			continue
		}
		if e.folder == nil {
			_, err = out.Write(file)
		} else {
			err = e.folder.write(title(entry)+".xml", file)
		}
		if err != nil {
			return problem(err)
		}
	}
	if e.folder == nil && e.missing > 0 {
		return exitError{code: exitProblem}
	}
	return nil
}

// provider returns the provider file of an entry, unless there is none.
func (e *exporter) provider(entry domains.Entry) (file []byte, ok bool, err error) {
	s, ok := e.public(entry)
	if !ok {
		return nil, false, nil
	}
	name := title(entry)
	if len(entry.Names) > maxProviderDomains {
		e.leaveOut(name, "%d names are more than the %d that a provider file can hold", len(entry.Names), maxProviderDomains)
		return nil, false, nil
	}
	var primary settings.Domain
	if entry.Kind == domains.Single {
		primary = entry.Names[0]
	}
	file, lost, err := ispdb.Write(&ispdb.Provider{Domains: entry.Names, Settings: s}, primary)
	if errors.Is(err, ispdb.ErrNothing) {
		e.leaveOut(name, "%v", err)
		return nil, false, nil
	}
	for _, l := range lost {
		e.say(name, "%s", l)
	}
	return file, err == nil, err
}

func countEntries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
