package ldap

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/go-ldap/ldap/v3"

	"mailhint/logins"
	"mailhint/secretfile"
)

// dialer makes connections.
type dialer struct{ config Config }

// newDialer checks what connections need.
func newDialer(c Config) (*dialer, error) {
	d := &dialer{c}
	if _, err := d.password(); err != nil {
		return nil, err
	}
	if _, err := logins.ReadCA(c.CA); err != nil {
		return nil, err
	}
	for _, text := range c.URLs {
		if _, err := url.Parse(text); err != nil {
			return nil, errors.New("url has a URL that is not valid")
		}
	}
	return d, nil
}

// password returns the password for bind_dn. It is read for each connection, so that it can be changed.
func (d *dialer) password() (string, error) {
	if d.config.BindDN == "" {
		return "", nil
	}
	return secretfile.ReadRegular(d.config.PasswordFile)
}

// defaultPorts are those of the schemes.
var defaultPorts = map[string]string{"ldap": "389", "ldaps": "636"}

// errNoSTARTTLS means that a connection cannot be encrypted. Nothing was sent over it.
var errNoSTARTTLS = errors.New("it does not offer STARTTLS, and nothing is sent without encryption")

// dial connects to a server and binds.
func (d *dialer) dial(ctx context.Context, s *server, patience time.Duration) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	u, err := url.Parse(s.url)
	if err != nil {
		return nil, errors.New("not a valid URL")
	}
	password, err := d.password()
	if err != nil {
		return nil, err
	}
	roots, err := logins.ReadCA(d.config.CA)
	if err != nil {
		return nil, err
	}
	network, address := "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), defaultPorts[u.Scheme]))
	if u.Scheme == "ldapi" {
		network, address = "unix", u.Path
	}
	raw, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	end, _ := ctx.Deadline()
	raw.SetDeadline(end) // fails for a closed connection only, as everything below does then
	secure := &tls.Config{ServerName: u.Hostname(), RootCAs: roots, MinVersion: tls.VersionTLS12}
	c := &conn{raw: raw, server: s, since: time.Now()}
	if u.Scheme == "ldaps" {
		encrypted := tls.Client(raw, secure)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			raw.Close() // as in close
			return nil, fmt.Errorf("TLS: %w", err)
		}
		c.Conn = ldap.NewConn(encrypted, true)
	} else {
		c.Conn = ldap.NewConn(raw, false)
	}
	c.SetTimeout(time.Until(end))
	c.Start()
	if err := d.begin(c, u.Scheme, secure, password); err != nil {
		c.close()
		return nil, err
	}
	raw.SetDeadline(time.Time{})
	return c, nil
}

// begin makes sure that a connection is encrypted, and binds.
func (d *dialer) begin(c *conn, scheme string, secure *tls.Config, password string) error {
	if scheme == "ldap" {
		err := c.StartTLS(secure)
		var of *ldap.Error
		switch {
		case errors.As(err, &of) && of.ResultCode < ldap.ErrorNetwork:
			return errNoSTARTTLS
		case err != nil:
			return fmt.Errorf("STARTTLS: %w", err)
		}
		if _, encrypted := c.TLSConnectionState(); !encrypted {
			return errNoSTARTTLS
		}
	}
	if d.config.BindDN == "" {
		return nil
	}
	return c.Bind(d.config.BindDN, password)
}
