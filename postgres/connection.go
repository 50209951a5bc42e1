package postgres

import (
	"crypto/tls"
	"net"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgconn"

	"mailhint/untrusted"
)

// UnverifiedHost returns a host of a connection string, as a warning shows it, that is another machine and may be reached without knowing that it is
// the right one: without sslmode=verify-full. It is empty if there is none, or if the connection string cannot be read. As in libpq, variables of
// the environment such as PGSSLMODE count.
func UnverifiedHost(url string) string {
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		return "" // connecting reports it
	}
	if isUnverified(config.Host, config.TLSConfig) {
		return untrusted.Printable(config.Host)
	}
	for _, other := range config.Fallbacks { // further hosts, and the first one again with less
		if isUnverified(other.Host, other.TLSConfig) {
			return untrusted.Printable(other.Host)
		}
	}
	return ""
}

func isUnverified(host string, config *tls.Config) bool {
	if filepath.IsAbs(host) || host == "" || host[0] == '@' || host == "localhost" { // sockets of this machine
		return false
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return false
	}
	return config == nil || config.InsecureSkipVerify // verify-ca skips the name
}
