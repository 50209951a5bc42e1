package autodiscover

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// jsonHandler has one domain for each thing that the second version can be asked for.
func jsonHandler(t testing.TB) *Handler {
	t.Helper()
	mail := []settings.Server{
		{Protocol: settings.IMAP, Host: "imap.hoster.example", Port: 993, Security: settings.ImplicitTLS, Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}},
		{Protocol: settings.Submission, Host: "smtp.hoster.example", Port: 465, Security: settings.ImplicitTLS, Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}},
	}
	domains := map[settings.Domain]*settings.Settings{
		"mail.example":     {Servers: mail},
		"exchange.example": {Servers: mail, ActiveSync: "https://eas.%EMAILDOMAIN%/Microsoft-Server-ActiveSync", EWS: "https://ews.exchange.example/EWS/Exchange.asmx?a=1&b=2"},
		"moved.example":    {Servers: mail, AutodiscoverRedirect: "https://autodiscover.elsewhere.example/autodiscover/autodiscover.xml"},
		"dav.example":      {CalDAV: "https://dav.example/"},
	}
	known := make(map[settings.Domain]settings.Found)
	for d, s := range domains {
		known[d] = settings.Found{Settings: s, Domain: d, Primary: d}
	}
	return New(edgetest.Lookup(known), slog.New(slog.DiscardHandler))
}

