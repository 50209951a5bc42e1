package probe

import (
	"crypto/tls"
	"crypto/x509"
)

// tlsConfig is for looking, not for trusting: the certificate is judged afterwards, and versions and ciphers are accepted that mail
// programs refuse, so that what a server speaks can be named.
func tlsConfig(host string) *tls.Config {
	config := &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		config.CipherSuites = append(config.CipherSuites, s.ID)
	}
	return config
}

// judge judges the certificate of a connection as a mail program would that was told the host.
func (p *Prober) judge(state tls.ConnectionState, host string) *TLS {
	t := &TLS{Version: state.Version, Cipher: state.CipherSuite, Chain: state.PeerCertificates}
	leaf := t.Leaf() // a TLS server always sends one
	t.NameErr = printable(leaf.VerifyHostname(host))
	between := x509.NewCertPool()
	for _, c := range t.Chain[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: p.Roots, Intermediates: between, CurrentTime: p.now()})
	t.ChainErr = printable(err)
	return t
}
