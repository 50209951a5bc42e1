package domains

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mailhint/settings"
)

// Server is the [server] table: how this process listens. It is read once, at the start; changing it needs a restart.
type Server struct {
	// Name is this server's own host name; empty if none is set.
	Name string
	// HTTP and HTTPS are the addresses to listen on, as net.Listen takes them. HTTPS is empty when TLS is "off".
	HTTP, HTTPS []string
	// TLS is "off" (plain HTTP: a local trial, or a proxy in front does TLS), "files", or "acme" (certificates of our own).
	TLS string
	// Certificates are the pairs to choose from by name, with TLS "files". The first serves names that none covers.
	Certificates []KeyPair
	// Signing is the pair that signs Apple profiles; nil for the first of Certificates, or none.
	Signing *KeyPair
	// ACME is how certificates are ordered, with TLS "acme".
	ACME ACME
	// TrustedProxies may say with X-Forwarded-For, -Proto and -Host for whom they ask.
	TrustedProxies []netip.Prefix
	// ProxyProtocol is true if the trusted proxies begin each connection with a header of the PROXY protocol. It takes
	// TrustedProxies.
	ProxyProtocol bool
	// Admin is the address of the listener for health and metrics; empty for none.
	Admin string
	// StateDir is the folder for what must outlive the process, such as certificates and the CA's account: an absolute path, never
	// empty. Whoever writes into it makes it.
	StateDir string
	// Probe is how often the advertised mail servers are looked at; 0, the default, for never: nobody is contacted unasked.
	Probe time.Duration
	// ProbePrivate are private, loopback or link-local networks whose servers may be looked at all the same.
	ProbePrivate []netip.Prefix
}

// KeyPair names the PEM files of a certificate chain and its key, with absolute paths.
type KeyPair struct {
	Cert, Key string
}

// readServer reads the [server] table, or makes the one of a file without it.
func (l *loader) readServer() Server {
	t := l.server
	if t == nil {
		t = (&source{problems: new(Problems)}).table([]string{"server"}, nil)
	}
	defer t.done()
	s := Server{TLS: t.oneOf("tls", "off", "files", "acme"), Admin: "127.0.0.1:8081"}
	s.Name = t.hostName("name")
	s.HTTP = t.listen("http", map[bool]string{true: "localhost:8080", false: ":80"}[s.TLS == "off"])
	if s.TLS != "off" {
		s.HTTPS = t.listen("https", ":443")
	} else if _, there := t.value("https"); there {
		t.fail("https", "with tls = \"off\" nothing speaks https; remove it, or write tls = \"acme\", or \"files\" with cert and key")
	}
	if len(s.HTTP)+len(s.HTTPS) == 0 {
		t.fail("http", "it is empty, so nothing would listen; write http = [\":80\"]")
	}
	s.Certificates = t.keyPairs(s.TLS)
	s.Signing = t.signing()
	s.ACME = t.acme(s.TLS)
	s.TrustedProxies, _ = t.networks("trusted_proxies")
	s.ProxyProtocol, _ = t.flag("proxy_protocol")
	if s.ProxyProtocol && len(s.TrustedProxies) == 0 {
		t.fail("proxy_protocol", "whoever connects could then say that they are somebody else; name the proxy in trusted_proxies, or remove it")
	}
	if t.isPort("admin", "127.0.0.1") {
		s.Admin = ""
	} else if admin, ok := t.text("admin"); ok {
		if s.Admin = admin; admin != "" {
			t.checkListen("admin", 0, admin)
		}
	}
	s.StateDir = t.stateDir()
	s.Probe = t.probeInterval()
	s.ProbePrivate, _ = t.networks("probe_private")
	return s
}

