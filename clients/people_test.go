package clients_test

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"mailhint/help"
	"mailhint/settings"
	"mailhint/texts"
)

// spoken is a server as the page and the letter show it, without the language.
type spoken struct{ kind, host, port, security, user string }

// advertised returns the servers in the config-v1.1.xml for an address, in its order.
func advertised(t *testing.T, c corpus, a settings.Address) []spoken {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "https://autoconfig."+string(a.Domain)+"/mail/config-v1.1.xml?"+url.Values{"emailaddress": {a.String()}}.Encode(), nil)
	recorder := httptest.NewRecorder()
	c.handler.ServeHTTP(recorder, request)
	type server struct {
		Type     string `xml:"type,attr"`
		Hostname string `xml:"hostname"`
		Port     string `xml:"port"`
		Security string `xml:"socketType"`
		Username string `xml:"username"`
	}
	var document struct {
		Incoming []server `xml:"emailProvider>incomingServer"`
		Outgoing []server `xml:"emailProvider>outgoingServer"`
	}
	if err := xml.Unmarshal(recorder.Body.Bytes(), &document); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	securities := map[string]string{"SSL": "encryption.ssl_tls", "STARTTLS": "encryption.starttls", "plain": "encryption.none"}
	var servers []spoken
	for _, s := range slices.Concat(document.Incoming, document.Outgoing) {
		if s.Port != "" { // Exchange and JMAP have a URL
			user := settings.Login(s.Username)
			servers = append(servers, spoken{"service." + s.Type, s.Hostname, s.Port, securities[s.Security], user.Fill(a)})
		}
	}
	return servers
}

// said returns the servers of a page in one language, read back from its tables.
func said(t *testing.T, l texts.Language, services []help.Service) []spoken {
	t.Helper()
	words := texts.For(l)
	key := func(word string, keys ...string) string {
		for _, k := range keys {
			if words.Text(k) == word {
				return k
			}
		}
		t.Fatalf("%s: %q is none of %v", l, word, keys)
		return ""
	}
	var servers []spoken
	for _, s := range services {
		kind := key(s.Title, "service.imap", "service.pop3", "service.smtp", "service.sieve")
		row := s.Rows
		e := spoken{kind: kind, host: row[0].Value}
		if row = row[1:]; row[0].Label == words.Text("label.server_ascii") {
			e.host, row = row[0].Value, row[1:]
		}
		e.port = row[0].Value
		e.security = key(row[1].Value, "encryption.ssl_tls", "encryption.starttls", "encryption.none")
		e.user = row[2].Value
		if kind != "service.sieve" { // which config-v1.1.xml does not have
			servers = append(servers, e)
		}
	}
	return servers
}

// TestPeopleAreToldTheSame: the settings that people read are those that mail programs get, for every kind of settings and in every language.
func TestPeopleAreToldTheSame(t *testing.T) {
	c := loadCorpus(t)
	for _, address := range corpusAddresses {
		a := mustAddress(address)
		found, err := c.Lookup(context.Background(), settings.Question{Address: a})
		if err != nil {
			t.Fatal(err)
		}
		want := advertised(t, c, a)
		for i := range want { // people write names as they read them
			want[i].user = readableUser(want[i].user)
		}
		for _, l := range texts.Languages() {
			page := help.For(help.Request{Found: found, Address: a, Language: l})
			if got := said(t, l, page.Services); !slices.Equal(got, want) {
				t.Errorf("%s in %s: people read\n%+v\nconfig-v1.1.xml has\n%+v", address, l, got, want)
			}
			for _, p := range page.Programs {
				checkProgram(t, address, p, page)
			}
		}
	}
}

// checkProgram compares the tables of one program, which have other labels, with those of the page.
func checkProgram(t *testing.T, address string, p help.Program, page help.Page) {
	t.Helper()
	for _, s := range p.Services {
		i := slices.IndexFunc(page.Services, func(general help.Service) bool { return general.Title == s.Title })
		if i < 0 || len(page.Services[i].Rows) != len(s.Rows) {
			t.Errorf("%s: %s has %+v, the page has %+v", address, p.ID, s, page.Services)
			continue
		}
		encryption := len(s.Rows) - 3 // which programs call by other names, as a switch for example
		for n, row := range page.Services[i].Rows {
			if n != encryption && row.Value != s.Rows[n].Value {
				t.Errorf("%s: %s has %+v, the page has %+v", address, p.ID, s.Rows, page.Services[i].Rows)
			}
		}
	}
}

// readableUser returns a login name with its domain as people write it.
func readableUser(user string) string {
	if a, err := settings.ParseAddress(user); err == nil {
		return a.Local + "@" + a.Domain.Unicode()
	}
	return user
}
