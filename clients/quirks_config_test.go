package clients_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// quirk is a change to a good answer and what each client makes of it. It pins the models to what was seen.
type quirk struct {
	name        string
	pairs       []string // edits of the good document
	body        string   // or a whole document
	status      int      // 200 if left out
	contentType string   // text/xml if left out
	address     string   // fred@example.com if left out

	see    func(setup) string // the aspect to compare
	others string             // what the clients see that are not in want
	want   map[string]string
}

// refused is the outcome if a client does not accept the answer.
const refused = "refused"

// Aspects to compare.
func accepted(setup) string    { return "accepted" }
func host(s setup) string      { return s.Incoming.Host }
func login(s setup) string     { return s.Incoming.Username }
func auth(s setup) string      { return s.Incoming.Auth }
func secured(s setup) string   { return string(s.Incoming.Security) }
func sending(s setup) string   { return place(s.Outgoing) }
func receiving(s setup) string { return places(s.Incoming, s.IncomingAlternatives) }

func place(e endpoint) string {
	if e == (endpoint{}) {
		return "nothing"
	}
	return fmt.Sprintf("%s %d %s", e.Protocol, e.Port, e.Security)
}

func places(first endpoint, rest []endpoint) string {
	list := []string{place(first)}
	for _, e := range rest {
		list = append(list, place(e))
	}
	return strings.Join(list, ", ")
}

// runQuirks compares every quirk for every client of a format.
func runQuirks(t *testing.T, f format, good string, quirks []quirk) {
	for _, q := range quirks {
		t.Run(q.name, func(t *testing.T) {
			unknown := maps.Clone(q.want)
			for _, r := range models {
				if r.format != f {
					continue
				}
				want, named := q.want[r.name]
				if !named {
					want = q.others
				}
				delete(unknown, r.name)
				a := q.answer(t, good)
				if got, said := q.look(r, a); got != want {
					t.Errorf("%s: got %q, want %q (%s)\nseen in %s\n%s", r.name, got, want, said, r.seen, a.Body)
				}
			}
			if len(unknown) > 0 {
				t.Errorf("no such clients: %q", slices.Collect(maps.Keys(unknown)))
			}
		})
	}
}

func (q quirk) answer(t testing.TB, good string) answer {
	a := answer{Status: 200, ContentType: "text/xml; charset=utf-8", Body: []byte(q.body), Address: "fred@example.com"}
	if q.body == "" {
		a.Body = []byte(edited(t, good, q.pairs...))
	}
	if q.status != 0 {
		a.Status = q.status
	}
	if q.contentType != "" {
		a.ContentType = q.contentType
	}
	if q.address != "" {
		a.Address = q.address
	}
	return a
}

// look returns what a client sees, and its whole outcome.
func (q quirk) look(r model, a answer) (seen, said string) {
	s, err := r.read(a)
	if err != nil {
		return refused, err.Error()
	}
	return q.see(s), s.String()
}

// oneIMAP is minimalConfig without POP3: one server in each direction.
func oneIMAP(t testing.TB) string { return edited(t, minimalConfig, pop995, "") }

func TestConfigFileReaders(t *testing.T) {
	runQuirks(t, configFile, oneIMAP(t), slices.Concat(configChoices(t), configTransport, configValues, configLogins, configMarkup(t)))
}

