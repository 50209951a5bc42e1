package ldap

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
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
	if _, err := d.tls(); err != nil {
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

// tls returns how connections are encrypted. The files are read for each connection, so that they can be changed.
func (d *dialer) tls() (*tls.Config, error) {
	roots, err := logins.ReadCA(d.config.CA)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if d.config.Cert == "" {
		return config, nil
	}
	for _, name := range []string{d.config.Cert, d.config.Key} {
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular(): // to open a named pipe would wait
			return nil, fmt.Errorf("%s is not a regular file", name)
		case name == d.config.Key:
			if err := secretfile.CheckMode(name, info); err != nil {
				return nil, err
			}
		}
	}
	pair, err := tls.LoadX509KeyPair(d.config.Cert, d.config.Key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", d.config.Cert, d.config.Key, err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// defaultPorts are those of the schemes.
var defaultPorts = map[string]string{"ldap": "389", "ldaps": "636"}

// errNoSTARTTLS means that a connection cannot be encrypted. Nothing was sent over it.
var errNoSTARTTLS = errors.New("it does not offer STARTTLS, and nothing is sent without encryption")

// errExternal means that a bind with the client certificate has failed.
var errExternal = errors.New("SASL EXTERNAL")

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
	secure, err := d.tls()
	if err != nil {
		return nil, err
	}
	secure.ServerName = u.Hostname()
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
	switch {
	case d.config.BindDN != "":
		return c.Bind(d.config.BindDN, password)
	case d.config.Cert != "":
		if err := c.ExternalBind(); err != nil {
			return fmt.Errorf("%w: %w", errExternal, err)
		}
	}
	return nil
}
