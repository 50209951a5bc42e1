//go:build linux

package lab

import (
	"crypto/x509"
	"os"
	"testing"
)

// What is around the snippets: as little as the web server needs, a site for example.com, a log of all requests and, where possible, a
// password for everything. The snippet must switch off the log and the password.

// serviceBlock begins the block for calendars, contacts and JMAP.
const serviceBlock = "# Calendars and the like are looked for there, too."

const nginxHTTP = `
http {
	access_log /dev/stderr;
	client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fcgi; uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
	auth_basic "everything";
	auth_basic_user_file DIR/nobody;
	include DIR/mailhint.conf;
	server {
		listen SITE;
		server_name example.com;
		ssl_certificate DIR/cert.pem;
		ssl_certificate_key DIR/key.pem;
		LINES
	}
}
`

func nginx(t *testing.T, s *setup) []string {
	write(t, s.path("nobody"), "")
	write(t, s.path("mailhint.conf"), s.snippet)
	site := s.block(t, "at its web site") + s.block(t, serviceBlock)
	write(t, s.path("nginx.conf"), s.fill("daemon off;\npid DIR/pid;\nerror_log stderr;\nevents {}\n"+nginxHTTP, "SITE", "443 ssl", "LINES", site))
	return []string{"nginx", "-c", s.path("nginx.conf"), "-p", s.dir}
}

// nginxSNI passes connections for the web site on to itself, as the snippet says.
func nginxSNI(t *testing.T, s *setup) []string {
	const module = "/usr/lib/nginx/modules/ngx_stream_module.so"
	if _, err := os.Stat(module); err != nil {
		t.Skip("nginx's stream module is not installed: apt-get install libnginx-mod-stream")
	}
	write(t, s.path("nobody"), "")
	write(t, s.path("stream.conf"), s.snippet)
	write(t, s.path("mailhint.conf"), s.block(t, "# Plain http is routed by the Host header."))
	site := "set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;\n" + s.block(t, "at its web site") + s.block(t, serviceBlock)
	write(t, s.path("nginx.conf"), "load_module "+module+";\n"+s.fill("daemon off;\npid DIR/pid;\nerror_log stderr;\nevents {}\ninclude DIR/stream.conf;\n"+nginxHTTP,
		"SITE", "127.0.0.1:4443 ssl proxy_protocol", "LINES", site))
	return []string{"nginx", "-c", s.path("nginx.conf"), "-p", s.dir}
}

func caddy(t *testing.T, s *setup) []string {
	write(t, s.path("mailhint.caddy"), s.snippet)
	write(t, s.path("Caddyfile"), s.fill(`{
	admin off
	local_certs
	skip_install_trust
	GLOBAL
}
import mailhint.caddy
example.com {
	SITE
}
`, "GLOBAL", s.block(t, "# In the global options"), "SITE", s.block(t, "at its web site")+s.block(t, serviceBlock)))
	return []string{"caddy", "run", "--config", s.path("Caddyfile"), "--adapter", "caddyfile"}
}

func caddyRoots(t *testing.T, s *setup) *x509.CertPool {
	pool := x509.NewCertPool()
	eventually(t, "Caddy has a CA", func() bool {
		root, err := os.ReadFile(s.path("caddy/pki/authorities/local/root.crt"))
		return err == nil && pool.AppendCertsFromPEM(root)
	})
	return pool
}

func haproxy(t *testing.T, s *setup) []string {
	write(t, s.path("mailhint.cfg"), s.snippet)
	write(t, s.path("haproxy.cfg"), "global\n    log stdout format raw local0\n    stats socket "+s.path("stats")+"\n"+
		"defaults\n    log global\n    mode http\n    option httplog\n    retries 0\n")
	return []string{"haproxy", "-db", "-f", s.path("haproxy.cfg"), "-f", s.path("mailhint.cfg")}
}

func apache(t *testing.T, s *setup) []string {
	write(t, s.path("mailhint.conf"), s.snippet)
	write(t, s.path("nobody"), "")
	write(t, s.path("apache2.conf"), s.fill(`
ServerRoot DIR
ServerName localhost
PidFile DIR/pid
ErrorLog /dev/stderr
CustomLog /dev/stderr "%h %r"
User www-data
Group www-data
Listen 80
Listen 443
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authn_file_module /usr/lib/apache2/modules/mod_authn_file.so
LoadModule auth_basic_module /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
<Location "/">
	AuthType Basic
	AuthName everything
	AuthUserFile DIR/nobody
	Require valid-user
</Location>
Include DIR/mailhint.conf
<VirtualHost *:443>
	ServerName example.com
	SSLEngine on
	SSLCertificateFile DIR/cert.pem
	SSLCertificateKeyFile DIR/key.pem
	CustomLog /dev/stderr "%h %r" EXCEPT
	LINES
</VirtualHost>
`, "LINES", s.block(t, "at its web site")+s.block(t, serviceBlock), "EXCEPT", s.block(t, "end its line with CustomLog")))
	return []string{"apache2", "-d", s.dir, "-f", s.path("apache2.conf"), "-DFOREGROUND"}
}