// configChoices: which of several servers a client uses.
func configChoices(t testing.TB) []quirk {
	webmail := `<webMail><loginPageInfo url="https://webmail.example.com/"><username>%EMAILLOCALPART%</username></loginPageInfo></webMail>`
	return []quirk{
		{name: "as it should be", see: receiving, others: "imap 993 implicit TLS"},
		{name: "sending", see: sending, others: "smtp 465 implicit TLS"},
		{
			name: "fallback listed", pairs: []string{imap993, imap993 + imap143}, see: receiving,
			others: "imap 993 implicit TLS, imap 143 STARTTLS",
			want: map[string]string{
				"FairEmail": "imap 993 implicit TLS", "Nextcloud Mail": "imap 993 implicit TLS", "Geary": "imap 993 implicit TLS",
				"Evolution": "imap 143 STARTTLS",
			},
		},
		{
			name: "POP3 after IMAP", pairs: []string{imap993, imap993 + pop995}, see: receiving, others: "imap 993 implicit TLS",
			want: map[string]string{
				"Thunderbird": "imap 993 implicit TLS, pop3 995 implicit TLS", "Evolution": "imap 993 implicit TLS, pop3 995 implicit TLS",
				"KMail": "imap 993 implicit TLS, pop3 995 implicit TLS", "Horde": "imap 993 implicit TLS, pop3 995 implicit TLS",
			},
		},
		{
			name: "POP3 before IMAP", pairs: []string{imap993, pop995 + imap993}, see: receiving, others: "imap 993 implicit TLS",
			want: map[string]string{
				"Thunderbird": "pop3 995 implicit TLS, imap 993 implicit TLS", "Horde": "pop3 995 implicit TLS, imap 993 implicit TLS",
				"Evolution": "imap 993 implicit TLS, pop3 995 implicit TLS", "KMail": "imap 993 implicit TLS, pop3 995 implicit TLS",
				"FairEmail": refused, "Geary": refused,
			},
		},
		{
			name: "JMAP before IMAP", pairs: []string{imap993, jmapServer + imap993}, see: receiving, others: "imap 993 implicit TLS",
			want: map[string]string{"FairEmail": refused, "Geary": refused},
		},
		{
			name: "EWS and ActiveSync after IMAP", pairs: []string{imap993, imap993 + ewsServer + activeSyncServer}, see: receiving, others: "imap 993 implicit TLS",
			want: map[string]string{"Thunderbird": "imap 993 implicit TLS, ews 0 implicit TLS"},
		},
		{
			name: "EWS with Basic alone", pairs: []string{imap993, imap993 + strings.Replace(ewsServer, "<authentication>password-cleartext</authentication>", "", 1)},
			see: receiving, others: "imap 993 implicit TLS",
		},
		{name: "JMAP after IMAP", pairs: []string{imap993, imap993 + jmapServer}, see: receiving, others: "imap 993 implicit TLS"},
		{
			name: "no outgoing server", pairs: []string{smtp465, ""}, see: sending, others: "nothing",
			want: map[string]string{
				"Thunderbird": refused, "Thunderbird for Android": refused, "FairEmail": refused, "Geary": refused,
				"Delta Chat": "smtp 465 implicit TLS", // guessed
			},
		},
		{
			name: "no incoming server", pairs: []string{imap993, ""}, see: receiving, others: refused,
			want: map[string]string{
				"Delta Chat":     "imap 993 implicit TLS, imap 143 STARTTLS, imap 993 implicit TLS, imap 143 STARTTLS, imap 993 implicit TLS, imap 143 STARTTLS",
				"Nextcloud Mail": "nothing", "Evolution": "nothing", "KMail": "nothing",
			},
		},
		{
			name: "no server at all", body: `<clientConfig version="1.1"><emailProvider id="example.com"><domain>example.com</domain></emailProvider></clientConfig>`,
			see: host, others: refused, want: map[string]string{"Delta Chat": "imap.example.com"},
		},
		{
			name: "everything of version 1.2", body: config12(t), see: func(s setup) string { return place(s.Incoming) },
			others: "imap 993 implicit TLS",
		},
		{
			name: "user name of webmail after the servers", pairs: []string{"</emailProvider>", "</emailProvider>" + webmail},
			see: login, others: "fred@example.com", want: map[string]string{"FairEmail": "fred"},
		},
		{
			name:  "another user name for sending",
			pairs: []string{smtp465, strings.Replace(smtp465, "%EMAILADDRESS%", "%EMAILLOCALPART%", 1)},
			see:   login, others: "fred@example.com", want: map[string]string{"FairEmail": "fred"},
		},
	}
}

// configTransport: status, media type, and bodies that are not documents.
var configTransport = []quirk{
	{name: "status 404", status: 404, see: accepted, others: refused, want: map[string]string{"Geary": "accepted"}},
	{name: "status 500", status: 500, see: accepted, others: refused, want: map[string]string{"Geary": "accepted", "Horde": "accepted"}},
	{name: "status 401", status: 401, see: accepted, others: refused, want: map[string]string{"Geary": "accepted", "Horde": "accepted"}},
	{name: "status 203", status: 203, see: accepted, others: "accepted", want: map[string]string{"KMail": refused, "FairEmail": refused}},
	{name: "text/html", contentType: "text/html", see: accepted, others: "accepted", want: map[string]string{"Thunderbird": refused}},
	{name: "text/plain", contentType: "text/plain", see: accepted, others: "accepted", want: map[string]string{"Thunderbird": refused}},
	{name: "media type in capitals", contentType: "Text/XML", see: accepted, others: "accepted", want: map[string]string{"Thunderbird": refused}},
	{name: "application/xml", contentType: "application/xml", see: accepted, others: "accepted"},
	{
		name: "empty page", body: " ", see: func(s setup) string { return fmt.Sprint(s.Guessed) }, others: refused,
		want: map[string]string{"Delta Chat": "true"},
	},
	{
		name: "plain text", body: "not here", see: func(s setup) string { return fmt.Sprint(s.Guessed) }, others: refused,
		want: map[string]string{"Delta Chat": "true"},
	},
	{name: "web page", body: "<!DOCTYPE html><html><head><meta charset=utf-8></head><body>Hello</body></html>", see: accepted, others: refused},
	{name: "end tag that does not fit", pairs: []string{"</emailProvider>", "</provider>"}, see: accepted, others: refused},
	{name: "cut off", pairs: []string{"</clientConfig>", ""}, see: accepted, others: refused, want: map[string]string{"Delta Chat": "accepted"}},
	{name: "byte order mark", pairs: []string{"<?xml", "\uFEFF<?xml"}, see: accepted, others: "accepted", want: map[string]string{"Evolution": refused}},
}

