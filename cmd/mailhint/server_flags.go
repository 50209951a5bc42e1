package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"mailhint/admin/remote"
	"mailhint/edits"
)

// addServerFlags adds the flags with which a command works on the configuration of a server, through its API.
func addServerFlags(c *cobra.Command) {
	c.Flags().String("server", "", "work on the configuration of the server at this URL, through its API; default: $MAILHINT_SERVER")
	c.Flags().String("token-file", "", "file with the token for --server; default: $MAILHINT_TOKEN_FILE")
}

// serverName returns the URL of the server that a command works on; empty for the configuration on this machine.
func serverName(c *cobra.Command) string {
	if c.Flags().Lookup("server") == nil || c.Flags().Changed("config") && !c.Flags().Changed("server") {
		return ""
	}
	name, _ := c.Flags().GetString("server")
	if name == "" && !c.Flags().Changed("server") {
		name = os.Getenv("MAILHINT_SERVER")
	}
	return name
}

// openRemote opens the store of the server that a command works on.
func openRemote(c *cobra.Command, server string) (edits.Store, error) {
	if c.Flags().Changed("config") {
		return nil, errors.New("--server and --config exclude each other; drop one")
	}
	named, _ := c.Flags().GetString("token-file")
	name := cmp.Or(named, os.Getenv("MAILHINT_TOKEN_FILE"))
	if name == "" {
		return nil, errors.New("--server needs --token-file with the file that has the token; mailhint token add makes one on the server")
	}
	s, err := remote.OpenFile(server, name)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	return s, nil
}

// serverFlag repeats --server and --token-file for a command that is suggested.
func serverFlag(c *cobra.Command) string {
	text := ""
	for _, name := range []string{"server", "token-file"} {
		if f := c.Flag(name); f != nil && f.Changed {
			text += " --" + name + " " + shellWord(f.Value.String())
		}
	}
	return text
}
