package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/filestore"
	"mailhint/imports"
	"mailhint/imports/providers"
	"mailhint/spelling"
	"mailhint/untrusted"
)

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Take over domains from other programs and services",
		Long: "import reads what another program or service says about mail domains, and prints the entries of domains.toml that replace it, or adds\n" +
			"them with --apply. " + importHelp,
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(importCommands()...)
	cmd.AddCommand(newHelp())
	return cmd
}

// importHelp says what all sources have in common.
const importHelp = "Domains with the same settings become one profile that lists them. Every difference from what\n" +
	"the source says is reported on stderr, one line each: PLACE: what, why. The exit code is 1 if a domain, a server or a whole source\n" +
	"could not be converted; everything else is converted.\n" +
	"\n" +
	"Read the result before you add it to your domains.toml: the [defaults] there also apply to the new entries. With --apply, domains that\n" +
	"are configured already stay as they are, and are reported if their settings differ; nothing is removed."

// importCommands are the commands for the sources.
func importCommands() []*cobra.Command {
	return []*cobra.Command{newImportAutomx(), newImportAutomx2(), newImportAutomx3(), newImportCSV(), newImportHappyDomain(), newImportISPConfig(),
		newImportISPDB(), newImportMailcow(), newImportModoboa(), newImportMonogramm(), newImportOutlook(), newImportPostfixAdmin(), newImportSRV(), newImportURL()}
}

// importFlags are those of all sources.
type importFlags struct {
	changeFlags
	apply, overwrite bool
}

// source completes a command that imports from one kind of source. Its read hands everything to the collection; its error is about the arguments.
func source(cmd *cobra.Command, kind string, read func(cmd *cobra.Command, c *imports.Collection, args []string) error) *cobra.Command {
	var flags importFlags
	cmd.Long += "\n\n" + importHelp
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flags.check(cmd); err != nil {
			return err
		}
		c := imports.New(func(where domains.Position, text string) {
			if where != (domains.Position{}) {
				text = where.String() + ": " + text
			}
			fmt.Fprintln(cmd.ErrOrStderr(), untrusted.Printable(text))
		})
		if err := read(cmd, c, args); err != nil {
			return err
		}
		return flags.finish(cmd, c, kind)
	}
	flags.addTo(cmd)
	cmd.Flags().BoolVar(&flags.apply, "apply", false, "add the domains to the configuration instead of printing them")
	cmd.Flags().BoolVar(&flags.overwrite, "overwrite", false, "with --apply: replace the settings of domains that are configured already")
	return printsDocument(cmd)
}

// check refuses flags that have a meaning only with --apply.
func (f *importFlags) check(cmd *cobra.Command) error {
	for _, name := range []string{"dry-run", "reason", "json", "overwrite"} {
		if !f.apply && cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s has a meaning only with --apply; add that, or drop it", name)
		}
	}
	return nil
}

// finish prints or applies what was collected.
func (f *importFlags) finish(cmd *cobra.Command, c *imports.Collection, kind string) error {
	var err error
	if f.apply {
		err = f.applyAll(cmd, c)
	} else {
		err = problem(c.Print(cmd.OutOrStdout(), kind))
	}
	if err != nil {
		return err
	}
	lost := ""
	if c.Result.Lost > 0 {
		lost = "; domains or servers are left out"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s, %s, %s not converted%s\n", spelling.Count(c.Result.Domains, "domain"), spelling.Count(c.Result.Remarks, "remark"),
		spelling.Count(c.Result.Failed, "source"), lost)
	if !c.Result.Complete() {
		return errProblem
	}
	return nil
}

// applyAll adds what the configuration lacks.
func (f *importFlags) applyAll(cmd *cobra.Command, c *imports.Collection) error {
	s, err := openStore(cmd)
	if err != nil {
		return err
	}
	_, isFile := s.(*filestore.Store)
	plan, wanted, err := c.Plan(cmd.Context(), s, imports.PlanOptions{Overwrite: f.overwrite, Lists: isFile})
	if err != nil {
		return problem(err)
	}
	if tables := c.LookupTables(); tables != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "look-ups are not added by --apply; these must be in domains.toml first:\n%s\n", tables)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), plan)
	if len(plan.Edits) == 0 {
		return f.reportUnchanged(cmd)
	}
	f.wanted = wanted
	return f.save(cmd, s, plan.Edits...)
}

// readSource gives an error about a source its exit code: nothing is known about one that cannot be read.
func readSource(err error) error {
	if errors.Is(err, imports.ErrUnread) {
		return unknown(err)
	}
	return problem(err)
}

func newImportISPDB() *cobra.Command {
	return source(&cobra.Command{
		Use:   "ispdb FILE|DIR…",
		Short: "From provider files of Mozilla's ISPDB, such as config-v1.1.xml",
		Long: "import ispdb reads provider files as Mozilla publishes them, or all those in a directory. Files for autoconfig that you wrote yourself\n" +
			"have the same form.",
		Example: "  mailhint import ispdb example.com.xml\n" +
			"  mailhint import ispdb autoconfig/ispdb >domains.d/ispdb.toml 2>remarks.txt",
		Args: someArguments("a FILE or a DIR with provider files, such as example.com.xml"),
	}, "ISPDB provider files", func(_ *cobra.Command, c *imports.Collection, args []string) error {
		return readSource(providers.Read(c, args))
	})
}
