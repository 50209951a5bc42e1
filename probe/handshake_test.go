package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mailhint/settings"
	"mailhint/untrusted"
)

func TestCertificates(t *testing.T) {
	ca := newAuthority(t, "Test CA", nil)
	between := newAuthority(t, "Intermediate", ca)
	other := newAuthority(t, "Other CA", nil)
	const host = "mail.example.com"
	alone := between.issue(t, time.Time{}, host)
	complete := alone
	complete.Certificate = [][]byte{alone.Certificate[0], between.certificate.Raw}
	selfSigned := func() tls.Certificate {
		a := newAuthority(t, host, nil)
		return tls.Certificate{Certificate: [][]byte{a.certificate.Raw}, PrivateKey: a.key}
	}()
	tests := []struct {
		name             string
		certificate      tls.Certificate
		nameOK, chainOK  bool
		nameErr, authErr any // what errors.As must find
	}{
		{"good", ca.issue(t, time.Time{}, host), true, true, nil, nil},
		{"good wildcard", ca.issue(t, time.Time{}, "*.example.com"), true, true, nil, nil},
		{"complete chain", complete, true, true, nil, nil},
		{"missing intermediate", alone, true, false, nil, new(x509.UnknownAuthorityError)},
		{"expired", ca.issue(t, testTime.Add(-time.Minute), host), true, false, nil, new(x509.CertificateInvalidError)},
		{"wrong name", ca.issue(t, time.Time{}, "other.example.com"), false, true, new(x509.HostnameError), nil},
		{"name with control characters", ca.issue(t, time.Time{}, "\x1b[2J.example.com"), false, true, new(x509.HostnameError), nil},
		{"wildcard of another level", ca.issue(t, time.Time{}, "*.com"), false, true, new(x509.HostnameError), nil},
		{"self-signed", selfSigned, false, false, new(x509.HostnameError), new(x509.UnknownAuthorityError)},
		{"another authority", other.issue(t, time.Time{}, host), true, false, nil, new(x509.UnknownAuthorityError)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := &Prober{
				Resolver: hostsFile{host: {netip.MustParseAddr("192.0.2.1")}}, Roots: ca.pool(), Step: longStep,
				Dial: dialServer(t, func(conn net.Conn) {
					inside := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{test.certificate}, MaxVersion: tls.VersionTLS12})
					_, _ = io.WriteString(inside, "+OK\r\n-ERR\r\n")
					_, _ = io.Copy(io.Discard, inside)
				}),
			}
			got := p.Look(t.Context(), host, Port{settings.POP3, 995, settings.ImplicitTLS}).Looks[0]
			if got.Speaks != settings.ImplicitTLS || got.TLS == nil || got.Err != nil {
				t.Fatalf("got %+v", got)
			}
			if got.TLS.VersionName() != "TLS 1.2" {
				t.Errorf("version %s", got.TLS.VersionName())
			}
			checkErr(t, "name", got.TLS.NameErr, test.nameOK, test.nameErr)
			checkErr(t, "chain", got.TLS.ChainErr, test.chainOK, test.authErr)
		})
	}
}

// TestHugeCertificate connects to a server with a certificate that would fill the memory.
func TestHugeCertificate(t *testing.T) {
	ca := newAuthority(t, "Test CA", nil)
	var names []string
	for i := range 400 {
		names = append(names, fmt.Sprintf("%d.%s.example.com", i, strings.Repeat("x.", 100)))
	}
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, time.Time{}, names...)}}
	p := &Prober{Resolver: hostsFile{"mail.example.com": {netip.MustParseAddr("192.0.2.1")}}, Step: longStep, Dial: dialServer(t, func(conn net.Conn) {
		_ = tls.Server(conn, config).Handshake() // fails when the client closes the connection
	})}
	got := p.Look(t.Context(), "mail.example.com", mailPorts[0]).Looks[0]
	if !errors.Is(got.Err, ErrHandshake) || !errors.Is(got.Err, errTooMuch) || got.TLS != nil {
		t.Errorf("got %+v", got)
	}
}

// TestCommentsStayShort comments on a host with a different, long result at every address and every port.
func TestCommentsStayShort(t *testing.T) {
	h := Host{Name: "h.example"}
	for i := range 2000 {
		look := Look{Port: mailPorts[i%len(mailPorts)], Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), State: Reached, Speaks: settings.Plaintext}
		for j := range maxMechanisms {
			look.Before.Mechanisms = append(look.Before.Mechanisms, fmt.Sprintf("%d-%d-%s", i, j, strings.Repeat("X", maxMechanism)))
		}
		h.Looks = append(h.Looks, look)
	}
	text := strings.Join(h.comments(FromSRV, time.Now()), "\n")
	if lines := strings.Count(text, "\n"); lines != maxLooks+1 || len(text) > (maxLooks+2)*2*maxText {
		t.Errorf("%d lines, %d octets", lines, len(text))
	}
}

func checkErr(t *testing.T, what string, err error, ok bool, as any) {
	t.Helper()
	switch {
	case (err == nil) != ok:
		t.Errorf("%s: error %v", what, err)
	case err != nil && !errors.As(err, as):
		t.Errorf("%s: error %v is not a %T", what, err, as)
	case err != nil && untrusted.Clip(err.Error(), 1000) != err.Error():
		t.Errorf("%s: error %q contains control characters", what, err)
	}
}

// TestTimeComesFromNow judges a valid certificate in a hundred days.
func TestTimeComesFromNow(t *testing.T) {
	ca := newAuthority(t, "Test CA", nil)
	c := ca.issue(t, time.Time{}, "mail.example.com")
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	p := &Prober{Roots: ca.pool(), Now: func() time.Time { return time.Now().Add(100 * 24 * time.Hour) }}
	got := p.judge(tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}, "mail.example.com")
	if invalid := (x509.CertificateInvalidError{}); !errors.As(got.ChainErr, &invalid) || invalid.Reason != x509.Expired {
		t.Errorf("got %v, want expired", got.ChainErr)
	}
	if got.NameErr != nil {
		t.Error(got.NameErr)
	}
}
