package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/durable"
	"mailhint/pacc"
	"mailhint/probe"
	"mailhint/settings"
	"mailhint/untrusted"
)

// initFlags are the flags of init, besides those of addProbeFlags.
type initFlags struct {
	file, target string
}

func newInit() *cobra.Command {
	var flags initFlags
	cmd := &cobra.Command{
		Use:   "init ADDRESS",
		Short: "Write a first domains.toml from what the live mail servers offer",
		Long: "init is for the first start. It looks for the mail servers of an address as probe does, writes domains.toml, and prints the\n" +
			"DNS records to publish and the next two commands. It never writes over a file, and writes nothing if it found no server.\n" +
			"\n" +
			"The exit code is 1 if there is a file already, if no server to read or to send mail was found, or if something should be\n" +
			"mended; and 3 if DNS does not answer or the time is over.",
		Example: "  mailhint init ann@example.com\n" +
			"  mailhint init ann@example.com --target setup.example.com --file /etc/mailhint/domains.toml",
		Args: oneArgument("an ADDRESS, such as ann@example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.run(cmd, args[0])
		},
	}
	cmd.Flags().StringVar(&flags.file, "file", "domains.toml", "the file to write")
	cmd.Flags().StringVar(&flags.target, "target", "", "host name of this server, to which the DNS records lead programs")
	addProbeFlags(cmd)
	return cmd
}

func (f initFlags) run(cmd *cobra.Command, who string) error {
	q, err := parseQuestion(who, "")
	if err != nil {
		return err
	}
	domain := q.Host
	options, err := dnsFlags{format: "zone", target: f.target, ttl: 3600}.options()
	if err != nil {
		return err
	}
	if err := f.possible(domain); err != nil { // waiting for the servers first would be unkind
		return err
	}
	found, err := findServers(cmd, probe.Search{Name: domain, MailDomain: true})
	if err != nil {
		return err
	}
	for _, p := range found.Problems {
		fmt.Fprintln(cmd.ErrOrStderr(), untrusted.Printable(p))
	}
	if !found.Complete() {
		return problem(fmt.Errorf("nothing is written. See what is there with mailhint probe %s, mend it, and try again; or write %s yourself:\n\n"+
			"[domains.%q]\nimap = \"imap.%s\"\nsmtp = \"smtp.%s\"", domain, f.file, domain, domain, domain))
	}
	if err := f.write(found, options.Server); err != nil {
		return problem(err)
	}
	if err := f.next(cmd.OutOrStdout(), domain, options); err != nil {
		return problem(err)
	}
	return findingExit(found)
}

// possible refuses a file that is there, and one that cannot be.
func (f initFlags) possible(d settings.Domain) error {
	if strings.TrimRight(f.file, "/") != f.file || f.file == "" {
		return fmt.Errorf("--file %q is no name of a file; write it like domains.toml", f.file)
	}
	if _, err := os.Lstat(f.file); err == nil {
		return problem(f.there(d))
	}
	if _, err := os.Stat(filepath.Dir(f.file)); err != nil {
		return problem(fmt.Errorf("%w; make the directory, or write elsewhere with --file", err))
	}
	return nil
}

func (f initFlags) there(d settings.Domain) error {
	return fmt.Errorf("%s is there already and stays as it is; append with mailhint probe %s >>%s, or write another with --file", f.file, d, f.file)
}

// write writes the file, and never over another.
func (f initFlags) write(found *probe.Finding, server string) error {
	entry, err := entryOf(found, found.Comments(time.Now()))
	if err != nil {
		return err
	}
	text := "# What mailhint answers. After an edit: mailhint check\n\n" + serverLines(server, found.Domain) + "\n"
	err = durable.Create(f.file, []byte(text+entry), 0o644, func(file string) error {
		_, err := domains.Load(file)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrExist):
		return f.there(found.Domain)
	case errors.As(err, new(domains.Problems)):
		return fmt.Errorf("nothing is written: what was found makes no good file: %w", err)
	case err != nil:
		return fmt.Errorf("%s cannot be written: %w; write it elsewhere with --file, or with mailhint probe %s >FILE", f.file, cause(err), found.Domain)
	}
	return nil
}

// serverLines is the [server] table of a first file. What it takes to answer the internet is a comment, because it would keep mailhint
// from starting where only a trial is meant: ports 80 and 443 may be taken, and nobody has agreed to a CA's terms yet.
func serverLines(server string, d settings.Domain) string {
	const when = "# As it stands, mailhint answers at localhost:8080 only, for a trial or for a proxy in front. For the internet%s\n" +
		"# remove the # before these lines and start it again. Ports 80 and 443 must be reachable from outside; \"acme\" gets the certificates\n" +
		"# from Let's Encrypt and says that you agree to its terms.\n"
	lines := fmt.Sprintf("# tls = \"acme\"\n# acme_email = \"hostmaster@%s\"\n", d)
	if server != "" {
		return fmt.Sprintf("[server]\nname = %q\n"+when+lines, server, "")
	}
	return fmt.Sprintf(when+"# [server]\n# name = \"setup.%s\"\n"+lines, " write the name of this machine,", d)
}

// next prints what to do now.
func (f initFlags) next(out io.Writer, d settings.Domain, options dnsrecords.Options) error {
	snapshot, err := domains.Load(f.file)
	if err != nil {
		return err
	}
	found, ok := snapshot.Lookup(settings.Question{Host: d})
	if !ok {
		return fmt.Errorf("%s: somebody has changed it", f.file)
	}
	records := dnsrecords.Services(found, options.TTL)
	if options.Server != "" {
		document, err := pacc.Answer(found)
		if err != nil && !errors.Is(err, pacc.ErrNotExpressible) {
			return err
		} else if err == nil {
			options.PACC = pacc.Record(document)
		}
		if records, err = dnsrecords.For(found, options); err != nil {
			return err
		}
	}
	zone, err := dnsrecords.Print("zone", d, records)
	if err != nil {
		return err
	}
	config := ""
	if f.file != "domains.toml" {
		config = " --config " + f.file
	}
	b := new(strings.Builder)
	fmt.Fprintf(b, "; %s is written: %s. These records belong into the zone of %s:\n%s", f.file, count(len(found.Servers), "server"), d, zone)
	publish := "Publish the records above."
	if options.Server == "" {
		publish = fmt.Sprintf("Publish the records above and those that lead to this server; then all are printed by mailhint dns %s%s", d, config)
	}
	fmt.Fprintf(b, "; Next:\n"+
		"; 1. Try it at http://localhost:8080:\n;   mailhint serve%s\n"+
		"; 2. For the internet, fill in [server] in %s, as the comment there says, and start mailhint again.\n"+
		"; 3. %s\n"+
		"; 4. See whether everything is right:\n;   mailhint doctor %s%s\n", config, f.file, publish, d, config)
	_, err = io.WriteString(out, b.String())
	return err
}
