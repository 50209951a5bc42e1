package clients_test

import "testing"

// FuzzModels checks that models read arbitrary answers without a panic, and that every account has a server.
func FuzzModels(f *testing.F) {
	for _, doc := range []string{minimalConfig, config12(f), outlookSettings, mobileSyncSettings, requestError, mobileSyncError, "", "\uFEFF", "not here"} {
		f.Add(200, "text/xml; charset=utf-8", []byte(doc), "fred@example.com")
	}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte, address string) {
		a := answer{Status: status, ContentType: contentType, Body: body, Address: address}
		for _, r := range models {
			s, err := r.read(a)
			if err == nil && s.Incoming == (endpoint{}) && s.Outgoing == (endpoint{}) {
				t.Errorf("%s with %s: neither a server nor an error", r.name, r.format)
			}
		}
	})
}
