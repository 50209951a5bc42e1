package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailhint/edits"
)

func newEdit() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use:   "edit DOMAIN",
		Short: "Edit the entry of a domain in your editor",
		Long: "edit opens the entry of a domain, with its comments, in $VISUAL, $EDITOR or vi. The result is checked before it is saved: after a\n" +
			"mistake you can edit it again, or give up. Then, and if somebody else has changed the domain in the meantime, nothing is saved, and\n" +
			"your text is kept in a file.",
		Example: "  mailhint edit example.com\n" +
			"  EDITOR='code --wait' mailhint edit example.com",
		Args: oneArgument("a DOMAIN, such as example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := edits.ParseDomain(args[0])
			if err != nil {
				return err
			}
			s, err := openStore(cmd)
			if err != nil {
				return err
			}
			r, err := edits.Existing(cmd.Context(), s, ref)
			if err != nil {
				return changeError(err)
			}
			return flags.edit(cmd, s, r)
		},
	}
	flags.addTo(cmd)
	cmd.ValidArgsFunction = completeRecords(1)
	return cmd
}

// edit lets a person edit a record until it can be saved, or the person gives up.
func (f changeFlags) edit(cmd *cobra.Command, s edits.Store, r edits.Record) error {
	dir, err := os.MkdirTemp("", "mailhint-edit-")
	if err != nil {
		return problem(err)
	}
	name := filepath.Join(dir, strings.ReplaceAll(r.Name, "*", "_")+".toml")
	if err := os.WriteFile(name, []byte(edits.EditorText(r)), 0o600); err != nil {
		return problem(errors.Join(err, os.RemoveAll(dir)))
	}
	answers := bufio.NewReader(cmd.InOrStdin())
	for {
		err := runEditor(cmd, name)
		if err == nil {
			err = f.saveText(cmd, s, r, name)
		}
		switch {
		case err == nil:
			return os.RemoveAll(dir)
		case errors.Is(err, edits.ErrUnchanged):
			fmt.Fprintln(cmd.ErrOrStderr(), "nothing to change")
			return errors.Join(f.reportUnchanged(cmd), os.RemoveAll(dir))
		case edits.IsMistake(err):
			fmt.Fprintln(cmd.ErrOrStderr(), strings.TrimSpace(err.Error()))
			if again(cmd, answers) {
				continue
			}
			err = errProblem
		}
		if unchanged(name, edits.EditorText(r)) {
			return errors.Join(changeError(err), os.RemoveAll(dir))
		}
		if info, gone := os.Stat(name); gone != nil || !info.Mode().IsRegular() {
			return errors.Join(changeError(errors.New("the editor has removed the file; nothing was saved")), os.RemoveAll(dir))
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "nothing was saved; your text is in %s\n", name)
		return changeError(err)
	}
}

// saveText checks and saves what is in a file.
func (f changeFlags) saveText(cmd *cobra.Command, s edits.Store, r edits.Record, name string) error {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("%s is not a file any more", name))
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	e, err := edits.ParseEditorText(r, name, string(text))
	if err != nil {
		return err
	}
	result, err := s.Apply(cmd.Context(), edits.ChangeSet{Edits: []edits.Edit{e}, Actor: actor(), Via: edits.Command, Reason: f.reason, DryRun: f.dryRun})
	if err != nil {
		return err
	}
	return f.report(cmd, result, time.Now())
}

func unchanged(name, text string) bool {
	now, err := os.ReadFile(name)
	return err == nil && string(now) == text
}

// runEditor runs the editor, which may have arguments, as git does: by the shell. An interrupt is for the editor.
func runEditor(cmd *cobra.Command, name string) error {
	editor := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi")
	run := exec.CommandContext(cmd.Context(), "sh", "-c", editor+` "$@"`, editor, name)
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	signal.Ignore(os.Interrupt)
	defer signal.Reset(os.Interrupt)
	if err := run.Run(); err != nil {
		return fmt.Errorf("the editor %q has failed: %w; set $VISUAL or $EDITOR to another", editor, err)
	}
	return nil
}

// again asks whether to edit a text again. No answer is no.
func again(cmd *cobra.Command, answers *bufio.Reader) bool {
	fmt.Fprint(cmd.ErrOrStderr(), "edit again? [Y/n] ")
	line, err := answers.ReadString('\n')
	if err != nil && (err != io.EOF || line == "") {
		fmt.Fprintln(cmd.ErrOrStderr())
		return false
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "" || strings.HasPrefix(answer, "y")
}
