package domains

import (
	"strings"
	"time"

	"mailhint/settings"
	"mailhint/tomledit"
)

// Server is the [server] table: how this process listens. It is read once, at the start; changing it needs a restart.
type Server struct {
	// Name is this server's own host name; empty if none is set.
	Name string
	// HTTP and HTTPS are the addresses to listen on, as net.Listen takes them. HTTPS is empty when TLS is "off".
	HTTP, HTTPS []string
	// TLS is "off" (plain HTTP: a local trial, or a proxy in front does TLS), "files", or "acme" (certificates of our own).
	TLS string
	// Certificates are the pairs to choose from by name, with TLS "files". The first serves names that none covers. With TLS "acme" they serve
	// the names that they cover, and no certificates are ordered for these.
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
	// NoHelpPage is true if there is no page for people.
	NoHelpPage bool
	// AdminName is the host name at which the public listeners have the admin page and the API; empty for none.
	AdminName string
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
	l.checkEnvironment(&v)
	v.Certificates, v.Signing = t.keyPairs(v), t.signing(v)
	t.checkACME(&v)
	l.proxies, l.proxiesAt = v.TrustedProxies, at.of("trusted_proxies")
	if v.ProxyProtocol && len(v.TrustedProxies) == 0 {
		t.fail("proxy_protocol", "would let every client claim any address; list the proxies in trusted_proxies, or remove it")
	}
	if v.StateDir == "" && !t.has("state_dir") {
		dir, err := defaultStateDir(l.main)
		if err != nil {
			t.fail("state_dir", "%v", err)
		}
		v.StateDir = dir
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
				at[key+tomledit.Element(i)] = t.at(key, tomledit.Element(i))
			}
		}
	}
	return at
}

// The kinds of values that only [server] has.
var (
	hostName        = kind[string]{name: "host name", form: domainNameForm, read: readHostName, plain: plainText[string]}
	listenAddresses = kind[[]string]{name: "list of addresses", types: "array string", form: listenForm, read: readListenAddresses, plain: plainList[string]}
	adminAddress    = kind[string]{name: "address", form: Form{Pattern: whole("", strings.Trim(listenForm.Pattern, "^$"))}, read: readAdminAddress, plain: plainText[string]}
	pemFile         = kind[string]{name: "PEM file", read: readFileName, plain: plainText[string]}
	pemFiles        = kind[[]string]{name: "list of PEM files", types: "array string", read: readFileNames, plain: plainList[string]}
	stateDirectory  = kind[string]{name: "directory", form: fileForm, read: readStateDir, plain: plainText[string]}
	probeInterval   = kind[time.Duration]{name: "duration", form: Form{Pattern: whole(durationForm), Except: tooFrequentForm}, read: readProbeInterval, plain: func(d time.Duration) any { return d.String() }}
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
