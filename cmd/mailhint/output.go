package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"mailhint/durable"
	"mailhint/untrusted"
)

// printsDocument completes a command that prints a document: --output writes it to a file, whole or not at all, and at a terminal it ends with
// a newline, so that the prompt does not follow it on the same line. Into a pipe or a file goes exactly what the command prints.
func printsDocument(cmd *cobra.Command) *cobra.Command {
	output, run := addOutput(cmd), cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		output := *output
		out := cmd.OutOrStdout()
		var document bytes.Buffer
		cmd.SetOut(&document)
		result := run(cmd, args)
		cmd.SetOut(out)
		switch {
		case document.Len() == 0 && (output == "" || result != nil):
			return result
		case output != "":
			return errors.Join(writeOutput(output, document.Bytes()), result)
		case terminal(out) != nil && !bytes.HasSuffix(document.Bytes(), []byte("\n")):
			document.WriteByte('\n')
		}
		if _, err := out.Write(document.Bytes()); err != nil {
			return problem(err)
		}
		return result
	}
	return cmd
}

// printsReport completes a command that prints a report while it works: --output writes it to a file, whole or not at all. Without --output
// the command prints to stdout at once.
func printsReport(cmd *cobra.Command) *cobra.Command {
	output, run := addOutput(cmd), cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *output == "" {
			return run(cmd, args)
		}
		var report bytes.Buffer
		out := cmd.OutOrStdout()
		cmd.SetOut(&report)
		result := run(cmd, args)
		cmd.SetOut(out)
		if report.Len() == 0 && result != nil {
			return result
		}
		if err := writeOutput(*output, report.Bytes()); err != nil {
			return err
		}
		return result
	}
	return cmd
}

// addOutput adds the flag --output.
func addOutput(cmd *cobra.Command) *string {
	output := cmd.Flags().StringP("output", "o", "", "write to this file instead of stdout; an existing file is replaced, and left alone if there is nothing to write")
	cmd.MarkFlagFilename("output") // fails only for a flag that does not exist
	return output
}

// checkedWriter remembers the first error of a writer: the program then ends with exit code 1, also where a command or cobra ignores it.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

// fileOf returns the file that a writer writes to; nil if it is not one.
func fileOf(w io.Writer) *os.File {
	if checked, ok := w.(*checkedWriter); ok {
		w = checked.Writer
	}
	file, _ := w.(*os.File)
	return file
}

// writeOutput writes the file that --output names.
func writeOutput(name string, document []byte) error {
	err := durable.Replace(name, document, 0o644)
	if errors.Is(err, durable.ErrNotRegular) {
		return problem(fmt.Errorf("%w; drop --output to print to stdout", err))
	}
	if err != nil {
		return problem(fmt.Errorf("cannot write %s: %w; name another file with --output", name, cause(err)))
	}
	return nil
}

// cause returns an error without the operation and the name of the file, which the message has already.
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

// printJSON prints a value for programs.
func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(untrusted.JSON(w))
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