// stateDir reads state_dir. Without it, systemd says which folder a service may write to (StateDirectory= in systemd.exec(5)).
func (t *table) stateDir() string {
	if dir, ok := t.text("state_dir"); ok {
		if strings.TrimSpace(dir) == "" {
			t.fail("state_dir", "it is empty; write a folder such as \"/var/lib/mailhint\", or remove it")
		}
		return t.absolute(dir)
	}
	if first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(first) {
		return first
	}
	dir, err := filepath.Abs("state")
	if err != nil {
		t.fail("state_dir", "the working directory is not known: %v; write state_dir = \"/var/lib/mailhint\"", err)
	}
	return dir
}

// minProbe is the shortest interval of probe: looking more often tells nothing more, and mail servers take it for an attack.
const minProbe = time.Minute

// probeInterval reads probe.
func (t *table) probeInterval() time.Duration {
	text, ok := t.text("probe")
	if !ok {
		return 0
	}
	every, err := time.ParseDuration(text)
	switch {
	case err != nil:
		t.fail("probe", "%q is no duration; write it like \"6h\", or \"0\" for never", text)
	case every != 0 && every < minProbe:
		t.fail("probe", "%q is too often; write at least \"1m\", better \"6h\", or \"0\" for never", text)
	}
	return every
}

func (t *table) hostName(key string) string {
	text, ok := t.text(key)
	if !ok {
		return ""
	}
	d, err := settings.ParseDomain(text)
	if err != nil {
		t.fail(key, "%q: %v; write a name such as \"setup.example.com\"", text, err)
	}
	return string(d)
}

// listen reads addresses to listen on.
func (t *table) listen(key, otherwise string) []string {
	if t.isPort(key, "") {
		return []string{otherwise}
	}
	list, ok := t.texts(key)
	if !ok {
		return []string{otherwise}
	}
	for i, address := range list {
		t.checkListen(key, i, address)
	}
	return list
}

// isPort notes that a number stands where an address to listen on belongs.
func (t *table) isPort(key, host string) bool {
	port, ok := t.values[key].(int64)
	if ok {
		t.value(key)
		t.fail(key, "it must be text; write %s = %q", key, fmt.Sprintf("%s:%d", host, port))
	}
	return ok
}

func (t *table) checkListen(key string, i int, address string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		t.failElement(key, i, "%q is no address to listen on; write it like \":80\", \"127.0.0.1:8080\" or \"[::1]:8080\"", address)
	}
}

// keyPairs reads cert and key: one file each, or lists of the same length.
func (t *table) keyPairs(mode string) []KeyPair {
	certs, hasCert := t.texts("cert")
	keys, hasKey := t.texts("key")
	switch {
	case mode == "files" && (len(certs) == 0 || len(keys) == 0):
		t.fail("tls", "with \"files\" there must be certificates; add cert = \"fullchain.pem\" and key = \"privkey.pem\"")
		return nil
	case mode != "files" && (hasCert || hasKey):
		t.fail("cert", "cert and key are only used with tls = \"files\"; write that, or remove them")
		return nil
	case len(certs) != len(keys):
		t.fail("key", "there are %d certificates and %d keys; write one key for each, in the same order", len(certs), len(keys))
		return nil
	}
	var pairs []KeyPair
	for i := range certs {
		pairs = append(pairs, KeyPair{t.absolute(certs[i]), t.absolute(keys[i])})
	}
	return pairs
}

// signing reads sign_cert and sign_key.
func (t *table) signing() *KeyPair {
	cert, hasCert := t.text("sign_cert")
	key, hasKey := t.text("sign_key")
	if hasCert != hasKey {
		t.fail("", "sign_cert and sign_key go together; write both, or none")
	}
	if !hasCert || !hasKey {
		return nil
	}
	return &KeyPair{t.absolute(cert), t.absolute(key)}
}

// absolute returns a path relative to the file the table stands in.
func (t *table) absolute(name string) string {
	if filepath.IsAbs(name) || strings.TrimSpace(name) == "" {
		return name
	}
	path, err := filepath.Abs(filepath.Join(filepath.Dir(t.src.file), name))
	if err != nil { // the working directory is gone
		return name
	}
	return path
}
