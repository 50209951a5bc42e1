package domains

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
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
	// TrustedProxies are believed when they say with X-Forwarded-For, -Proto and -Host which client and host a request is from and
	// for.
	TrustedProxies settings.Networks
	// ProxyProtocol is true if the trusted proxies begin each connection with a header of the PROXY protocol. It needs
	// TrustedProxies.
	ProxyProtocol bool
	// AllowRepeats is true if a client may repeat the same request as often as it likes.
	AllowRepeats bool
	// Admin is the address of the listener for health and metrics; empty for none.
	Admin string
	// StateDir is the directory for what must outlive the process, such as certificates and the CA's account: an absolute path,
	// never empty. It may not exist yet.
	StateDir string
	// Probe is how often the advertised mail servers are checked; 0, the default, for never: no server is contacted unasked.
	Probe time.Duration
	// ProbePrivate are private, loopback or link-local networks whose servers may be checked all the same.
	ProbePrivate settings.Networks
}

// KeyPair names the PEM files of a certificate chain and its key, with absolute paths.
type KeyPair struct {
	Cert, Key string
}

// serverValues are the values of serverKeys. The pairs of Server are still apart.
type serverValues struct {
	Server
	certs, keys       []string
	signCert, signKey string
}

// readServer reads the [server] table, or makes the one of a file without it.
func (l *loader) readServer() Server {
	t := l.server
	if t == nil {
		t = noSource().table([]string{"server"}, nil)
	}
	defer t.done()
	v, _ := defaultsOf(serverKeys)
	at := readKeys(t, serverKeys, &v)
	t.checkListeners(&v, at)
	v.Certificates, v.Signing = t.keyPairs(v), t.signing(v)
	t.checkACME(&v)
	l.proxies, l.proxiesAt = v.TrustedProxies, at["trusted_proxies"]
	if v.ProxyProtocol && len(v.TrustedProxies) == 0 {
		t.fail("proxy_protocol", "would let every client claim any address; list the proxies in trusted_proxies, or remove it")
	}
	if v.StateDir == "" && !t.has("state_dir") {
		v.StateDir = t.defaultStateDir()
	}
	return v.Server
}

// serverPositions returns where the keys of [server] and their elements were written.
func (l *loader) serverPositions(file string) map[string]Position {
	t := l.server
	if t == nil {
		return map[string]Position{"": {File: file}}
	}
	at := map[string]Position{"": t.at()}
	for key, value := range t.values {
		at[key] = t.at(key)
		if list, isList := value.([]any); isList {
			for i := range list {
				at[key+element(i)] = t.at(key, element(i))
			}
		}
	}
	return at
}

// checkListeners sets the listeners that depend on tls.
func (t *table) checkListeners(v *serverValues, at map[string]Position) {
	if _, set := at["http"]; !set {
		v.HTTP = map[bool][]string{true: {"localhost:8080"}, false: {":80"}}[v.TLS == "off"]
	}
	switch _, set := at["https"]; {
	case v.TLS == "off" && t.has("https"):
		t.fail("https", "is not used with tls = \"off\"; remove it, or write tls = \"acme\", or tls = \"files\" with cert and key")
	case v.TLS != "off" && !set:
		v.HTTPS = []string{":443"}
	}
	if len(v.HTTP)+len(v.HTTPS) == 0 {
		t.fail("http", "is empty, so the server would not listen anywhere; write http = [\":80\"]")
	}
	t.checkListenersOnce(v)
}

// checkListenersOnce refuses an address to listen on that another listener has already.
func (t *table) checkListenersOnce(v *serverValues) {
	type listener struct{ key, address string }
	var before []listener
	for _, l := range []struct {
		key       string
		addresses []string
	}{{"http", v.HTTP}, {"https", v.HTTPS}, {"admin", []string{v.Admin}}} {
		for i, address := range l.addresses {
			n := slices.IndexFunc(before, func(other listener) bool { return sameListener(address, other.address) })
			switch {
			case n < 0:
			case t.has(l.key):
				t.failElement(l.key, i, "%q is already used by %s = %q; choose another port", address, before[n].key, before[n].address)
			default:
				t.fail(before[n].key, "%q is also the default of %s; choose another port, or set %s", address, l.key, l.key)
			}
			before = append(before, listener{l.key, address})
		}
	}
}

