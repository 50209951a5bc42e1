package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/ispdb"
	"mailhint/settings"
	"mailhint/untrusted"
)

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Turn settings published elsewhere into entries of domains.toml",
		Args:  onlyCommands,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImportISPDB())
	return cmd
}

func newImportISPDB() *cobra.Command {
	return &cobra.Command{
		Use:   "ispdb FILE|DIR…",
		Short: "Turn provider files of Mozilla's ISPDB into entries of domains.toml",
		Long: "import ispdb reads provider files as Mozilla publishes them, or all those in a directory, and prints what domains.toml\n" +
			"says in their place. A file with one domain becomes that domain's table, one with several becomes a profile that lists\n" +
			"them. What will be answered differently from what a file says is told on stderr, a line each:\n" +
			"FILE:LINE: what, why. The exit code is 1 if a file could not be carried at all; the others are printed all the same.\n\n" +
			"Look through the result before you add it to your domains.toml: the [defaults] there will hold for the new entries too.",
		Example: "  mailhint import ispdb example.com.xml\n" +
			"  mailhint import ispdb autoconfig/ispdb >domains.d/ispdb.toml 2>remarks.txt",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s needs a FILE or a DIR with provider files, such as example.com.xml", nameOf(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := providerFiles(args)
			if err != nil {
				return problem(err)
			}
			i := importer{out: cmd.OutOrStdout(), messages: cmd.ErrOrStderr(), owner: make(map[settings.Domain]string)}
			if err := i.all(files); err != nil {
				return problem(err)
			}
			if i.failed > 0 {
				return exitError{code: exitProblem}
			}
			return nil
		},
	}
}

// providerFiles lists the files that are meant: those that are named, and in directories those in the order of their names.
func providerFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w; give a provider file, or a directory with such files", arg, cause(err))
		}
		if !info.IsDir() {
			files = append(files, arg)
			continue
		}
		entries, err := os.ReadDir(arg)
		if err != nil {
			return nil, fmt.Errorf("the directory %s cannot be read: %w; allow it, or name the files", arg, cause(err))
		}
		found := false
		for _, e := range entries {
			file := filepath.Join(arg, e.Name())
			// Mozilla's names end with .xml today and had no ending before.
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && (filepath.Ext(file) == ".xml" || isProviderFile(file)) {
				files = append(files, file)
				found = true
			}
		}
		if !found {
			return nil, fmt.Errorf("%s holds no provider file; their names end with .xml", arg)
		}
	}
	return files, nil
}

// isProviderFile reports whether a file begins like one.
func isProviderFile(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 4096))
	return err == nil && bytes.Contains(head, []byte("<clientConfig"))
}

// importer prints entries and gathers what must be said about them.
type importer struct {
	out, messages io.Writer
	owner         map[settings.Domain]string // the file that has a domain already

	entries, names, failed, remarks int
}

func (i *importer) all(files []string) error {
	if _, err := fmt.Fprintln(i.out, "# Made of provider files by mailhint import ispdb."); err != nil {
		return err
	}
	for _, file := range files {
		if err := i.file(file); err != nil {
			return err
		}
	}
	fmt.Fprintf(i.messages, "%s: %s for %s, %d not carried, %s\n", count(len(files), "file"), countEntries(i.entries), count(i.names, "domain"), i.failed,
		count(i.remarks, "remark"))
	return nil
}

// file prints the entry of one file. The error is about writing; what is wrong with the file is said and counted.
func (i *importer) file(file string) error {
	text, err := readProviderFile(file)
	if err != nil {
		i.fail(file, 0, err.Error())
		return nil
	}
	provider, remarks, err := ispdb.Read(text)
	var comments []string
	for _, r := range remarks {
		i.remark(file, r.Line, r.Text)
		comments = append(comments, r.Text)
	}
	if fault := (*ispdb.Error)(nil); errors.As(err, &fault) {
		i.fail(file, fault.Line, fault.Text)
		return nil
	} else if err != nil {
		return err
	}
	for _, c := range provider.Comments {
		comments = append(comments, "The file says: "+c.Text)
	}
	fresh, taken := i.claim(file, provider.Domains)
	comments = append(comments, taken...)
	if len(fresh) == 0 {
		i.fail(file, 0, "all its domains stand in other files already")
		return nil
	}
	printed, err := printProvider(provider, fresh, append([]string{"From " + filepath.Base(file)}, comments...))
	if err != nil {
		return err
	}
	i.entries++
	i.names += len(fresh)
	_, err = io.WriteString(i.out, "\n"+printed)
	return err
}

// claim returns the domains that no file before had, and remarks on the others.
func (i *importer) claim(file string, names []settings.Domain) (fresh []settings.Domain, remarks []string) {
	for _, d := range names {
		if first, taken := i.owner[d]; taken {
			text := fmt.Sprintf("%s is left out: it stands in %s already", d, filepath.Base(first))
			i.remark(file, 0, text)
			remarks = append(remarks, text)
			continue
		}
		i.owner[d] = file
		fresh = append(fresh, d)
	}
	return fresh, remarks
}

// printProvider spells a provider as an entry: siblings that share settings are a list, because aliases would stand for one
// domain.
func printProvider(p *ispdb.Provider, names []settings.Domain, comments []string) (string, error) {
	e := domains.Entry{Kind: domains.Single, Names: names, Choice: domains.Choice{Settings: p.Settings}}
	if len(names) > 1 {
		e.Kind = domains.List
	}
	if p.Plaintext() {
		e.Networks = domains.Anywhere
	}
	return domains.Printer{}.Entry(e, comments...)
}

func (i *importer) remark(file string, line int, text string) {
	i.remarks++
	i.say(file, line, text)
}

func (i *importer) fail(file string, line int, text string) {
	i.failed++
	i.say(file, line, "not carried: "+text)
}

func (i *importer) say(file string, line int, text string) {
	fmt.Fprintf(i.messages, "%s: %s\n", domains.Position{File: file, Line: line}, untrusted.Printable(text))
}

// readProviderFile reads a file, no more of it than ispdb.Read takes.
func readProviderFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, ispdb.MaxSize+1))
}

// cause is an error without the operation and the file, which the message names already.
func cause(err error) error {
	var link *os.LinkError
	var path *os.PathError
	switch {
	case errors.As(err, &link):
		return link.Err
	case errors.As(err, &path):
		return path.Err
	}
	return err
}

func countEntries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
