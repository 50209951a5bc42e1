//go:build linux

package clients_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// thunderbird is a running Thunderbird without a window, for which every host name points to this machine.
//
// Its requests, parsers, order of preference and certificate checks are the real ones. Only DNS and the connections to the hosts are replaced. It
// can do one search at a time. It works with 153.7.0esr of Debian; since the search uses Thunderbird's own modules, another version may need other
// names in findScript.
type thunderbird struct {
	control *marionette

	// dns contains the records that Thunderbird looks up itself, such as "MX example.com" and "SRV _autodiscover._tcp.example.com", each with
	// the host that it names. Other records do not exist.
	dns map[string]string
}

// startThunderbird starts a Thunderbird with an empty profile, and stops it when the test ends. It trusts ca, and connects to httpPort and httpsPort
// on loopback instead of port 80 and 443 of any host.
func startThunderbird(t testing.TB, ca *x509.Certificate, httpPort, httpsPort int) *thunderbird {
	t.Helper()
	program, err := exec.LookPath("thunderbird")
	if err != nil {
		t.Skip("thunderbird is not installed: apt-get install thunderbird")
	}
	home := t.TempDir()
	profile := filepath.Join(home, "profile")
	writePrefs(t, profile, thunderbirdPrefs(httpPort, httpsPort))

	// With system access, Marionette can use Thunderbird's own modules; without it, only web pages.
	cmd := exec.Command(program, "--headless", "--no-remote", "--profile", profile, "--marionette", "--remote-allow-system-access")
	cmd.Env = []string{
		"HOME=" + home,
		"TMPDIR=" + home,
		"PATH=" + os.Getenv("PATH"),
		"LC_ALL=C.UTF-8",
		"MOZ_CRASHREPORTER_DISABLE=1",
		"MOZ_DISABLE_NONLOCAL_CONNECTIONS=1", // Gecko's own safeguard for tests; also keeps Remote Settings from polling
	}
	ended := runInGroup(t, cmd, filepath.Join(home, "log"))

	conn := dialMarionette(t, profile, ended)
	control, err := newMarionette(conn)
	if err != nil {
		t.Fatalf("thunderbird: %v", err)
	}
	if err := control.run(nil, trustScript, base64.StdEncoding.EncodeToString(ca.Raw)); err != nil {
		t.Fatalf("thunderbird does not accept the CA: %v", err)
	}
	return &thunderbird{control: control}
}

// thunderbirdPrefs redirect Thunderbird's connections, and turn off the ISPDB and guessing. Everything else is as people have it, except that
// Marionette turns off updates, telemetry and the like (RecommendedPreferences.sys.mjs).
func thunderbirdPrefs(httpPort, httpsPort int) map[string]any {
	return map[string]any{
		"network.dns.forceResolve": "127.0.0.1",
		"network.socket.forcePort": fmt.Sprintf("80=%d;443=%d", httpPort, httpsPort),
		"network.proxy.type":       0, // none, even if the environment names one

		// No ISPDB: with an empty URL, FetchConfig.fromDB gives up before it sends a request.
		"mailnews.auto_config_url": "",
		// After a POX answer without IMAP and POP3, ExchangeAutoDiscover itself would start GuessConfig.
		"mailnews.auto_config.guess.enabled": false,

		"security.OCSP.enabled":       0,
		"mailnews.start_page.enabled": false, // live.thunderbird.net
		"marionette.port":             0,     // a free one, see dialMarionette
	}
}

// writePrefs makes a profile folder whose user.js has the preferences.
func writePrefs(t testing.TB, profile string, prefs map[string]any) {
	t.Helper()
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(prefs)) {
		value, err := json.Marshal(prefs[name])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "user_pref(%q, %s);\n", name, value)
	}
	if err := os.Mkdir(profile, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// runInGroup starts a program, and kills it with all its children when the test ends or is killed. If the test fails, the program's output is
// shown. The channel is closed when the program has ended.
func runInGroup(t testing.TB, cmd *exec.Cmd, logName string) <-chan struct{} {
	t.Helper()
	output, err := os.Create(logName)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

	// Pdeathsig is sent when the thread that started the program ends, so that thread waits for the program (go.dev/issue/27505).
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // always an error, because it is killed
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Errorf("kill %s: %v", cmd.Path, err)
		}
		<-ended
		_ = output.Close() // only the other program writes to it
		if t.Failed() {
			showLog(t, logName)
		}
	})
	return ended
}