// configValues: domain, id, host, port, encryption.
var configValues = []quirk{
	{
		name: "no domain", pairs: []string{"<domain>example.com</domain>", ""}, see: accepted, others: "accepted",
		want: map[string]string{"Thunderbird": refused, "Thunderbird for Android": refused},
	},
	{name: "domain of somebody else", pairs: []string{"<domain>example.com", "<domain>other.example"}, see: accepted, others: "accepted"},
	{name: "domain as placeholder", pairs: []string{"<domain>example.com", "<domain>%EMAILDOMAIN%"}, see: accepted, others: "accepted"},
	{
		name: "domain with a U-label", pairs: []string{"<domain>example.com", "<domain>bücher.example"}, see: accepted, others: "accepted",
		want: map[string]string{"Thunderbird": refused, "Thunderbird for Android": refused},
	},
	{
		name: "no id", pairs: []string{` id="example.com"`, ""}, see: accepted, others: "accepted",
		want: map[string]string{"Thunderbird": refused, "Thunderbird for Android": refused},
	},
	{
		name: "id with blanks", pairs: []string{`id="example.com"`, `id="Example Mail"`}, see: accepted, others: "accepted",
		want: map[string]string{"Thunderbird": refused, "Thunderbird for Android": refused},
	},
	{
		name: "id as placeholder", pairs: []string{`id="example.com"`, `id="%EMAILDOMAIN%"`}, see: accepted, others: "accepted",
		want: map[string]string{"Thunderbird for Android": refused},
	},
	{
		name: "id with a U-label", pairs: []string{`id="example.com"`, `id="bücher.example"`}, see: accepted, others: "accepted",
		want: map[string]string{"Thunderbird": refused, "Thunderbird for Android": refused},
	},
	{name: "no name", pairs: []string{"<displayName>Example Mail</displayName>", ""}, see: accepted, others: "accepted"},
	{
		name: "host with a U-label", pairs: []string{"imap.example.com", "imap.bücher.example"}, see: accepted, others: "accepted",
		want: map[string]string{"Thunderbird": refused, "Thunderbird for Android": refused},
	},
	{
		name: "host as placeholder", pairs: []string{"imap.example.com", "imap.%EMAILDOMAIN%"}, see: host, others: "imap.example.com",
		want: map[string]string{
			"FairEmail": "imap.%EMAILDOMAIN%", "Nextcloud Mail": "imap.%EMAILDOMAIN%", "Geary": "imap.%EMAILDOMAIN%",
			"Horde": "imap.%EMAILDOMAIN%", "Evolution": "imap.",
		},
	},
	{
		name: "host padded", pairs: []string{"imap.example.com", "\n imap.example.com "}, see: host, others: "\n imap.example.com ",
		want: map[string]string{"Thunderbird": "imap.example.com", "Delta Chat": "imap.example.com", "Thunderbird for Android": refused},
	},
	{
		name: "port padded", pairs: []string{"993", " 993 "}, see: func(s setup) string { return fmt.Sprint(s.Incoming.Port) }, others: "993",
		want: map[string]string{"Thunderbird for Android": refused, "FairEmail": refused, "Geary": "0"},
	},
	{
		name: "no port", pairs: []string{"<port>993</port>", ""}, see: func(s setup) string { return fmt.Sprint(s.Incoming.Port) }, others: "0",
		want: map[string]string{"Thunderbird": refused, "Thunderbird for Android": refused, "FairEmail": refused, "KMail": "0", "Delta Chat": "993"},
	},
	{
		name: "cleartext", pairs: []string{"993", "143", "SSL", "plain"}, see: secured, others: "no encryption",
		want: map[string]string{"Thunderbird for Android": refused, "FairEmail": "STARTTLS", "Horde": "STARTTLS"},
	},
	{
		name: "socketType ssl", pairs: []string{"SSL", "ssl"}, see: secured, others: "no encryption",
		want: map[string]string{
			"Thunderbird": refused, "Thunderbird for Android": refused, "KMail": "implicit TLS", "FairEmail": "implicit TLS",
			"Delta Chat": "implicit TLS", "Nextcloud Mail": "implicit TLS", "Horde": "implicit TLS",
		},
	},
	{
		name: "socketType TLS", pairs: []string{"SSL", "TLS"}, see: receiving, others: "imap 993 no encryption",
		want: map[string]string{
			"Thunderbird": refused, "Thunderbird for Android": refused, "KMail": "imap 993 implicit TLS", "FairEmail": "imap 993 implicit TLS",
			"Delta Chat": "imap 993 implicit TLS, imap 993 STARTTLS", "Nextcloud Mail": "imap 993 STARTTLS", "Horde": "imap 993 STARTTLS",
		},
	},
	{
		name: "socketType padded", pairs: []string{"SSL", " SSL "}, see: secured, others: "no encryption",
		want: map[string]string{
			"Thunderbird": refused, "Thunderbird for Android": refused, "KMail": "implicit TLS", "FairEmail": "implicit TLS",
			"Delta Chat": "implicit TLS", "Horde": "STARTTLS",
		},
	},
}
