package main

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/proxies"
	"mailhint/settings"
)

// proxyFlags are the flags of proxy.
type proxyFlags struct{ upstream, cert, key string }

func newProxy() *cobra.Command {
	var flags proxyFlags
	cmd := &cobra.Command{
		Use:   "proxy " + strings.Join(proxies.Kinds, "|"),
		Short: "Print what a web server in front needs to pass requests on",
		Long: "proxy prints a piece of configuration for a web server in front of mailhint, with the names of the configured domains.\n" +
			"Its first lines say where it belongs and what [server] in domains.toml must say.\n" +
			"\n" +
			"nginx-sni passes TLS on as it is, for mailhint's own certificates; with the others the proxy has the certificates.\n" +
			"\n" +
			"The exit code is 1 if [server] does not say so yet; the configuration is printed all the same.",
		Example: "  mailhint proxy nginx --cert /etc/ssl/mail.pem --key /etc/ssl/mail.key >/etc/nginx/conf.d/mailhint.conf\n" +
			"  mailhint proxy caddy >/etc/caddy/mailhint.caddy",
		ValidArgs: proxies.Kinds,
		Args:      oneArgument("the kind of proxy: " + strings.Join(proxies.Kinds, ", ")),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(proxies.Kinds, args[0]) {
				return fmt.Errorf("unknown proxy %q; write %s", args[0], strings.Join(proxies.Kinds, ", "))
			}
			s, err := domains.Load(configName(cmd))
			if err != nil {
				return problem(err)
			}
			options := flags.options(args[0], s)
			out, err := proxies.Snippet(args[0], options)
			if err != nil {
				return err
			}
			if _, err := cmd.OutOrStdout().Write(out); err != nil {
				return problem(err)
			}
			if lacks := proxyLacks(args[0], options, s.Server); lacks != "" {
				return problem(fmt.Errorf("%s does not fit yet: correct %s in [server], as the first lines say", configName(cmd), lacks))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&flags.upstream, "upstream", "", "address at which the proxy reaches mailhint; default http in [server], for nginx-sni https")
	cmd.Flags().StringVar(&flags.cert, "cert", "", "file of the certificate that the proxy shows; default cert in [server]")
	cmd.Flags().StringVar(&flags.key, "key", "", "file of its key; default key in [server]")
	return cmd
}

// options gathers what the flags and the configuration say.
func (f proxyFlags) options(kind string, s *domains.Snapshot) proxies.Options {
	o := proxies.Options{
		Domains:       listedDomains(s),
		Server:        s.Server.Name,
		HTTP:          reachable(s.Server.HTTP, "8080"),
		HTTPS:         reachable(s.Server.HTTPS, "8443"),
		Admin:         reachable([]string{s.Server.Admin}, "8081"),
		Cert:          "/etc/ssl/mailhint/fullchain.pem",
		Key:           "/etc/ssl/mailhint/privkey.pem",
		ProxyProtocol: s.Server.ProxyProtocol,
	}
	switch pairs := s.Server.Certificates; {
	case kind == "haproxy":
		o.Cert = "/etc/haproxy/mailhint.pem" // both in one file
	case len(pairs) > 0:
		o.Cert, o.Key = pairs[0].Cert, pairs[0].Key
	}
	if f.cert != "" {
		o.Cert = f.cert
	}
	if f.key != "" {
		o.Key = f.key
	}
	switch {
	case f.upstream == "":
	case kind == "nginx-sni":
		o.HTTPS = f.upstream
	default:
		o.HTTP = f.upstream
	}
	return o
}

// reachable returns the first address to which a proxy on this machine can connect, and which it does not need itself.
func reachable(addresses []string, port string) string {
	for _, address := range addresses {
		host, p, err := net.SplitHostPort(address)
		if err != nil || p == "80" || p == "443" || p == "0" {
			continue
		}
		if ip := net.ParseIP(host); host == "" || host == "localhost" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		return net.JoinHostPort(host, p)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// listedDomains returns the domains that are answered for, or nil if they are too many, or not all known by name.
func listedDomains(s *domains.Snapshot) []settings.Domain {
	if s.Domains() > proxies.MaxListed {
		return nil
	}
	var list []settings.Domain
	for _, e := range s.Entries() {
		switch {
		case e.Disabled:
		case e.Kind == domains.Wildcard, e.Kind == domains.Fallback:
			return nil
		default:
			list = append(list, e.Names...)
		}
	}
	return list
}

// proxyLacks returns the first key in [server] that does not fit to the snippet; "" if all do.
func proxyLacks(kind string, o proxies.Options, s domains.Server) string {
	sni := kind == "nginx-sni"
	listens := func(addresses []string, at string) bool {
		return slices.ContainsFunc(addresses, func(a string) bool { return reachable([]string{a}, "") == at })
	}
	switch {
	case sni == (s.TLS == "off"):
		return "tls"
	case sni && !listens(s.HTTPS, o.HTTPS):
		return "https"
	case !listens(s.HTTP, o.HTTP):
		return "http"
	case kind == "caddy" && !listens([]string{s.Admin}, o.Admin):
		return "admin"
	case len(s.TrustedProxies) == 0:
		return "trusted_proxies"
	case kind != "haproxy" && sni != s.ProxyProtocol:
		return "proxy_protocol"
	}
	return ""
}
