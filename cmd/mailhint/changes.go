package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

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
	wanted []edits.Wanted     // that a snapshot gives
}

// addTo adds the flags to a command, and makes it report what is refused.
func (f *changeFlags) addTo(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "save nothing; print what would change as a unified diff")
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for the history")
	cmd.Flags().BoolVar(&f.json, "json", false, "print what was changed, or why nothing was, as JSON")
	addServerFlags(cmd)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.refused(cmd, run(cmd, args))
	}
}

// openStore opens the store that the configuration is kept in: the files, and the database beside them if there is one; or that of another server.
func openStore(cmd *cobra.Command) (edits.Store, error) {
	if server := serverName(cmd); server != "" {
		return openRemote(cmd, server)
	}
	files, err := filestore.Open(configName(cmd))
	if err != nil {
		return nil, problem(err)
	}
	files.Warn = func(err error) { fmt.Fprintln(cmd.ErrOrStderr(), "warning:", untrusted.Printable(err.Error())) }
	database, err := openDatabase(cmd)
	if database == nil || err != nil {
		return files, err
	}
	return edits.Beside(files, database), nil
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
	// Refused says why nothing was changed, in one or two words, and Error in sentences.
	Refused string `json:"refused,omitempty"`
	Error   string `json:"error,omitempty"`
}

// save saves edits and reports what was changed.
func (f changeFlags) save(cmd *cobra.Command, s edits.Store, list ...edits.Edit) error {
	result, err := s.Apply(cmd.Context(), edits.ChangeSet{Edits: list, Actor: actor(), Via: edits.Command, Reason: f.reason, DryRun: f.dryRun})
	if err != nil {
		return changeError(edits.AtWanted(edits.AtArguments(err, f.values), f.wanted))
	}
	return problem(f.report(cmd, result, time.Now()))
}

// refused reports that nothing was changed: to programs as JSON, to people with the diff if they have to make the change by hand. Errors about the
// command line are returned as they are.
func (f changeFlags) refused(cmd *cobra.Command, err error) error {
	var exit exitError
	if !errors.As(err, &exit) || exit.err == nil {
		return err
	}
	c := changed{DryRun: f.dryRun, Changes: []edits.Change{}, Refused: edits.Refusal(exit.err), Error: exit.Error()}
	if notWritten := (*edits.NotWrittenError)(nil); errors.As(err, &notWritten) {
		c.Diff = notWritten.Diff
	}
	var failed error
	if f.json {
		failed = printJSON(cmd.OutOrStdout(), c)
	} else {
		_, failed = io.WriteString(cmd.OutOrStdout(), c.Diff)
	}
	if failed != nil {
		return problem(failed)
	}
	if c.Refused == edits.RefusedInvalid && !f.dryRun {
		exit.err = fmt.Errorf("%w\nnothing was saved", exit.err)
	}
	return exit
}

// changeError gives an error of an operation its exit code, and says which command helps.
func changeError(err error) error {
	var exists *edits.ExistsError
	var missing *edits.NotFoundError
	var removals *edits.RemovalsError
	switch {
	case errors.As(err, &removals) && removals.Hourly:
		err = fmt.Errorf("%w; wait an hour, or let an operator remove them with mailhint apply --allow-removals", err)
	case errors.As(err, &removals):
		err = fmt.Errorf("%w; if all of these are meant to go: --allow-removals %d", err, removals.Removed)
	case errors.Is(err, edits.ErrReadOnly) && errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w, or run this as root or as the user of the server", err)
	case errors.As(err, &exists) && exists.By.Name == exists.Name:
		err = fmt.Errorf("%w: mailhint set %s KEY=VALUE", err, shellWord(spelled().Name(exists.Ref)))
	case errors.As(err, &missing) && missing.Removed != nil:
		err = fmt.Errorf("%w; to restore it: mailhint undo %s", err, undoArgument(missing.Ref))
	case errors.As(err, &missing) && missing.Kind == edits.Domain && missing.By.Name == "" && missing.Similar == "":
		err = fmt.Errorf("%w; mailhint list shows what is, and mailhint add adds a domain", err)
	}
	return problem(err)
}

// report prints what was changed, whether a running server serves it, and how to undo it.
func (f changeFlags) report(cmd *cobra.Command, result edits.Result, saved time.Time) error {
	out := cmd.OutOrStdout()
	switch {
	case f.json:
		c := changed{DryRun: f.dryRun, Changes: result.Changes, Files: result.Files, Diff: result.Diff}
		if c.Changes == nil {
			c.Changes = []edits.Change{}
		}
		if len(result.Changes) > 0 && !f.dryRun {
			c.Served = awaitServed(cmd, result, saved)
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
	if _, err := fmt.Fprintln(out, awaitServed(cmd, result, saved)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, undoHint(cmd, result.Changes))
	return err
}

// reportUnchanged reports to programs that there was nothing to change.
func (f changeFlags) reportUnchanged(cmd *cobra.Command) error {
	if !f.json {
		return nil
	}
	return problem(f.report(cmd, edits.Result{}, time.Now()))
}

// undoHint says how to undo changes.
func undoHint(cmd *cobra.Command, changes []edits.Change) string {
	if len(changes) == 1 {
		return "to undo: mailhint undo " + undoArgument(changes[0].Ref) + configFlag(cmd)
	}
	return "to undo one: mailhint undo DOMAIN" + configFlag(cmd) + "; to undo all, apply the snapshot from before"
}

// undoArgument is how undo takes the name of a record.
func undoArgument(r edits.Ref) string {
	if r.Kind == edits.Profile {
		return "--profile " + shellWord(r.Name)
	}
	return shellWord(spelled().Name(r))
}

// configFlag repeats --config for a command that is suggested.
func configFlag(cmd *cobra.Command) string {
	if file := cmd.Flag("config"); file != nil && file.Changed {
		return " --config " + shellWord(file.Value.String())
	}
	return serverFlag(cmd)
}

// awaitServed waits until a running server serves changes that have been saved.
func awaitServed(cmd *cobra.Command, result edits.Result, saved time.Time) *server.Served {
	if name := serverName(cmd); name != "" {
		return &server.Served{Status: server.SavedThere, Server: name}
	}
	last, config := result.Changes[len(result.Changes)-1], result.Config
	for _, s := range []*edits.State{last.Before, last.After} {
		if s != nil && s.ManagedBy == edits.ByStore {
			served := server.AwaitSequence(cmd.Context(), config.Server, configName(cmd), last.Number, saved)
			return &served
		}
	}
	served := server.AwaitServed(cmd.Context(), config.Server, configName(cmd), config.Digest(), saved)
	return &served
}
