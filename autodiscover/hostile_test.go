package autodiscover

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// places put a text into one of the places of a request that the client controls. The request is for DOMAIN, and is part of the body.
var places = map[string]func(r *http.Request, body, text string) string{
	"host": func(r *http.Request, body, text string) string { r.Host = text; return body },
	"host prefix": func(r *http.Request, body, text string) string {
		r.Host = text + "." + r.Host
		return body
	},
	"query":         func(r *http.Request, body, text string) string { r.URL.RawQuery = text; return body },
	"path":          func(r *http.Request, body, text string) string { r.URL.Path = "/" + text; return body },
	"User-Agent":    func(r *http.Request, body, text string) string { r.Header.Set("User-Agent", text); return body },
	"Content-Type":  func(r *http.Request, body, text string) string { r.Header.Set("Content-Type", text); return body },
	"Authorization": func(r *http.Request, body, text string) string { r.Header.Set("Authorization", text); return body },
	"client":        func(r *http.Request, body, text string) string { r.RemoteAddr = text; return body },
	"body":          func(_ *http.Request, _, text string) string { return text },
	"before":        func(_ *http.Request, body, text string) string { return text + body },
	"after":         func(_ *http.Request, body, text string) string { return body + text },
	"local part": func(_ *http.Request, body, text string) string {
		return strings.Replace(body, "fred", edgetest.Escaped(text), 1)
	},
	"local part, raw": func(_ *http.Request, body, text string) string { return strings.Replace(body, "fred", text, 1) },
	"local part, CDATA": func(_ *http.Request, body, text string) string {
		return strings.Replace(body, "fred", "<![CDATA["+text+"]]>", 1)
	},
	"domain": func(_ *http.Request, body, text string) string {
		return strings.Replace(body, "DOMAIN", edgetest.Escaped(text), 1)
	},
	"domain prefix": func(_ *http.Request, body, text string) string {
		return strings.Replace(body, "DOMAIN", edgetest.Escaped(text)+".DOMAIN", 1)
	},
	"domain, raw": func(_ *http.Request, body, text string) string { return strings.Replace(body, "DOMAIN", text, 1) },
	"schema": func(_ *http.Request, body, text string) string {
		return strings.Replace(body, "2006a", edgetest.Escaped(text), 1)
	},
	"schema, raw": func(_ *http.Request, body, text string) string { return strings.Replace(body, "2006a", text, 1) },
	"whole schema": func(_ *http.Request, body, text string) string {
		return strings.Replace(body, schemaPrefix+schemaOutlook, edgetest.Escaped(text), 1)
	},
	"request namespace": func(_ *http.Request, body, text string) string {
		return strings.Replace(body, "/outlook/", edgetest.Escaped(text), 1)
	},
	"element": func(_ *http.Request, body, text string) string {
		return strings.Replace(body, "<Request>", "<Request><LegacyDN>"+edgetest.Escaped(text)+"</LegacyDN>", 1)
	},
	"element, raw": func(_ *http.Request, body, text string) string {
		return strings.Replace(body, "<Request>", "<Request>"+text, 1)
	},
	"declaration": func(_ *http.Request, body, text string) string {
		return `<?xml version="1.0" encoding="` + text + `"?>` + body
	},
}

// TestHostileTexts puts every hostile text into every place of a request, with every method, for several kinds of domain.
func TestHostileTexts(t *testing.T) {
	lookup := settings.Lookup(edgetest.Load(t).Lookup)
	h := newHandler(lookup)
	schemas := map[settings.Domain]string{
		"example.com":   schemaPrefix + schemaOutlook,
		"firma.example": schemaPrefix + schemaOutlook,
		"phone.example": schemaPrefix + schemaMobilesync,
		"moved.example": schemaPrefix + schemaOutlook,
	}
	for place, put := range places {
		for _, text := range edgetest.Hostile {
			for domain := range schemas {
				found := edgetest.Find(t, lookup, domain)
				if strings.HasPrefix(place, "domain") && strings.HasSuffix(text, "@firm.example") {
					found = edgetest.Find(t, lookup, "firm.example") // this is what the request asks for then
				}
				for _, way := range []string{"POST https", "GET https", "POST http"} {
					method, scheme, _ := strings.Cut(way, " ")
					r := httptest.NewRequest(method, scheme+"://autodiscover."+string(domain)+Path, nil)
					r.URL.Scheme = scheme
					plain := strings.Replace(body("fred@DOMAIN"), "</Request>", "<AcceptableResponseSchema>"+schemas[domain]+"</AcceptableResponseSchema></Request>", 1)
					content := put(r, plain, text)
					if way != "POST https" && content != plain {
						continue // this body is not read
					}
					r.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(content, "DOMAIN", string(domain))))
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					checkHarmless(t, way+" "+place+" "+text, w.Result(), found)
				}
			}
		}
	}
}

// checkHarmless checks what must be true of every answer: one of our statuses, well-formed, no markup except ours, and no names except those
// of the requested domain.
func checkHarmless(t *testing.T, request string, answer *http.Response, wanted settings.Found) {
	t.Helper()
	text := edgetest.HarmlessHeader(t, request, answer, 200, 302, 404)
	if answer.StatusCode != 200 {
		if text != "" && text != "No mail settings are published here for this domain.\n" {
			t.Errorf("%q: status %d and %q", request, answer.StatusCode, text)
		}
		return
	}
	if strings.HasPrefix(request, "POST http ") {
		t.Errorf("%q: plain http got\n%s", request, text)
	}
	got := decode(t, []byte(text)).Response
	rest := text
	mine := func(person string) { // the person's own address may be repeated if it is plausible
		a, err := settings.ParseAddress(person)
		if person != "" && err == nil && !a.Plausible() {
			t.Errorf("%q: repeats the implausible %q", request, person)
		}
		if person != "" {
			rest = strings.ReplaceAll(rest, ">"+edgetest.Escaped(person)+"<", "><")
		}
	}
	if got.User != nil {
		mine(got.User.Address)
		mine(got.User.Mobile)
	}
	for _, p := range got.Account.Protocols {
		for _, e := range p.Elements {
			switch e.XMLName.Local {
			case "LoginName":
				mine(e.Text)
			case "Server":
				if e.Text != "imap.example.com" && e.Text != "smtp.example.com" && e.Text != "mail."+string(wanted.Primary) {
					t.Errorf("%q: server %q", request, e.Text)
				}
			}
		}
	}
	edgetest.HarmlessText(t, request, rest, wanted, "firm.example", "firma.example", "xn--bcher-kva.example", "varies.example", "phone.example",
		"moved.example", "oauth.example")
	edgetest.Elements(t, request, text, "Autodiscover Response User DisplayName AutoDiscoverSMTPAddress Account AccountType Action Protocol Type Server "+
		"Port LoginName DomainRequired SPA SSL Encryption AuthRequired UsePOPAuth SMTPLast Error ErrorCode Message DebugData Culture EMailAddress "+
		"Settings Url Name")
}
