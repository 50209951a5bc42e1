package main

import (
	"io"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/server"
)

func newHealth() *cobra.Command {
	var (
		ready   bool
		address string
	)
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the running server whether it is healthy, for containers and scripts",
		Long: "health asks the server at the address of admin in [server], which is all that it reads of the configuration, whether it runs\n" +
			"(/-/healthz), or with --ready whether it should get requests (/-/readyz), and prints the answer.\n" +
			"\n" +
			"The exit code is 0 if so, 1 if not, and 3 if no server answers. A server with a mistake in its configuration is healthy: it still\n" +
			"answers from the previous one, which a restart would lose.",
		Example: "  mailhint health\n" +
			"  mailhint health --ready --address '[::1]:8081'",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if address == "" {
				var err error
				if address, err = domains.AdminAddress(configName(cmd)); err != nil {
					return problem(err)
				}
			}
			health, err := server.AskHealth(cmd.Context(), address, ready)
			if err != nil {
				return unknown(err)
			}
			if _, err := io.WriteString(cmd.OutOrStdout(), health.Text); err != nil {
				return problem(err)
			}
			return problemIf(!health.Good)
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether it should get requests")
	cmd.Flags().StringVar(&address, "address", "", "ask at this address, \"host:port\", instead of the configuration's")
	return cmd
}