// showLog shows what Thunderbird wrote: why it did not start or, as "JavaScript error", why it refused an answer.
func showLog(t testing.TB, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "gtk_icon_theme") { // there are hundreds of these without a screen
			t.Log(strings.TrimSuffix(line, "\n"))
		}
	}
}

// dialMarionette waits until Thunderbird listens. It chooses the port itself, and writes it into the profile.
func dialMarionette(t testing.TB, profile string, ended <-chan struct{}) net.Conn {
	t.Helper()
	timeout := time.After(marionetteTimeout)
	for {
		port, err := os.ReadFile(filepath.Join(profile, "MarionetteActivePort"))
		if err == nil && len(port) > 0 {
			conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", string(port)))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			return conn
		}
		select {
		case <-ended:
			t.Fatal("thunderbird ended at start")
		case <-timeout:
			t.Fatalf("thunderbird does not listen after %v", marionetteTimeout)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// trustScript adds a CA for servers ("C" in NSS's trust flags), as the certificate manager does.
const trustScript = `
	const db = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
	db.addCertFromBase64(arguments[0], "C,,");`

// found is the outcome of one search.
type found struct {
	Account mailAccount
	// Source is Thunderbird's own word for the origin of the account: "xml-from-isp-https", "xml-from-isp-http" (autoconfig
	// host and well-known path alike; also after an MX), or "exchange-from-" and "url1" (https://autodiscover.D), "url2" (https://D),
	// "url3" (a redirect from http), "srv".
	Source string
	// Trust is the domain that Thunderbird asked the person to trust. The script agrees.
	Trust string
	// Asked are the requests, in the order in which they started: "GET https://… 404". A name instead of the status says why the request
	// failed (SSL_ERROR_BAD_CERT_DOMAIN, NS_ERROR_CONNECTION_REFUSED), or that it was cancelled because a better place had answered
	// (NS_BINDING_ABORTED, "unfinished").
	Asked []string
}

// mailAccount is the account that the person would get: the first servers by default, the others as a choice.
type mailAccount struct {
	Name                         string
	Incoming, Outgoing           mailServer
	OtherIncoming, OtherOutgoing []mailServer
}

// mailServer uses the words of config-v1.1.xml for Security (SSL, STARTTLS, plain) and Auth.
type mailServer struct {
	Type     string
	Host     string
	Port     int
	Security string
	Auth     string
	Username string
}

// errNothingFound means that Thunderbird would guess host names next, and finally ask for all settings.
var errNothingFound = errors.New("thunderbird found nothing")

// find enters an address into Thunderbird's account set-up and returns what it would use. Nothing is remembered from one call to the next. With an
// error, the outcome also contains the requests.
func (tb *thunderbird) find(t testing.TB, address string) (found, error) {
	t.Helper()
	var answer struct {
		found
		Error string
	}
	if err := tb.control.run(&answer, findScript, address, "Ann Example", tb.dns); err != nil {
		t.Fatalf("thunderbird, looking for %s: %v", address, err)
	}
	switch {
	case answer.Error != "":
		return answer.found, fmt.Errorf("thunderbird: %s", answer.Error)
	case answer.Source == "":
		return answer.found, errNothingFound
	}
	return answer.found, nil
}

// findScript does what "Continue" does in the account hub (#findConfig in accountcreation/views/email.mjs), up to the point where that starts to
// guess. The real name replaces %REALNAME%.
const findScript = `
const [address, realName, dns] = arguments;
const load = name => ChromeUtils.importESModule("resource:///modules/" + name + ".sys.mjs");
const { FindConfig } = load("accountcreation/FindConfig");
const { AccountConfig } = load("accountcreation/AccountConfig");
const { DNS } = load("DNS");

// Thunderbird looks up all its records here; otherwise libresolv would use the network.
DNS.lookup = async (name, type) => {
	const host = dns?.[(type == DNS.MX ? "MX " : "SRV ") + name];
	return host ? [{ prio: 0, weight: 0, host, port: 443 }] : [];
};

// Caches, HSTS, cookies, TLS sessions, addresses, open connections.
async function forget() {
	await new Promise(done => Services.clearData.deleteData(Ci.nsIClearDataService.CLEAR_ALL, done));
	Services.dns.clearCache(true);
	Services.obs.notifyObservers(null, "net:cancel-all-connections");
}

// Records every request and how it ended.
const requests = new Map();
const watcher = {
	topics: ["http-on-modify-request", "http-on-examine-response", "http-on-stop-request"],
	observe(subject, topic) {
		const channel = subject.QueryInterface(Ci.nsIHttpChannel);
		const request = requests.get(channel.channelId) ?? { line: channel.requestMethod + " " + channel.URI.spec };
		requests.set(channel.channelId, request);
		if (topic == "http-on-examine-response") {
			request.outcome = channel.responseStatus;
		} else if (topic == "http-on-stop-request") {
			request.outcome ??= channel.securityInfo?.errorCodeString || Components.Exception("", channel.status).name;
		}
	},
	start() { this.topics.forEach(topic => Services.obs.addObserver(this, topic)); },
	stop() { this.topics.forEach(topic => Services.obs.removeObserver(this, topic)); },
	asked() { return [...requests.values()].map(r => r.line + " " + (r.outcome ?? "unfinished")); },
};

// The field of the first page, which decides whether the person can continue.
function acceptedByForm() {
	const form = document.getElementById("accountHubEmailAutoFormTemplate").content.cloneNode(true);
	const field = form.getElementById("email");
	field.value = address;
	return field.checkValidity();
}

const securities = {
	[Ci.nsMsgSocketType.plain]: "plain",
	[Ci.nsMsgSocketType.alwaysSTARTTLS]: "STARTTLS",
	[Ci.nsMsgSocketType.SSL]: "SSL",
};
const auths = {
	[Ci.nsMsgAuthMethod.none]: "none",
	[Ci.nsMsgAuthMethod.passwordCleartext]: "password-cleartext",
	[Ci.nsMsgAuthMethod.passwordEncrypted]: "password-encrypted",
	[Ci.nsMsgAuthMethod.GSSAPI]: "GSSAPI",
	[Ci.nsMsgAuthMethod.NTLM]: "NTLM",
	[Ci.nsMsgAuthMethod.External]: "TLS-client-cert",
	[Ci.nsMsgAuthMethod.secure]: "any secure", // SPA of Autodiscover
	[Ci.nsMsgAuthMethod.OAuth2]: "OAuth2",
};
const server = s => ({
	type: s.type,
	host: s.hostname,
	port: s.port,
	security: securities[s.socketType],
	auth: auths[s.auth],
	username: s.username,
});
const account = config => ({
	name: config.displayName,
	incoming: server(config.incoming),
	otherIncoming: config.incomingAlternatives.map(server),
	outgoing: server(config.outgoing),
	otherOutgoing: config.outgoingAlternatives.map(server),
});

async function find() {
	const domain = address.split("@")[1];
	const search = FindConfig.parallelAutoDiscovery(domain, address, new AbortController().signal);
	let { value } = await search.next();
	let trust;
	if (value?.isRedirect) {
		trust = value.host;
		({ value } = await search.next({ acceptRedirect: true }));
	}
	if (!value) {
		return { trust };
	}
	AccountConfig.replaceVariables(value, realName, address);
	return { trust, source: value.subSource, account: account(value) };
}

return (async () => {
	if (!acceptedByForm()) {
		return { error: "the form does not accept this address" };
	}
	await forget();
	watcher.start();
	try {
		return { ...(await find()), asked: watcher.asked() };
	} catch (error) {
		return { error: String(error), asked: watcher.asked() };
	} finally {
		watcher.stop();
	}
})();`
