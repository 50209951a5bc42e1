package clients_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"howett.net/plist"

	"mailhint/dnsrecords"
	"mailhint/settings"
)

// spelling reads the settings of an address back from one format. It returns false if there is no answer in this format. A field of an endpoint
// that the format does not express is empty.
type spelling struct {
	name   string
	format format // if the answer is one that models read
	read   func(t *testing.T, c corpus, address string) (incoming, outgoing []endpoint, ok bool)
	// single: the format has room for one server of a kind, which must be the best.
	single bool
	// silentFor are the addresses whose settings the format cannot express, separated by spaces.
	silentFor string
}

var spellings = []spelling{
	{name: "autoconfig", format: configFile, read: readWith("Thunderbird", configFile)},
	{name: "Autodiscover POX", read: readWith("Outlook 2010-2019", pox)},
	{name: "Autodiscover JSON", read: readByJSON},
	{name: "Apple profile", read: readProfile, single: true},
	{
		name: "PACC", read: readPACC, single: true,
		silentFor: "ann@starttls.example ann@ports.example ann@local.example ann@mixed.example ann@firma.example",
	},
	{
		name: "SRV", read: readSRV,
		silentFor: "ann@firma.example", // clients try the address and its local part, no other login
	},
}

// TestFormatsAgree reads the settings of every address of the corpus back from every format, and compares hosts, ports, TLS modes and logins
// with the settings.
func TestFormatsAgree(t *testing.T) {
	c := loadCorpus(t)
	for _, f := range spellings {
		for _, address := range corpusAddresses {
			t.Run(f.name+"/"+address, func(t *testing.T) {
				wantIncoming, wantOutgoing := c.meant(t, f.format, address)
				incoming, outgoing, ok := f.read(t, c, address)
				if silent := slices.Contains(strings.Fields(f.silentFor), address); silent || !ok {
					if silent == ok {
						t.Errorf("there is an answer: %v, want %v", ok, !silent)
					}
					return
				}
				if f.single {
					wantIncoming, wantOutgoing = wantIncoming[:1], wantOutgoing[:1]
				}
				compareEndpoints(t, "incoming", incoming, wantIncoming)
				compareEndpoints(t, "outgoing", outgoing, wantOutgoing)
			})
		}
	}
}

