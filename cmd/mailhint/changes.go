package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/filestore"
	"mailhint/server"
	"mailhint/untrusted"
)

// changeFlags are the flags of commands that change the configuration.
type changeFlags struct {
	dryRun, json bool
	reason       string

	values []edits.Assignment // that the command line gives
}

// addTo adds the flags to a command.
func (f *changeFlags) addTo(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "save nothing; print what would change as a unified diff")
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for the history")
	cmd.Flags().BoolVar(&f.json, "json", false, "print what was changed as JSON")
}

// openStore opens the store that the configuration is kept in.
func openStore(cmd *cobra.Command) (edits.Store, error) {
	s, err := filestore.Open(configName(cmd))
	if err != nil {
		return nil, problem(err)
	}
	s.Warn = func(err error) { fmt.Fprintln(cmd.ErrOrStderr(), "warning:", untrusted.Printable(err.Error())) }
	return s, nil
}

// spelled is how names are shown at this terminal.
func spelled() edits.Spelling { return edits.Spelling{Unicode: utf8Locale()} }

// actor is who runs the program: with sudo, the one who called it.
func actor() string {
	name := cmp.Or(os.Getenv("SUDO_USER"), os.Getenv("DOAS_USER"))
	if name == "" {
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
	}
	return cmp.Or(name, os.Getenv("USER"), fmt.Sprint("user ", os.Getuid()))
}

// changed is what a command has done, for programs.
type changed struct {
	DryRun  bool           `json:"dry_run,omitempty"`
	Changes []edits.Change `json:"changes"`
	Files   []string       `json:"files,omitempty"`
	Diff    string         `json:"diff,omitempty"`
	Served  *server.Served `json:"served,omitempty"`
}

// save saves edits and reports what was changed.
func (f changeFlags) save(cmd *cobra.Command, s edits.Store, list ...edits.Edit) error {
	result, err := s.Apply(cmd.Context(), edits.ChangeSet{Edits: list, Actor: actor(), Via: edits.Command, Reason: f.reason, DryRun: f.dryRun})
	if err != nil {
		return f.refused(cmd, edits.AtArguments(err, f.values))
	}
	return problem(f.report(cmd, s, result, time.Now()))
}

// refused prints the diff of a change that cannot be written here.
func (f changeFlags) refused(cmd *cobra.Command, err error) error {
	var notWritten *edits.NotWrittenError
	if errors.As(err, &notWritten) && notWritten.Diff != "" {
		if _, err := fmt.Fprint(cmd.OutOrStdout(), notWritten.Diff); err != nil {
			return problem(err)
		}
	}
	return changeError(err)
}

// changeError gives an error of an operation its exit code, and says which command helps.
func changeError(err error) error {
	var exists *edits.ExistsError
	if errors.As(err, &exists) && exists.By.Name == exists.Name {
		err = fmt.Errorf("%w: mailhint set %s KEY=VALUE", err, spelled().Name(exists.Ref))
	}
	return problem(err)
}

// report prints what was changed, whether a running server serves it, and how to undo it.
func (f changeFlags) report(cmd *cobra.Command, s edits.Store, result edits.Result, saved time.Time) error {
	out := cmd.OutOrStdout()
	switch {
	case f.json:
		c := changed{DryRun: f.dryRun, Changes: result.Changes, Files: result.Files, Diff: result.Diff}
		if c.Changes == nil {
			c.Changes = []edits.Change{}
		}
		if len(result.Changes) > 0 && !f.dryRun {
			c.Served = awaitServed(cmd, s, saved)
		}
		return printJSON(out, c)
	case len(result.Changes) == 0:
		_, err := fmt.Fprintln(out, "nothing to change")
		return err
	case f.dryRun:
		_, err := fmt.Fprint(out, result.Diff)
		return err
	}
	if err := spelled().PrintChanges(out, result.Changes); err != nil {
		return err
	}
	if served := awaitServed(cmd, s, saved); served != nil {
		if _, err := fmt.Fprintln(out, served); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(out, undoHint(cmd, result.Changes))
	return err
}

// undoHint says how to undo changes.
func undoHint(cmd *cobra.Command, changes []edits.Change) string {
	who := "DOMAIN"
	if len(changes) == 1 {
		if who = spelled().Name(changes[0].Ref); changes[0].Kind == edits.Profile {
			who = "--profile " + changes[0].Name
		}
	}
	return "to undo: mailhint undo " + who + configFlag(cmd)
}

// configFlag repeats --config for a command that is suggested.
func configFlag(cmd *cobra.Command) string {
	if file := cmd.Flag("config"); file != nil && file.Changed {
		return " --config " + file.Value.String()
	}
	return ""
}

// awaitServed waits until a running server serves the configuration that a store has saved; nil if the store is not a file.
func awaitServed(cmd *cobra.Command, s edits.Store, saved time.Time) *server.Served {
	files, ok := s.(interface{ Saved() *domains.Snapshot })
	if !ok || files.Saved() == nil {
		return nil
	}
	served := server.AwaitServed(cmd.Context(), files.Saved().Server, configName(cmd), files.Saved().Digest(), saved)
	return &served
}