// sameListener reports whether two addresses cannot both be listened on: an address without a host takes the port on all of them.
func sameListener(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	everywhere := func(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
	local := func(host string) string { return strings.NewReplacer("localhost", "127.0.0.1").Replace(host) }
	return everywhere(hostA) || everywhere(hostB) || local(hostA) == local(hostB)
}

// The kinds of values that only [server] has.
var (
	hostName        = kind[string]{name: "host name", read: readHostName, plain: plainText[string]}
	listenAddresses = kind[[]string]{name: "list of addresses", types: "array string", read: readListenAddresses, plain: plainList[string]}
	adminAddress    = kind[string]{name: "address", read: readAdminAddress, plain: plainText[string]}
	pemFile         = kind[string]{name: "PEM file", read: readFileName, plain: plainText[string]}
	pemFiles        = kind[[]string]{name: "list of PEM files", types: "array string", read: readFileNames, plain: plainList[string]}
	stateDirectory  = kind[string]{name: "directory", read: readStateDir, plain: plainText[string]}
	probeInterval   = kind[time.Duration]{name: "duration", read: readProbeInterval, plain: func(d time.Duration) any { return d.String() }}
)

func readHostName(t *table, key string) (string, bool) {
	text, ok := t.text(key)
	if !ok {
		return "", false
	}
	d, err := settings.ParseDomain(text)
	if err != nil {
		t.fail(key, "%q is %v; write a name such as \"setup.example.com\"", text, err)
	}
	return string(d), err == nil
}

func readListenAddresses(t *table, key string) ([]string, bool) {
	if t.isPort(key, "") {
		return nil, false
	}
	list, ok := t.texts(key)
	for i, address := range list {
		t.checkListen(key, i, address)
	}
	return list, ok
}

func readAdminAddress(t *table, key string) (string, bool) {
	if t.isPort(key, "127.0.0.1") {
		return "", false
	}
	admin, ok := t.text(key)
	if ok && admin != "" {
		t.checkListen(key, 0, admin)
	}
	return admin, ok
}

// isPort notes a number where an address to listen on belongs.
func (t *table) isPort(key, host string) bool {
	port, ok := t.values[key].(int64)
	if ok {
		t.value(key)
		t.fail(key, "must be a string; write %s = %q", key, fmt.Sprintf("%s:%d", host, port))
	}
	return ok
}

func (t *table) checkListen(key string, i int, address string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		t.failElement(key, i, "%q is not a valid address to listen on; write it like \":80\", \"127.0.0.1:8080\" or \"[::1]:8080\"", address)
	}
}

// minProbe is the shortest interval of probe: checking more often finds nothing more, and mail servers take it for an attack.
const minProbe = time.Minute

func readProbeInterval(t *table, key string) (time.Duration, bool) {
	text, ok := t.text(key)
	if !ok {
		return 0, false
	}
	every, err := time.ParseDuration(text)
	switch {
	case err != nil:
		t.fail(key, "%q is not a valid duration; write it like \"6h\", or \"0\" for never", text)
	case every != 0 && every < minProbe:
		t.fail(key, "%q is too frequent; write \"6h\" or at least \"1m\", or \"0\" for never", text)
	}
	return every, err == nil
}

func readStateDir(t *table, key string) (string, bool) {
	dir, ok := t.text(key)
	if ok && strings.TrimSpace(dir) == "" {
		t.fail(key, "is empty; write a directory such as \"/var/lib/mailhint\", or remove it")
	}
	return t.absolute(dir), ok
}

// defaultStateDir is the directory that systemd lets a service write to (StateDirectory= in systemd.exec(5)), or one below the
// working directory.
func (t *table) defaultStateDir() string {
	if first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(first) {
		return first
	}
	dir, err := filepath.Abs("state")
	if err != nil {
		t.fail("state_dir", "has no default here: %v; write state_dir = \"/var/lib/mailhint\"", err)
	}
	return dir
}

// keyPairs pairs cert and key: one file each, or lists of the same length.
func (t *table) keyPairs(v serverValues) []KeyPair {
	switch {
	case v.TLS == "files" && (len(v.certs) == 0 || len(v.keys) == 0):
		t.fail("tls", "\"files\" needs certificates; add cert = \"fullchain.pem\" and key = \"privkey.pem\"")
		return nil
	case v.TLS != "files" && (v.certs != nil || v.keys != nil):
		t.fail("cert", "cert and key are used only with tls = \"files\"; write that, or remove them")
		return nil
	case len(v.certs) != len(v.keys):
		t.fail("key", "there are %d certificates and %d keys; write one key for each certificate, in the same order", len(v.certs), len(v.keys))
		return nil
	}
	var pairs []KeyPair
	for i := range v.certs {
		pairs = append(pairs, KeyPair{v.certs[i], v.keys[i]})
	}
	return pairs
}

// signing pairs sign_cert and sign_key.
func (t *table) signing(v serverValues) *KeyPair {
	switch {
	case t.has("sign_cert") != t.has("sign_key"):
		t.fail("", "sign_cert and sign_key must be used together; add the other one, or remove both")
		return nil
	case v.signCert == "" || v.signKey == "":
		return nil
	}
	return &KeyPair{v.signCert, v.signKey}
}

func readFileName(t *table, key string) (string, bool) {
	name, ok := t.text(key)
	return t.absolute(name), ok
}

func readFileNames(t *table, key string) ([]string, bool) {
	names, ok := t.texts(key)
	for i := range names {
		names[i] = t.absolute(names[i])
	}
	return names, ok
}

// absolute returns a path relative to the file that the table is in.
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
