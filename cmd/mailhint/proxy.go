package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/proxies"
)

func newProxy() *cobra.Command {
	var upstream, cert, key string
	cmd := &cobra.Command{
		Use:   "proxy " + strings.Join(proxies.Kinds, "|"),
		Short: "Print configuration for a web server in front of mailhint",
		Long: "proxy prints the configuration with which a web server passes the requests of mail programs on to mailhint, with the names\n" +
			"that mailhint dns publishes for the configured domains. Its first lines say where to put it, what [server] in domains.toml needs\n" +
			"and how to order the certificate with Certbot; its last lines are for the web sites of the mail domains.\n" +
			"\n" +
			"nginx-sni passes TLS on unchanged, for mailhint's own certificates; the others need certificates of their own.\n" +
			"\n" +
			"The exit code is 1 if [server] does not match yet; the configuration is printed all the same.",
		Example: "  mailhint proxy nginx --cert /etc/ssl/mail.pem --key /etc/ssl/mail.key >/etc/nginx/conf.d/mailhint.conf\n" +
			"  mailhint proxy caddy >/etc/caddy/mailhint.caddy",
		ValidArgs: proxies.Kinds,
		Args:      oneArgument("the kind of proxy: " + strings.Join(proxies.Kinds, ", ")),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := args[0]
			if !slices.Contains(proxies.Kinds, kind) {
				return fmt.Errorf("unknown proxy %q; write %s", kind, strings.Join(proxies.Kinds, ", "))
			}
			s, err := domains.Load(configName(cmd))
			if err != nil {
				return problem(err)
			}
			options := proxies.OptionsFor(kind, s)
			if cert != "" {
				options.Cert = cert
			}
			if key != "" {
				options.Key = key
			}
			if upstream != "" {
				options.Reach(kind, upstream)
			}
			out, err := proxies.Snippet(kind, options)
			if err != nil {
				return err
			}
			if _, err := cmd.OutOrStdout().Write(out); err != nil {
				return problem(err)
			}
			if key := proxies.Mismatch(kind, options, s.Server); key != "" {
				return problem(fmt.Errorf("%s does not match yet: correct %s in [server], as the first lines say", configName(cmd), key))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&upstream, "upstream", "", "address at which the proxy reaches mailhint; default http in [server], for nginx-sni https")
	cmd.Flags().StringVar(&cert, "cert", "", "file of the proxy's certificate; default cert in [server], else that of certbot --cert-name mailhint")
	cmd.Flags().StringVar(&key, "key", "", "file of its key; default key in [server], else that of certbot --cert-name mailhint")
	return printsDocument(cmd)
}
