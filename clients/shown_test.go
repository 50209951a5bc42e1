package clients_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"mailhint/help"
)

// TestShownSettings: for every domain of the corpus, the page shows the servers that autoconfig lists, in its order, and in the words of each
// program the first of them.
func TestShownSettings(t *testing.T) {
	c := loadCorpus(t)
	for _, address := range corpusAddresses {
		want := advertised(t, c, mustAddress(address))
		for i := range want { // people write names as they read them
			want[i].user = readableUser(want[i].user)
		}
		shown := shownServers(postPage(t, c, address, "thunderbird")) // whose words for encryption are those of other programs too
		slices.SortStableFunc(want, byKind)
		slices.SortStableFunc(shown, byKind)
		if len(want) == 0 || !slices.Equal(shown, want) {
			t.Errorf("%s: the page shows\n%q\nautoconfig has\n%q", address, shown, want)
		}
		for _, program := range help.IDs() {
			for _, got := range shownServers(postPage(t, c, address, program))[:2] {
				best := want[max(0, slices.IndexFunc(want, func(s spoken) bool { return s.kind == got.kind }))]
				if got.security = best.security; got != best {
					t.Errorf("%s, %s: the page shows first %q, autoconfig has %q", address, program, got, best)
				}
			}
		}
	}
}

// byKind brings servers of one kind together and keeps their order.
func byKind(a, b spoken) int { return strings.Compare(a.kind, b.kind) }

// postPage returns the page for an address, as a browser gets it.
func postPage(t *testing.T, c corpus, address, program string) *html.Node {
	t.Helper()
	_, domain := parts(address)
	form := url.Values{"email": {address}, "program": {program}, "lang": {"en"}}
	request := httptest.NewRequest(http.MethodPost, "https://autoconfig."+domain+"/", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	c.handler.ServeHTTP(recorder, request)
	if recorder.Code != 200 {
		t.Fatalf("%s: status %d\n%s", address, recorder.Code, recorder.Body)
	}
	page, err := html.Parse(recorder.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// shownServers reads the tables of a page in English.
func shownServers(page *html.Node) []spoken {
	kinds := map[string]string{"Incoming mail (IMAP)": "service.imap", "Incoming mail (POP3)": "service.pop3", "Outgoing mail (SMTP)": "service.smtp"}
	securities := map[string]string{"SSL/TLS": "encryption.ssl_tls", "STARTTLS": "encryption.starttls", "None": "encryption.none"}
	var all []spoken
	kind := ""
	for n := range page.Descendants() {
		switch {
		case n.Data == "h2" || n.Data == "summary":
			kind = ""
		case n.Data == "h3":
			kind = kinds[textOf(n)]
		case n.Data == "dl" && kind != "":
			var values []string
			other := false
			for row := range n.Descendants() {
				switch value := textOf(row); {
				case row.Data == "dt" && value == "Server, other spelling":
					other = true
				case row.Data != "dd" || slices.ContainsFunc(row.Attr, func(a html.Attribute) bool { return a.Val == "act" }):
				case other: // the form that DNS has, which the next row has
					values[0], other = value, false
				default:
					values = append(values, value)
				}
			}
			all = append(all, spoken{kind, values[0], values[1], securities[values[2]], values[3]})
		}
	}
	return all
}

func textOf(n *html.Node) string {
	var all strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			all.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(all.String())
}