func TestJSON(t *testing.T) {
	const v1 = `{"Protocol":"AutodiscoverV1","Url":"https://autodiscover.mail.example/autodiscover/autodiscover.xml"}`
	tests := []struct {
		host, target string
		status       int
		body         string // whole, or the ErrorCode
	}{
		// The two forms of asking, in any letter case.
		{"autodiscover.mail.example", JSONPath + "?Email=ann%40mail.example&Protocol=AutodiscoverV1&RedirectCount=1", 200, v1},
		{"autodiscover.mail.example", JSONPath + "?email=ann@mail.example&protocol=autodiscoverv1", 200, v1},
		{"autodiscover.mail.example", JSONPath + "?Protocol=Autodiscoverv1&Email=ANN@MAIL.EXAMPLE.", 200, v1},
		{"autodiscover.mail.example", JSONPath + "/v1.0/ann%40mail.example?Protocol=AutodiscoverV1&RedirectCount=1", 200, v1},
		{"autodiscover.mail.example", JSONPath + "/v1.0/ann@mail.example?Protocol=AUTODISCOVERV1", 200, v1},
		{"autodiscover.mail.example", JSONPath + "?Email=ann+tag@mail.example&Protocol=AutodiscoverV1", 200, v1},

		// The host of the answer is the one that has just been reached, if it is one of ours.
		{"mail.example", JSONPath + "?Email=ann@mail.example&Protocol=AutodiscoverV1", 200, `{"Protocol":"AutodiscoverV1","Url":"https://mail.example/autodiscover/autodiscover.xml"}`},
		{"evil.example", JSONPath + "?Email=ann@mail.example&Protocol=AutodiscoverV1", 200, v1},
		{"", JSONPath + "?Email=ann@mail.example&Protocol=AutodiscoverV1", 200, v1},
		{"autodiscover.mail.example", JSONPath + "?Email=ann@stranger.example&Protocol=AutodiscoverV1", 200, v1}, // asked after an MX look-up

		// Exchange only where it is configured.
		{"autodiscover.exchange.example", JSONPath + "?Email=ann@exchange.example&Protocol=ActiveSync", 200, `{"Protocol":"ActiveSync","Url":"https://eas.exchange.example/Microsoft-Server-ActiveSync"}`},
		{"autodiscover.exchange.example", JSONPath + "?Email=ann@exchange.example&Protocol=EWS", 200, `{"Protocol":"Ews","Url":"https://ews.exchange.example/EWS/Exchange.asmx?a=1&b=2"}`},
		{"autodiscover.exchange.example", JSONPath + "?Email=ann@exchange.example&Protocol=ews", 200, `{"Protocol":"Ews","Url":"https://ews.exchange.example/EWS/Exchange.asmx?a=1&b=2"}`},
		{"autodiscover.mail.example", JSONPath + "?Email=ann@mail.example&Protocol=ActiveSync", 400, "ProtocolNotSupported"},
		{"autodiscover.mail.example", JSONPath + "?Email=ann@mail.example&Protocol=EWS", 400, "ProtocolNotSupported"},
		{"autodiscover.mail.example", JSONPath + "?Email=ann@mail.example&Protocol=Rest", 400, "ProtocolNotSupported"},
		{"autodiscover.mail.example", JSONPath + "?Email=ann@mail.example&Protocol=%3Cscript%3E", 400, "ProtocolNotSupported"},
		{"autodiscover.dav.example", JSONPath + "?Email=ann@dav.example&Protocol=AutodiscoverV1", 400, "ProtocolNotSupported"},

		// Elsewhere.
		{"autodiscover.moved.example", JSONPath + "?Email=ann@moved.example&Protocol=AutodiscoverV1", 200, `{"Protocol":"AutodiscoverV1","Url":"https://autodiscover.elsewhere.example/autodiscover/autodiscover.xml"}`},

		// What is no question.
		{"autodiscover.mail.example", JSONPath, 400, "MandatoryParameterMissing"},
		{"autodiscover.mail.example", JSONPath + "?Protocol=AutodiscoverV1", 400, "MandatoryParameterMissing"},
		{"autodiscover.mail.example", JSONPath + "?Email=&Protocol=AutodiscoverV1", 400, "MandatoryParameterMissing"},
		{"autodiscover.mail.example", JSONPath + "?Email=nonsense&Protocol=AutodiscoverV1", 400, "MandatoryParameterMissing"},
		{"autodiscover.mail.example", JSONPath + "?Email=%zz&Protocol=AutodiscoverV1", 400, "MandatoryParameterMissing"},
		{"autodiscover.mail.example", JSONPath + "/v1.0/?Protocol=AutodiscoverV1", 400, "MandatoryParameterMissing"},
		{"autodiscover.mail.example", JSONPath + "/v1.0/" + strings.Repeat("a", 5000) + "@mail.example?Protocol=EWS", 400, "MandatoryParameterMissing"},
		{"autodiscover.mail.example", JSONPath + "?Email=ann@mail.example", 400, "MissingProtocol"},
		{"autodiscover.mail.example", JSONPath + "?Email=ann@mail.example&Protocol=", 400, "MissingProtocol"},
		{"autodiscover.other.example", JSONPath + "?Email=ann@other.example&Protocol=AutodiscoverV1", 404, "DomainNotFound"},
	}
	h := jsonHandler(t).JSON()
	for _, test := range tests {
		t.Run(test.host+test.target[:min(len(test.target), 100)], func(t *testing.T) {
			r := httptest.NewRequest("GET", "https://x"+test.target, nil)
			r.Host = test.host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)

			body := w.Body.String()
			var members map[string]string
			if err := json.Unmarshal([]byte(body), &members); err != nil {
				t.Fatalf("no JSON: %v\n%s", err, body)
			}
			got := body
			if test.status != 200 {
				got = members["ErrorCode"]
			}
			if w.Code != test.status || got != test.body {
				t.Errorf("got %d %s, want %d %s", w.Code, body, test.status, test.body)
			}
			var names []string
			for name := range members {
				names = append(names, name)
			}
			slices.Sort(names)
			if !slices.Equal(names, []string{"Protocol", "Url"}) && !slices.Equal(names, []string{"ErrorCode", "ErrorMessage"}) {
				t.Errorf("members %q", names)
			}
			if w.Header().Get("Content-Type") != "application/json; charset=utf-8" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", w.Header())
			}
			if strings.Contains(body, "evil") || strings.Contains(body, "script") || strings.Contains(body, "stranger") {
				t.Errorf("repeats the request: %s", body)
			}
		})
	}
}

func TestJSONIsNotToldOverPlainHTTP(t *testing.T) {
	r := httptest.NewRequest("GET", "http://autodiscover.mail.example"+JSONPath+"?Email=ann@mail.example&Protocol=AutodiscoverV1", nil)
	w := httptest.NewRecorder()
	jsonHandler(t).JSON().ServeHTTP(w, r)
	if w.Code != 404 || w.Header().Get("Location") != "" {
		t.Errorf("got %d %v, want 404", w.Code, w.Header())
	}
}

func BenchmarkJSON(b *testing.B) {
	h := jsonHandler(b).JSON()
	r := httptest.NewRequest("GET", "https://autodiscover.mail.example"+JSONPath+"?Email=ann%40mail.example&Protocol=AutodiscoverV1&RedirectCount=1", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
