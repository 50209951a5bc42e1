package edge

import (
	"net/http/httptest"
	"strings"
	"testing"

	"mailhint/texts"
)

// A person who changes the language of a message stays where they are, without their address in a URL.
func TestMessageLanguage(t *testing.T) {
	const address = `"<b>"@a.example`
	for name, test := range map[string]struct {
		message Message
		with    []string
	}{
		"at any URL":   {NotFoundMessage, []string{`<form class="language" method="get">`}},
		"in a form":    {UnavailableMessage, []string{`<form class="language" method="post" action="/">`, `<input type="hidden" name="email" value="&#34;&lt;b&gt;&#34;@a.example">`}},
		"at another":   {Message{Title: "error.insecure_title", Text: "error.insecure", Path: "/"}, []string{`<form class="language" method="get" action="/">`}},
		"with a field": {Message{Title: "error.unknown_title", Text: "error.unknown", Path: "/mobileconfig", Field: "emailaddress"}, []string{`method="post" action="/mobileconfig">`, `name="emailaddress" value="&#34;`, "nothing about a.example."}},
	} {
		w := httptest.NewRecorder()
		test.message.Serve(w, httptest.NewRequest("GET", "https://a.example/x?emailaddress=ann@a.example", nil), 404, texts.English, "a.example", address)
		body := w.Body.String()
		for _, with := range test.with {
			if !strings.Contains(body, with) {
				t.Errorf("%s: no %s in\n%s", name, with, body)
			}
		}
		if strings.Contains(body, "?emailaddress") || test.message.Field == "" && strings.Contains(body, "&lt;b") {
			t.Errorf("%s: the address is in the page:\n%s", name, body)
		}
	}
}

func TestChosenLanguage(t *testing.T) {
	for target, want := range map[string]string{"/": "", "/?lang=de": "de", "/x?emailaddress=a&lang=%zz": "", "/?lang=ja&lang=de": "ja"} {
		if got := ChosenLanguage(httptest.NewRequest("GET", target, nil)); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}
