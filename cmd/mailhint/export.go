package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/export"
	"mailhint/settings"
	"mailhint/spelling"
	"mailhint/untrusted"
)

// exportFlags are the flags of export.
type exportFlags struct {
	format string
	output string
	force  bool
}

func newExport() *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export --format toml|json|ispdb|static [DIR] [DOMAIN…]",
		Short: "Write the settings in another format",
		Long: "export writes the settings of all domains, or of each DOMAIN and its aliases, with all inherited values filled in. What a\n" +
			"format cannot express is reported on stderr. The [server] table, admins and editable are not settings of a domain and\n" +
			"are not exported.\n\n" +
			"  toml    entries of domains.toml that give the same answers. With --output DIR they are written to DIR/domains.toml, and\n" +
			"          lists of users or of 1,000 names and more to files beside it. Otherwise lists of names are part of the text,\n" +
			"          and a rule for a list of users is an error\n" +
			"  json    the same for programs: {\"version\": 1, \"entries\": [{\"kind\", \"domain\", \"settings\", …}]}, with members named\n" +
			"          like the keys of domains.toml. With --output DIR it is written to DIR/domains.json\n" +
			"  ispdb   provider files as Mozilla's ISPDB publishes them, one for each entry: DIR/<main domain>.xml, or stdout for a\n" +
			"          single entry. Wildcards, the fallback, rules and lists of more than 10,000 names are left out\n" +
			"  static  the answers to Thunderbird and others as files that any web server can serve without mailhint:\n" +
			"            DIR/<domain>/mail/config-v1.1.xml                         for https://autoconfig.<domain>/\n" +
			"            DIR/<domain>/.well-known/autoconfig/mail/config-v1.1.xml  for https://<domain>/\n" +
			"            DIR/<domain>/.well-known/user-agent-configuration.json    for https://ua-auto-config.<domain>/\n" +
			"          Use DIR/<domain> as the document root of these hosts, and serve .xml as text/xml and .json as application/json.\n" +
			"          Outlook and Apple devices cannot be answered with files: Outlook sends POST, and a profile contains the\n" +
			"          person's address. Files of domains that no longer exist are not removed\n\n" +
			"Files in DIR are written all or not at all. A file that already exists with other content is left alone, and the exit code is\n" +
			"then 1, unless --force is given.",
		Example: "  mailhint export --format toml example.com\n" +
			"  mailhint export --format json >settings.json\n" +
			"  mailhint export --format ispdb example.com\n" +
			"  mailhint export --format ispdb --output provider-files\n" +
			"  mailhint export --format static /var/www/mail-settings",
		RunE: func(cmd *cobra.Command, args []string) error {
			return exportSettings(cmd, flags, args)
		},
	}
	cmd.Flags().StringVar(&flags.format, "format", "", "the format: "+strings.Join(export.Formats, ", "))
	cmd.Flags().StringVarP(&flags.output, "output", "o", "", "the directory to write files to; it is created if needed")
	cmd.Flags().BoolVar(&flags.force, "force", false, "replace existing files that have other content")
	completesFlag(cmd, "format", export.Formats...)
	cmd.MarkFlagDirname("output") // fails only for a flag that does not exist
	return completesDomains(cmd, maxCompletions)
}

func exportSettings(cmd *cobra.Command, flags exportFlags, args []string) error {
	switch {
	case flags.format == "":
		return fmt.Errorf("choose the format with --format %s", strings.Join(export.Formats, "|"))
	case !slices.Contains(export.Formats, flags.format):
		return fmt.Errorf("unknown format %q; --format takes %s", flags.format, strings.Join(export.Formats, ", "))
	case flags.format == "static" && flags.output == "" && len(args) == 0:
		return errors.New("name the directory to write to: mailhint export --format static DIR")
	case flags.format == "static" && flags.output == "":
		flags.output, args = args[0], args[1:]
	}
	only, err := parseDomains(args)
	if err != nil {
		return err
	}
	snapshot, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	if d, err := settings.ParseDomain(flags.output); err == nil && flags.format == "static" {
		if _, err := snapshot.Lookup(cmd.Context(), settings.Question{Host: d}); err == nil {
			return fmt.Errorf("%s is one of the domains; name the directory first: mailhint export --format static DIR %s", d, d)
		}
	}
	entries := snapshot.Entries()
	if len(only) > 0 {
		if entries, err = snapshot.EntriesFor(only); err != nil {
			return problem(err)
		}
	}
	return writeExport(cmd, flags, len(only) > 0, export.Options{Snapshot: snapshot, Entries: entries, Folder: flags.output, Replace: flags.force})
}

// writeExport exports and reports on stderr what was not, and which files were written.
func writeExport(cmd *cobra.Command, flags exportFlags, named bool, o export.Options) error {
	messages := cmd.ErrOrStderr()
	o.Remark = func(about, text string) { fmt.Fprintln(messages, untrusted.Printable(about+": "+text)) }
	if flags.format == "static" {
		progress := newProgress(messages, countNames(o.Entries), "domains")
		defer progress.done()
		o.Step = progress.step
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	result, err := export.Write(cmd.Context(), out, flags.format, o)
	switch {
	case errors.Is(err, export.ErrFolderNeeded): // only known now, but wrong usage
		return fmt.Errorf("%w; name one DOMAIN, or write to a directory with --output DIR", err)
	case errors.Is(err, domains.ErrNeedsFile):
		return problem(fmt.Errorf("%w; write to a directory with --output DIR", err))
	case o.Folder != "" && errors.As(err, new(*fs.PathError)):
		return problem(fmt.Errorf("%w; nothing in %s has changed; free space there, correct its permissions, or name another directory with --output", err, o.Folder))
	case err != nil:
		return problem(err)
	}
	if err := out.Flush(); err != nil {
		return problem(err)
	}
	if o.Folder != "" {
		reportFiles(messages, o.Folder, result)
	}
	if result.Kept > 0 || result.LeftOut > 0 && (named || o.Folder == "") {
		return errProblem
	}
	return nil
}

func reportFiles(messages io.Writer, folder string, r export.Result) {
	fmt.Fprintf(messages, "%s: %s written, %d unchanged", folder, spelling.Count(r.Written, "file"), r.Same)
	if r.Kept > 0 {
		fmt.Fprintf(messages, ", %d left alone because they have other content; --force replaces them", r.Kept)
	}
	fmt.Fprintln(messages)
}

func countNames(entries []domains.Entry) int {
	n := 0
	for _, e := range entries {
		n += len(e.Names)
	}
	return n
}
