package autoconfig

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"mailhint/settings"
)

// hostile are texts that would do harm if they came through. Each holds "evil", so that it is found again.
var hostile = []string{
	"evil", "<evil/>", `"><evil>`, "]]><evil/>", "<!--evil", "--><evil>", "<![CDATA[evil", "<?evil?>", "<!DOCTYPE evil>", "&evil;", "&#101;evil",
	"</username><evil>", "evil\r\nSet-Cookie: a=b", "evil\x00", "evil\x1b[31m", "evil\u2028", "evil\ufffe", "evil\ue000\ue001\ue002", "evil\ue063",
	"%EMAILADDRESS%evil", "%EMAILLOCALPART%evil", "evil%EMAILDOMAIN%", "%s%n%xevil", "{{.}}evil", "${evil}", "../../evil", "\\evil", "evil'--", "evil\" OR 1",
	"evil.example", "firm.example.evil", "evil@firm.example", "firm.example@evil.example", "evil.example/firm.example", "evil.example#firm.example",
	"evil.example\\@firm.example", "evil\tfirm.example", "evil:firm.example", "evil.example:443", "[::1]evil", "http://evil.example/", "javascript:evil",
	"ｅvil", "evil\u202efirm", "xn--evil-", "xn--a", strings.Repeat("evil", 20), strings.Repeat("evil.", 60), strings.Repeat("evil", 1000), "\xff\xfeevil", "é\xcc\x81evil",
}

// places put a text into a request for example.com, where a stranger could.
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
	domains := world()
	domains["composed.example"] = settings.Found{Settings: withLogin(both(), "x-%EMAILLOCALPART%"), Domain: "composed.example", Primary: "composed.example"}
	h := newHandler(t, domains)
	for place, put := range places {
		for _, text := range hostile {
			for _, domain := range []settings.Domain{"example.com", "firma.example", "xn--bcher-kva.example", "composed.example"} {
				found := domains[domain]
				if place == "domain" && strings.HasSuffix(text, "@firm.example") {
					found = domains["firm.example"] // this is what is asked for then
				}
				r := httptest.NewRequest("GET", "https://autoconfig.example.com/mail/config-v1.1.xml", nil)
				put(r, text)
				// What is said of example.com is meant for this domain.
				r.Host = strings.Replace(r.Host, "example.com", string(domain), 1)
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "example.com", string(domain), 1)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				checkHarmless(t, place+" "+text, w.Result(), found)
			}
		}
	}
}

// checkHarmless checks what must hold of every answer: a good status, well-formed, no markup but ours, and of all names only
// those of the domain that answered. wanted is the domain the request was for; another may have answered if it was not found.
func checkHarmless(t *testing.T, request string, answer *http.Response, wanted settings.Found) {
	t.Helper()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	body := string(content)
	if !slices.Contains([]int{200, 304, 404}, answer.StatusCode) {
		t.Errorf("%q: status %d", request, answer.StatusCode)
	}
	for key, values := range answer.Header {
		if strings.Contains(strings.ToLower(key+strings.Join(values, " ")), "evil") {
			t.Errorf("%q: header %s: %q", request, key, values)
		}
	}
	if answer.StatusCode != 200 {
		if strings.Contains(body, "evil") {
			t.Errorf("%q: repeated in %q", request, body)
		}
		return
	}
	var got decoded
	if err := xml.Unmarshal(content, &got); err != nil {
		t.Errorf("%q: %v in\n%s", request, err, body)
		return
	}
	checkElements(t, request, body)
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
			var escaped strings.Builder
			xml.EscapeText(&escaped, []byte(username))
			rest = strings.ReplaceAll(rest, escaped.String(), "")
		}
	}
	if strings.Contains(rest, "evil") {
		t.Errorf("%q: repeated outside the user name in\n%s", request, body)
	}
	for _, other := range []string{"firm.example", "firma.example", "xn--bcher-kva.example", "varies.example", "local.example", "calendar.example", "composed.example"} {
		if other != domain && other != primary && strings.Contains(rest, other) {
			t.Errorf("%q: names %s in\n%s", request, other, body)
		}
	}
}

// checkElements checks that a document holds no element, comment or instruction that is not ours.
func checkElements(t *testing.T, request, body string) {
	t.Helper()
	ours := strings.Fields("clientConfig emailProvider domain displayName incomingServer outgoingServer hostname port socketType authentication username")
	d := xml.NewDecoder(strings.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return
		}
		switch token := token.(type) {
		case xml.StartElement:
			if !slices.Contains(ours, token.Name.Local) {
				t.Errorf("%q: element %s in\n%s", request, token.Name.Local, body)
			}
		case xml.Comment, xml.Directive:
			t.Errorf("%q: %s in\n%s", request, token, body)
		}
	}
}

// FuzzQuery looks for a query and a Host that get an answer which is not harmless.
func FuzzQuery(f *testing.F) {
	f.Add("autoconfig.example.com", "")
	f.Add("autoconfig.example.com", "emailaddress=fred%40example.com") // Thunderbird 153
	f.Add("autoconfig.example.com", "emailaddress=EVOLUTIONUSER%40example.com&emailmd5=0123456789abcdef0123456789abcdef")
	f.Add("example.com", "emailaddress=fred+tag@example.com") // FairEmail, Nextcloud Mail
	f.Add("autoconfig.firma.example", "emailaddress=o'neill%26co%40firma.example")
	f.Add("xn--bcher-kva.example", "emailaddress=ann%40b%C3%BCcher.example")
	for _, text := range hostile {
		f.Add(text, text)
		f.Add("autoconfig.firma.example", "emailaddress="+url.QueryEscape(text+"@firma.example"))
	}
	domains := world()
	h := newHandler(f, domains)
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
		found, known := domains[settings.Domain(got.Provider.ID)]
		if !known {
			t.Fatalf("answered for %q", got.Provider.ID)
		}
		checkElements(t, host+" "+query, body)
		for _, server := range slices.Concat(got.Provider.Incoming, got.Provider.Outgoing) {
			username := strings.TrimSuffix(server.Username[0], "@"+string(found.Primary))
			if username != settings.EmailAddress && username != settings.EmailLocalPart && !(settings.Address{Local: username, Domain: "a.b"}).Plausible() {
				t.Fatalf("user name %q", server.Username)
			}
		}
	})
}
