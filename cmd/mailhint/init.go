package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailhint/dnsrecords"
	"mailhint/dnsupdate"
	"mailhint/docs"
	"mailhint/domains"
	"mailhint/probe"
	"mailhint/settings"
	"mailhint/starter"
	"mailhint/untrusted"
)

// initFlags are the flags of init, besides those of addProbeFlags.
type initFlags struct {
	file, target    string
	nameServer, key string
	example         bool
}

func newInit() *cobra.Command {
	var flags initFlags
	cmd := &cobra.Command{
		Use:   "init ADDRESS",
		Short: "Write a first domains.toml from what the live mail servers offer",
		Long: "init is for the first start. It finds the mail servers of an address as probe does, writes domains.toml, and prints the DNS\n" +
			"records to publish and the next commands. It writes nothing unless it found a server to receive mail from and one to send\n" +
			"mail through. The configuration is named with --file: unlike --output of other commands, it never replaces a file.\n" +
			"\n" +
			"With --dns-server and --key-file it also writes the table [dns]; at a terminal it then shows what would be published there, and\n" +
			"asks whether to do it.\n" +
			"\n" +
			"With --example it needs no ADDRESS and asks nobody: it prints a configuration in which every key is explained, or writes it to\n" +
			"--file, together with the files that it names.\n" +
			"\n" +
			"The exit code is 1 if the file already exists, if no such server was found, or if there is something to fix, and 3 if DNS does\n" +
			"not answer or time runs out.",
		Example: "  mailhint init ann@example.com\n" +
			"  mailhint init ann@example.com --target setup.example.com --file /etc/mailhint/domains.toml\n" +
			"  mailhint init --example | less",
		Args: func(cmd *cobra.Command, args []string) error {
			if flags.example {
				return noArguments(cmd, args)
			}
			return oneArgument("an ADDRESS, such as ann@example.com")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.example {
				return flags.printExample(cmd)
			}
			return flags.run(cmd, args[0])
		},
	}
	cmd.Flags().StringVar(&flags.file, "file", "domains.toml", "the configuration file to write, which must not exist yet")
	cmd.Flags().StringVar(&flags.target, "target", "", "host name of this server, which the DNS records will point to")
	cmd.Flags().StringVar(&flags.nameServer, "dns-server", "", "name server that takes dynamic updates, for [dns]; needs --key-file")
	cmd.Flags().StringVar(&flags.key, "key-file", "", "file with the key for these updates, in the format of BIND")
	cmd.MarkFlagFilename("key-file") // fails only for a flag that does not exist
	cmd.Flags().BoolVar(&flags.example, "example", false, "print a configuration with every key explained, or write it to --file")
	addProbeFlags(cmd)
	return cmd
}

// printExample prints the example configuration, or writes it to the file that --file names.
func (f initFlags) printExample(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("file") {
		_, err := io.WriteString(cmd.OutOrStdout(), docs.Example()[0].Text)
		return problem(err)
	}
	if err := f.checkName(); err != nil {
		return err
	}
	files, err := starter.WriteExample(f.file)
	if exists := (&fs.PathError{}); errors.Is(err, fs.ErrExist) && errors.As(err, &exists) {
		return problem(fmt.Errorf("%s already exists, and nothing was written; choose another directory with --file", exists.Path))
	}
	if err != nil {
		return problem(fmt.Errorf("%w; choose another file with --file", err))
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s, and the files that it names: %s\n", files[0], strings.Join(files[1:], ", "))
	return problem(err)
}

// checkName refuses a name that no file can have.
func (f initFlags) checkName() error {
	if strings.TrimRight(f.file, "/") != f.file || f.file == "" {
		return fmt.Errorf("--file %q is not a valid file name; write it like domains.toml", f.file)
	}
	return nil
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
	if err := f.checkFile(domain); err != nil { // before a long wait for servers
		return err
	}
	updates, err := f.updates()
	if err != nil {
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
		return problem(fmt.Errorf("nothing was written. Run mailhint probe %s to see what was found, fix it and try again; or write %s yourself:\n\n"+
			"[domains.%q]\nimap = \"imap.%s\"\nsmtp = \"smtp.%s\"", domain, f.file, domain, domain, domain))
	}
	if err := f.write(found, options.Server, updates); err != nil {
		return problem(err)
	}
	next, err := starter.NextSteps(cmd.Context(), f.file, domain, options)
	if err != nil {
		return problem(err)
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), next); err != nil {
		return problem(err)
	}
	return errors.Join(findingExit(found), f.offerToPublish(cmd, domain, options))
}

// updates returns what the flags say about dynamic updates.
func (f initFlags) updates() (starter.Updates, error) {
	switch {
	case f.nameServer == "" && f.key == "":
		return starter.Updates{}, nil
	case f.nameServer == "" || f.key == "":
		return starter.Updates{}, errors.New("--dns-server and --key-file must be used together; add the other one, or drop both")
	}
	if _, err := dnsupdate.ReadKey(f.key); err != nil {
		return starter.Updates{}, problem(fmt.Errorf("nothing was written: %w", err))
	}
	file, err := filepath.Abs(f.key) // in the configuration it would be relative to that
	return starter.Updates{Server: f.nameServer, KeyFile: file}, problem(err)
}

// offerToPublish asks whether to publish the records, if the new configuration says how, and somebody can be asked.
func (f initFlags) offerToPublish(cmd *cobra.Command, d settings.Domain, o dnsrecords.Options) error {
	if f.nameServer == "" || o.Server == "" || !canAsk(cmd) {
		return nil
	}
	snapshot, wanted, err := starter.ToPublish(cmd.Context(), f.file, d, o)
	if err != nil {
		return problem(err)
	}
	return dnsFlags{format: "zone"}.publish(cmd, snapshot, []dnsrecords.Wanted{wanted}, o)
}

// checkFile refuses a file that exists, and a name that no file can have.
func (f initFlags) checkFile(d settings.Domain) error {
	if err := f.checkName(); err != nil {
		return err
	}
	if _, err := os.Lstat(f.file); err == nil {
		return problem(f.exists(d))
	}
	if _, err := os.Stat(filepath.Dir(f.file)); err != nil {
		return problem(fmt.Errorf("%w; create the directory, or choose another file with --file", err))
	}
	return nil
}

func (f initFlags) exists(d settings.Domain) error {
	if s, err := domains.Load(f.file); err == nil && slices.Contains(s.NamedDomains(), d) {
		return fmt.Errorf("%s already exists, has an entry for %s and was not changed; run mailhint probe %[2]s to see what the servers offer, "+
			"or choose another file with --file", f.file, d)
	}
	return fmt.Errorf("%s already exists and was not changed; run mailhint probe %s >>%s to append to it, or choose another file with --file", f.file, d, f.file)
}

// write writes the file. It never overwrites another.
func (f initFlags) write(found *probe.Finding, server string, updates starter.Updates) error {
	err := starter.Write(f.file, found, settings.Domain(server), updates, time.Now())
	switch {
	case errors.Is(err, fs.ErrExist):
		return f.exists(found.Domain)
	case errors.As(err, new(domains.Problems)):
		return fmt.Errorf("nothing was written, because what was found is not a valid configuration: %w", err)
	case err != nil:
		return fmt.Errorf("cannot write %s: %w; choose another file with --file, or run mailhint probe %s >FILE", f.file, cause(err), found.Domain)
	}
	return nil
}
