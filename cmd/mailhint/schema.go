package main

import (
	"github.com/spf13/cobra"

	"mailhint/schema"
)

func newSchema() *cobra.Command {
	return printsDocument(&cobra.Command{
		Use:   "schema",
		Short: "Print a JSON schema of domains.toml, for editors",
		Long: "schema prints a JSON schema, with which editors that use taplo or tombi complete, explain and check domains.toml while you\n" +
			"write it. Name it in the first line of the file:\n" +
			"\n" +
			"  #:schema ./domains.schema.json\n" +
			"\n" +
			"Its $id has the version of domains.toml that it is for. mailhint check finds more mistakes, such as a profile that does not exist.",
		Example: "  mailhint schema --output domains.schema.json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := schema.JSON()
			if err == nil {
				_, err = cmd.OutOrStdout().Write(text)
			}
			return problem(err)
		},
	})
}
