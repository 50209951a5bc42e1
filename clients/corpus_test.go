package clients_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/autodiscover"
	"mailhint/domains"
	"mailhint/edge/edgetest"
	"mailhint/server"
	"mailhint/settings"
)

// corpus is the configuration whose answers are tested, and the handler that serves it.
type corpus struct {
	*domains.Snapshot
	handler http.Handler
}

func loadCorpus(t testing.TB) corpus {
	t.Helper()
	snapshot, err := domains.Load(filepath.Join("testdata", "corpus", "domains.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return corpus{snapshot, newServer(t, snapshot, snapshot.Server).Handler(true)}
}

func newServer(t testing.TB, s *domains.Snapshot, config domains.Server) *server.Server {
	t.Helper()
	srv, err := server.New(config, nil, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	srv.Configure(s, nil)
	return srv
}

// corpusAddresses has one address for each kind of settings in the corpus.
var corpusAddresses = []string{
	"ann@both.example", "ann@named.example", "ann@tls-only.example", "ann@starttls.example", "ann@pop3.example",
	"ann@three.example", "ann@ports.example", "ann@local.example", "ann@mixed.example", "ann@firm.example", "ann@firma.example",
	"ann@xn--bcher-kva.example", "ann@own.example", "ann@deep.wild.example", "ann@services.example", "ann@oauth2.example",
	"ann@challenge.example", "ann@exchange.example",
}

// ask sends a client's request for an address.
func (r model) ask(c corpus, address string) answer {
	_, domain := parts(address)
	request := httptest.NewRequest(http.MethodGet, "https://autoconfig."+domain+"/mail/config-v1.1.xml", nil)
	switch {
	case r.format == pox && r.name == "Delta Chat":
		request = httptest.NewRequest(http.MethodGet, "https://"+domain+"/autodiscover/autodiscover.xml", nil)
	case r.format == pox:
		body := string(autodiscover.RequestTo("", mustAddress(address)).Body)
		request = httptest.NewRequest(http.MethodPost, "https://autodiscover."+domain+"/autodiscover/autodiscover.xml", strings.NewReader(body))
		if r.name == "FairEmail" { // what Android sets if the client does not
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	case r.name == "Evolution":
		request.URL.RawQuery = "emailaddress=EVOLUTIONUSER%40" + domain + "&emailmd5=5f4dcc3b5aa765d61d8327deb882cf99"
		request.Header.Set("User-Agent", "Evolution/3.46.4-2+deb12u1")
	case r.name == "FairEmail", r.name == "Nextcloud Mail": // without percent-encoding
		request.URL.RawQuery = "emailaddress=" + address
	case slices.Contains([]string{"Thunderbird for Android", "KMail", "Geary"}, r.name): // without an address
	default:
		request.URL.RawQuery = url.Values{"emailaddress": {address}}.Encode()
	}
	recorder := httptest.NewRecorder()
	c.handler.ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header().Get("Content-Type"), recorder.Body.Bytes(), address}
}

func mustAddress(text string) settings.Address {
	a, err := settings.ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return a
}

// meant returns what the settings of an address mean to a client: the mail servers in order, with the person's login; beside them, last, the
// Exchange server that config-v1.1.xml names and only Thunderbird reads.
func (c corpus) meant(t testing.TB, f format, address string) (incoming, outgoing []endpoint) {
	t.Helper()
	a := mustAddress(address)
	found, err := c.Lookup(context.Background(), settings.Question{Address: a})
	if err != nil {
		t.Fatalf("%s is not in the corpus", address)
	}
	names := map[settings.Protocol]string{settings.IMAP: "imap", settings.POP3: "pop3", settings.Submission: "smtp"}
	for _, s := range found.Servers {
		e := endpoint{
			Protocol: names[s.Protocol],
			Host:     s.Host.Expand(string(found.Domain), string(found.Primary)),
			Port:     int(s.Port),
			Security: security(s.Security.String()),
			Username: s.Login.For(found.Domain, found.Primary).Fill(a),
		}
		switch s.Protocol {
		case settings.IMAP, settings.POP3:
			incoming = append(incoming, e)
		case settings.Submission:
			outgoing = append(outgoing, e)
		}
	}
	if u, err := url.Parse(found.EWS.Expand(string(found.Domain), string(found.Primary))); err == nil && u.Host != "" && f == configFile {
		incoming = append(incoming, endpoint{Protocol: "ews", Host: u.Hostname(), Security: implicitTLS, Username: address})
	}
	return incoming, outgoing
}

// agrees reports whether an endpoint is one of those meant. A user name that the client does not read is not compared, nor is the login
// method: which of several to use is the client's choice.
func (e endpoint) agrees(meant []endpoint) bool {
	return slices.ContainsFunc(meant, func(m endpoint) bool {
		return e.Protocol == m.Protocol && e.Host == m.Host && e.Port == m.Port && e.Security == m.Security &&
			(e.Username == m.Username || e.Username == "")
	})
}

// exceptions are what a client cannot be told, whatever the answer. A fault that is not listed here fails the test, and so does a line that is
// no longer true.
var exceptions = []struct {
	client    string
	format    format
	addresses string // separated by spaces
	why       string
}{
	{"Thunderbird for Android", configFile, "ann@pop3.example", "it only supports IMAP"},
	{"Delta Chat", configFile, "ann@pop3.example", "it only supports IMAP, and guesses"},
	{"Delta Chat", pox, "ann@pop3.example", "it only supports IMAP, and guesses"},
	{"Nextcloud Mail", configFile, "ann@pop3.example", "it only supports IMAP"},
	{"Geary", configFile, "ann@pop3.example", "it only supports IMAP"},
	{"FairEmail", configFile, "ann@pop3.example", "it only supports IMAP"},
	{"FairEmail", pox, "ann@pop3.example", "it only supports IMAP"},

	{"FairEmail", configFile, "ann@mixed.example", "it uses the last user name in the file for all servers"},
	{"Geary", configFile, "ann@local.example ann@mixed.example ann@firma.example", "it logs in with the address, whatever the file says"},
	{"FairEmail", pox, "ann@local.example ann@mixed.example ann@firma.example", "it does not read LoginName"},

	{"Outlook 2007", pox, "ann@starttls.example ann@ports.example", "it only finds STARTTLS by trial"},
	{"Thunderbird", pox, "ann@ports.example", "it mistakes STARTTLS on an unusual port for implicit TLS"},
	{"FairEmail", pox, "ann@ports.example", "it mistakes STARTTLS on an unusual port for implicit TLS"},
	{"Delta Chat", pox, "ann@local.example ann@mixed.example ann@firma.example", "it does not read LoginName"},
	{"Delta Chat", pox, "ann@starttls.example ann@ports.example", "it does not read Encryption, and tries implicit TLS first"},
}

// exceptionFor returns why a client cannot be told what an address needs, or "".
func exceptionFor(r model, address string) string {
	for _, e := range exceptions {
		if e.client == r.name && e.format == r.format && slices.Contains(strings.Fields(e.addresses), address) {
			return e.why
		}
	}
	return ""
}

// TestEveryClient sends every client's request for every address of the corpus and compares the account that it would set up with the settings:
// the first server of each kind is the preferred one, and every other one is a server that exists.
func TestEveryClient(t *testing.T) {
	c := loadCorpus(t)
	for _, r := range models {
		for _, address := range corpusAddresses {
			t.Run(r.name+"/"+string(r.format)+"/"+address, func(t *testing.T) {
				a := r.ask(c, address)
				got, err := r.read(a)
				fault := c.fault(t, r, address, got, err)
				switch why := exceptionFor(r, address); {
				case why != "" && fault == "":
					t.Errorf("the account is right; remove it from the exceptions (%s)", why)
				case why == "" && fault != "":
					t.Errorf("%s\nfrom %d %s\n%s", fault, a.Status, a.ContentType, a.Body)
				}
			})
		}
	}
}

// fault says what is wrong with the account that a client would set up, or "".
func (c corpus) fault(t testing.TB, r model, address string, got setup, err error) string {
	t.Helper()
	if r.name == "exchangelib" { // it only uses Exchange servers, and must say that there is none
		if err == nil || !strings.Contains(err.Error(), errExchangeOnly.Error()) {
			return "does not find that there is no Exchange server: " + got.String()
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	incoming, outgoing := c.meant(t, r.format, address)
	switch {
	case !got.Incoming.agrees(incoming[:1]):
		return "incoming: got " + got.Incoming.String() + ", want " + incoming[0].String()
	case !got.Outgoing.agrees(outgoing[:1]):
		return "outgoing: got " + got.Outgoing.String() + ", want " + outgoing[0].String()
	case got.Guessed:
		return "guessed: " + got.String()
	}
	for _, e := range got.IncomingAlternatives {
		if !e.agrees(incoming) && !r.triesBoth() {
			return "incoming alternative that is not offered: " + e.String()
		}
	}
	return ""
}

// triesBoth reports whether a client ignores the TLS mode of a POX answer and tries both, one after the other.
func (r model) triesBoth() bool {
	return r.format == pox && (r.name == "Delta Chat" || r.name == "Outlook 2007")
}

// TestGolden compares every answer for the corpus with a file, so that changes show in review, and validates it.
func TestGolden(t *testing.T) {
	c := loadCorpus(t)
	for _, address := range corpusAddresses {
		for _, kind := range []struct {
			name, schema string
			client       string
			format       format
		}{
			{"thunderbird", autoconfigSchema, "Thunderbird", configFile},
			{"evolution", autoconfigSchema, "Evolution", configFile},
			{"outlook", autodiscoverSchema, "Outlook 2010-2019", pox},
			{"deltachat", autodiscoverSchema, "Delta Chat", pox},
		} {
			_, domain := parts(address)
			name := domain + "." + kind.name + ".xml"
			t.Run(name, func(t *testing.T) {
				got := modelOf(t, kind.client, kind.format).ask(c, address).Body
				golden := filepath.Join("testdata", "golden", name)
				edgetest.Golden(t, golden, got)
				validate(t, kind.schema, got)
			})
		}
	}
}

func modelOf(t testing.TB, name string, f format) model {
	t.Helper()
	i := slices.IndexFunc(models, func(r model) bool { return r.name == name && r.format == f })
	if i < 0 {
		t.Fatalf("there is no model of %s for %s", name, f)
	}
	return models[i]
}
