package probe

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mailhint/probe/probetest"
	"mailhint/settings"
)

// TestIndependentServers looks at servers of other projects.
func TestIndependentServers(t *testing.T) {
	ca := newAuthority(t, "Test CA", nil)
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, time.Time{}, "mail.example.com")}}
	servers := map[settings.Protocol]func(net.Listener) error{
		settings.IMAP:       func(l net.Listener) error { return probetest.NewIMAPServer(config).Serve(l) },
		settings.Submission: func(l net.Listener) error { return probetest.NewSubmissionServer(config).Serve(l) },
	}
	for protocol, serve := range servers {
		for _, security := range []settings.Security{settings.ImplicitTLS, settings.STARTTLS} {
			for _, expected := range []settings.Security{settings.ImplicitTLS, settings.STARTTLS} {
				inBubble(t, protocol.String()+" with "+security.String()+" probed as "+expected.String(), func(t *testing.T) {
					accepting := make(memoryListener)
					var l net.Listener = accepting
					if security == settings.ImplicitTLS {
						l = tls.NewListener(l, config)
					}
					ended := make(chan error)
					go func() { ended <- serve(l) }()
					defer func() { l.Close(); <-ended }()
					p := &Prober{
						Resolver: hostsFile{"mail.example.com": {netip.MustParseAddr("192.0.2.1")}}, Roots: ca.pool(), Dial: accepting.dial,
						Step: testStep, Now: func() time.Time { return testTime },
					}
					got := p.Look(t.Context(), "mail.example.com", Port{protocol, 1, expected}).Looks[0]
					if got.Speaks != security || got.Err != nil {
						t.Fatalf("speaks %s, error %v; want %s", got.Speaks, got.Err, security)
					}
					if got.TLS.NameErr != nil || got.TLS.ChainErr != nil || got.TLS.Version != tls.VersionTLS13 {
						t.Errorf("got %+v", got.TLS)
					}
					if got.Before.STARTTLS != (security == settings.STARTTLS) || len(got.Before.Mechanisms) > 0 || got.After.STARTTLS {
						t.Errorf("before %+v, after %+v", got.Before, got.After)
					}
					if auths := got.After.Auths(); !slices.Contains(auths, settings.Password) {
						t.Errorf("login methods %v, capabilities %v", auths, got.After)
					}
				})
			}
		}
	}
}
