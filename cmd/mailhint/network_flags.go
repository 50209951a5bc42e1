package main

import (
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"mailhint/resolver"
)

// resolverUsage explains the flag --resolver.
const resolverUsage = "IP address of the DNS resolver to use, such as 192.0.2.53; default: this machine's"

// addNetworkFlags adds the flags of commands that use DNS and connect to servers, for resolverOf and privateNetworks.
func addNetworkFlags(cmd *cobra.Command) {
	cmd.Flags().String("resolver", "", resolverUsage)
	cmd.Flags().StringSlice("private", nil, "private networks in which servers may be probed, such as 10.0.0.0/8")
}

// namedResolver returns the resolver given with --resolver, or nil.
func namedResolver(cmd *cobra.Command) (*resolver.Resolver, error) {
	text, _ := cmd.Flags().GetString("resolver") // "" if the command has no such flag
	if text == "" {
		return nil, nil
	}
	server, err := resolver.ParseServer(text)
	if err != nil {
		return nil, fmt.Errorf("--resolver %w", err)
	}
	return resolver.New(server), nil
}

// resolverOf returns the resolver given with --resolver, or this machine's.
func resolverOf(cmd *cobra.Command) (*resolver.Resolver, error) {
	r, err := namedResolver(cmd)
	if r != nil || err != nil {
		return r, err
	}
	if r, err = resolver.System(); err != nil {
		return nil, unknown(fmt.Errorf("%w with --resolver", err))
	}
	return r, nil
}

// privateNetworks returns the networks given with --private.
func privateNetworks(cmd *cobra.Command) ([]netip.Prefix, error) {
	texts, _ := cmd.Flags().GetStringSlice("private")
	var networks []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--private %q is not a valid network; write it like 10.0.0.0/8", text)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}