func compareEndpoints(t *testing.T, what string, got, want []endpoint) {
	t.Helper()
	same := len(got) == len(want)
	for i := 0; same && i < len(got); i++ {
		g, w := got[i], want[i]
		w.Auth, g.Auth = "", ""
		if g.Username == "" {
			w.Username = ""
		}
		if g.Security == "" {
			w.Security = ""
		}
		same = g == w
	}
	if !same {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// readWith reads an answer with the model of a client that uses all of it.
func readWith(name string, f format) func(*testing.T, corpus, string) (incoming, outgoing []endpoint, ok bool) {
	return func(t *testing.T, c corpus, address string) (incoming, outgoing []endpoint, ok bool) {
		r := modelOf(t, name, f)
		s, err := r.read(r.ask(c, address))
		if err != nil {
			t.Log(err)
			return nil, nil, false
		}
		return append([]endpoint{s.Incoming}, s.IncomingAlternatives...), append([]endpoint{s.Outgoing}, s.OutgoingAlternatives...), true
	}
}

// get sends a request to the whole server.
func (c corpus) get(target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}

// readByJSON finds the first version of Autodiscover by the second one.
func readByJSON(t *testing.T, c corpus, address string) (incoming, outgoing []endpoint, ok bool) {
	_, domain := parts(address)
	w := c.get("https://autodiscover." + domain + "/autodiscover/autodiscover.json?Protocol=AutodiscoverV1&Email=" + url.QueryEscape(address))
	var location struct{ Protocol, Url string }
	if err := json.Unmarshal(w.Body.Bytes(), &location); err != nil || w.Code != http.StatusOK {
		t.Logf("%d %s", w.Code, w.Body)
		return nil, nil, false
	}
	if want := "https://autodiscover." + domain + "/autodiscover/autodiscover.xml"; location.Url != want {
		t.Errorf("the first version is at %s, want %s", location.Url, want)
	}
	return readWith("Outlook 2010-2019", pox)(t, c, address)
}

// readProfile reads an Apple profile. UseSSL does not distinguish implicit TLS from STARTTLS, so only the presence of encryption is checked.
func readProfile(t *testing.T, c corpus, address string) (incoming, outgoing []endpoint, ok bool) {
	_, domain := parts(address)
	w := c.get("https://autoconfig." + domain + "/mobileconfig?emailaddress=" + url.QueryEscape(address))
	if w.Code != http.StatusOK {
		t.Logf("%d %s", w.Code, w.Body)
		return nil, nil, false
	}
	var profile struct{ PayloadContent []map[string]any }
	if _, err := plist.Unmarshal(w.Body.Bytes(), &profile); err != nil {
		t.Fatal(err)
	}
	types := map[any]string{"EmailTypeIMAP": "imap", "EmailTypePOP": "pop3"}
	mail := profile.PayloadContent[0]
	for _, direction := range []string{"Incoming", "Outgoing"} {
		if mail[direction+"MailServerUseSSL"] != true {
			t.Errorf("%s mail is not encrypted", direction)
		}
	}
	server := func(direction, protocol string) []endpoint {
		name, _ := mail[direction+"MailServerHostName"].(string)
		port, _ := mail[direction+"MailServerPortNumber"].(uint64)
		username, _ := mail[direction+"MailServerUsername"].(string)
		return []endpoint{{Protocol: protocol, Host: name, Port: int(port), Username: username}}
	}
	return server("Incoming", types[mail["EmailAccountType"]]), server("Outgoing", "smtp"), true
}

// readPACC reads a PACC document, which implies ports, implicit TLS and the address as login.
func readPACC(t *testing.T, c corpus, address string) (incoming, outgoing []endpoint, ok bool) {
	_, domain := parts(address)
	w := c.get("https://ua-auto-config." + domain + "/.well-known/user-agent-configuration.json")
	if w.Code != http.StatusOK {
		return nil, nil, false
	}
	type host struct{ Host string }
	var document struct {
		Protocols struct{ IMAP, POP3, Submit *host }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	server := func(h *host, protocol string, port int) []endpoint {
		if h == nil {
			return nil
		}
		return []endpoint{{Protocol: protocol, Host: h.Host, Port: port, Security: implicitTLS, Username: address}}
	}
	p := document.Protocols
	if incoming = server(p.IMAP, "imap", 993); incoming == nil {
		incoming = server(p.POP3, "pop3", 995)
	}
	return incoming, server(p.Submit, "smtp", 465), true
}

// readSRV reads the records as RFC 6186 and RFC 8314 say: among the records for both TLS modes, the lowest priority comes first.
func readSRV(t *testing.T, c corpus, address string) (incoming, outgoing []endpoint, ok bool) {
	found, err := c.Lookup(t.Context(), settings.Question{Address: mustAddress(address)})
	if err != nil {
		t.Fatalf("%s is not in the corpus", address)
	}
	labels := []struct {
		label, protocol string
		security        security
	}{
		{"_imaps._tcp.", "imap", implicitTLS}, {"_imap._tcp.", "imap", startTLS},
		{"_pop3s._tcp.", "pop3", implicitTLS}, {"_pop3._tcp.", "pop3", startTLS},
		{"_submissions._tcp.", "smtp", implicitTLS}, {"_submission._tcp.", "smtp", startTLS},
	}
	priorities := make(map[endpoint]uint16)
	for _, r := range dnsrecords.Services(found, 3600) {
		service, isSRV := r.Data.(dnsrecords.Service)
		if !isSRV || reflect.ValueOf(service).IsZero() { // "." means that there is none
			continue
		}
		for _, l := range labels {
			if !strings.HasPrefix(r.Name, l.label) {
				continue
			}
			e := endpoint{Protocol: l.protocol, Host: service.Target, Port: int(service.Port), Security: l.security}
			priorities[e] = service.Priority
			if l.protocol == "smtp" {
				outgoing = append(outgoing, e)
			} else {
				incoming = append(incoming, e)
			}
		}
	}
	for _, list := range [][]endpoint{incoming, outgoing} {
		slices.SortStableFunc(list, func(a, b endpoint) int { return int(priorities[a]) - int(priorities[b]) })
	}
	return incoming, outgoing, incoming != nil
}
