package autoconfig

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// places put a text into one of the places of a request for example.com that the client controls.
var places = map[string]func(r *http.Request, text string){
	"host":        func(r *http.Request, text string) { r.Host = text },
	"host prefix": func(r *http.Request, text string) { r.Host = text + ".example.com" },
	"host suffix": func(r *http.Request, text string) { r.Host = "autoconfig.example.com." + text },
	"query":       func(r *http.Request, text string) { r.URL.RawQuery = text },
	"raw address": func(r *http.Request, text string) { r.URL.RawQuery = "emailaddress=" + text + "@example.com" },
	"local part": func(r *http.Request, text string) {
		r.URL.RawQuery = "emailaddress=" + url.QueryEscape(text+"@example.com")
	},
	"local part, known host": func(r *http.Request, text string) {
		r.URL.RawQuery = "emailaddress=" + url.QueryEscape(text+"@unknown.example")
	},
	"domain": func(r *http.Request, text string) {
		r.URL.RawQuery = "emailaddress=" + url.QueryEscape("fred@"+text)
	},
	"domain, prefixed": func(r *http.Request, text string) {
		r.URL.RawQuery = "emailaddress=" + url.QueryEscape("fred@"+text+".example.com")
	},
	"parameter name": func(r *http.Request, text string) { r.URL.RawQuery = url.QueryEscape(text) + "=a" },
	"emailmd5": func(r *http.Request, text string) {
		r.URL.RawQuery = "emailaddress=fred%40example.com&emailmd5=" + url.QueryEscape(text)
	},
	"path":            func(r *http.Request, text string) { r.URL.Path = "/" + text },
	"User-Agent":      func(r *http.Request, text string) { r.Header.Set("User-Agent", text+"Evolution/") },
	"If-None-Match":   func(r *http.Request, text string) { r.Header.Set("If-None-Match", text) },
	"Accept-Language": func(r *http.Request, text string) { r.Header.Set("Accept-Language", text) },
	"client":          func(r *http.Request, text string) { r.RemoteAddr = text },
	"method":          func(r *http.Request, text string) { r.Method = text },
}

// TestHostileTexts puts every hostile text into every place of a request, for every kind of domain.
func TestHostileTexts(t *testing.T) {
	lookup := settings.Lookup(edgetest.Load(t).Lookup)
	h := newHandler(lookup)
	for place, put := range places {
		for _, text := range edgetest.Hostile {
			for _, domain := range []settings.Domain{"example.com", "firma.example", "xn--bcher-kva.example", "composed.example"} {
				found := edgetest.Find(t, lookup, domain)
				if place == "domain" && strings.HasSuffix(text, "@firm.example") {
					found = edgetest.Find(t, lookup, "firm.example") // this is what the request asks for then
				}
				r := httptest.NewRequest("GET", "https://autoconfig.example.com/mail/config-v1.1.xml", nil)
				put(r, text)
				// The request for example.com is turned into one for this domain.
				r.Host = strings.Replace(r.Host, "example.com", string(domain), 1)
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "example.com", string(domain), 1)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				checkHarmless(t, place+" "+text, w.Result(), found)
			}
		}
	}
}

// checkHarmless checks what must be true of every answer: one of our statuses, well-formed, no markup except ours, and no names except those
// of the domain. wanted is the domain of the request.
func checkHarmless(t *testing.T, request string, answer *http.Response, wanted settings.Found) {
	t.Helper()
	body := edgetest.HarmlessHeader(t, request, answer, 200, 304, 404)
	if answer.StatusCode != 200 {
		if strings.Contains(body, "evil") {
			t.Errorf("%q: repeated in %q", request, body)
		}
		return
	}
	var got decoded
	if err := xml.Unmarshal([]byte(body), &got); err != nil {
		t.Errorf("%q: %v in\n%s", request, err, body)
		return
	}
	edgetest.Elements(t, request, body, elements)
	domain, primary := string(wanted.Domain), string(wanted.Primary)
	if got.Provider.ID != domain {
		t.Errorf("%q: answered for %q, not %q", request, got.Provider.ID, domain)
	}
	for _, server := range slices.Concat(got.Provider.Incoming, got.Provider.Outgoing) {
		if h := server.Hostname; h != "imap.example.com" && h != "smtp.example.com" && h != "mail."+domain && h != "mail."+primary {
			t.Errorf("%q: server %q", request, h)
		}
		for _, username := range server.Username {
			if strings.Contains(username, "evil") && (!strings.HasPrefix(username, "x-") && !strings.HasSuffix(username, "@"+primary) ||
				!settings.Address{Local: strings.TrimPrefix(strings.TrimSuffix(username, "@"+primary), "x-"), Domain: wanted.Domain}.Plausible()) {
				t.Errorf("%q: user name %q", request, username)
			}
		}
	}
	rest := body
	for _, u := range got.Provider.Incoming {
		for _, username := range u.Username {
			rest = strings.ReplaceAll(rest, edgetest.Escaped(username), "")
		}
	}
	edgetest.HarmlessText(t, request, rest, wanted, "firm.example", "firma.example", "xn--bcher-kva.example", "varies.example", "local.example",
		"calendar.example", "composed.example")
}

// elements are those of our documents.
const elements = "clientConfig emailProvider domain displayName incomingServer outgoingServer hostname port socketType authentication username"

// FuzzQuery looks for a query and a Host whose answer is not harmless.
func FuzzQuery(f *testing.F) {
	f.Add("autoconfig.example.com", "")
	f.Add("autoconfig.example.com", "emailaddress=fred%40example.com") // Thunderbird 153
	f.Add("autoconfig.example.com", "emailaddress=EVOLUTIONUSER%40example.com&emailmd5=0123456789abcdef0123456789abcdef")
	f.Add("example.com", "emailaddress=fred+tag@example.com") // FairEmail, Nextcloud Mail
	f.Add("autoconfig.firma.example", "emailaddress=o'neill%26co%40firma.example")
	f.Add("xn--bcher-kva.example", "emailaddress=ann%40b%C3%BCcher.example")
	for _, text := range edgetest.Hostile {
		f.Add(text, text)
		f.Add("autoconfig.firma.example", "emailaddress="+url.QueryEscape(text+"@firma.example"))
	}
	lookup := settings.Lookup(edgetest.Load(f).Lookup)
	h := newHandler(lookup)
	f.Fuzz(func(t *testing.T, host, query string) {
		r := httptest.NewRequest("GET", "https://example.com/mail/config-v1.1.xml", nil)
		r.Host, r.URL.RawQuery = host, query
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		answer := w.Result()
		if answer.StatusCode == 404 {
			return
		}
		body := w.Body.String()
		var got decoded
		if err := xml.Unmarshal([]byte(body), &got); err != nil || answer.StatusCode != 200 {
			t.Fatalf("status %d, %v in\n%s", answer.StatusCode, err, body)
		}
		found := edgetest.Find(t, lookup, settings.Domain(got.Provider.ID))
		edgetest.Elements(t, host+" "+query, body, elements)
		for _, server := range slices.Concat(got.Provider.Incoming, got.Provider.Outgoing) {
			username := strings.TrimPrefix(strings.TrimSuffix(server.Username[0], "@"+string(found.Primary)), "x-")
			if username != settings.EmailAddress && username != settings.EmailLocalPart && !(settings.Address{Local: username, Domain: "a.b"}).Plausible() {
				t.Fatalf("user name %q", server.Username)
			}
		}
	})
}
