package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/imports"
	"mailhint/spelling"
	"mailhint/untrusted"
)

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Convert settings published elsewhere into entries of domains.toml",
		Args:  onlyCommands,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImportISPDB(), newHelp())
	return cmd
}

func newImportISPDB() *cobra.Command {
	return printsDocument(&cobra.Command{
		Use:   "ispdb FILE|DIR…",
		Short: "Convert provider files of Mozilla's ISPDB into entries of domains.toml",
		Long: "import ispdb reads provider files as Mozilla publishes them, or all those in a directory, and prints the entries of\n" +
			"domains.toml that replace them. A provider with one domain becomes the table of that domain, and one with several\n" +
			"becomes a profile that lists them. Every difference from the file's own answer is reported on stderr, one line each:\n" +
			"FILE:LINE: what, why. The exit code is 1 if a domain, a server or a whole file could not be converted; everything else is\n" +
			"converted.\n\n" +
			"Read the result before you add it to your domains.toml: the [defaults] there will also apply to the new entries.",
		Example: "  mailhint import ispdb example.com.xml\n" +
			"  mailhint import ispdb autoconfig/ispdb >domains.d/ispdb.toml 2>remarks.txt",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s needs a FILE or a DIR with provider files, such as example.com.xml", nameOf(cmd))
			}
			return nil
		},
		RunE: importISPDB,
	})
}

func importISPDB(cmd *cobra.Command, args []string) error {
	result, err := imports.ISPDB(cmd.OutOrStdout(), args, func(where domains.Position, text string) {
		fmt.Fprintln(cmd.ErrOrStderr(), untrusted.Printable(where.String()+": "+text))
	})
	if err != nil {
		return problem(err)
	}
	lost := ""
	if result.Lost > 0 {
		lost = "; domains or servers are left out"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s for %s, %s, %s not converted%s\n",
		spelling.Count(result.Entries, "entry"), spelling.Count(result.Domains, "domain"), spelling.Count(result.Remarks, "remark"), spelling.Count(result.Failed, "file"), lost)
	if result.Failed > 0 || result.Lost > 0 {
		return errProblem
	}
	return nil
}
