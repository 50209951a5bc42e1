package main

import (
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"mailhint/resolver"
)

// addOutsideFlags adds the flags of commands that look at DNS and at servers: those that resolverOf and privateNetworks read.
func addOutsideFlags(cmd *cobra.Command) {
	cmd.Flags().String("resolver", "", "address of the resolver to ask, such as 192.0.2.53; default this machine's")
	cmd.Flags().StringSlice("private", nil, "private networks, such as 10.0.0.0/8, whose servers may be looked at")
}

// namedResolver returns the resolver that --resolver names, or nil.
func namedResolver(cmd *cobra.Command) (*resolver.Resolver, error) {
	text, _ := cmd.Flags().GetString("resolver") // "" where the command has no such flag
	if text == "" {
		return nil, nil
	}
	server, err := resolver.ParseServer(text)
	if err != nil {
		return nil, fmt.Errorf("--resolver %w", err)
	}
	return resolver.New(server), nil
}

// resolverOf returns the resolver that --resolver names, or this machine's.
func resolverOf(cmd *cobra.Command) (*resolver.Resolver, error) {
	r, err := namedResolver(cmd)
	if r != nil || err != nil {
		return r, err
	}
	if r, err = resolver.System(); err != nil {
		return nil, exitError{exitUnknown, fmt.Errorf("%w with --resolver", err)}
	}
	return r, nil
}

// privateNetworks returns the networks that --private names.
func privateNetworks(cmd *cobra.Command) ([]netip.Prefix, error) {
	texts, _ := cmd.Flags().GetStringSlice("private")
	var networks []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--private %q is no network; write it like 10.0.0.0/8", text)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}
