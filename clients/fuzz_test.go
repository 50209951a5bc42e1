package clients_test

import "testing"

// FuzzReaders: whatever an answer is, a model says what comes of it. It never panics, and an account it makes has a server.
func FuzzReaders(f *testing.F) {
	for _, doc := range []string{minimalConfig, config12(f), outlookSettings, mobileSyncSettings, requestError, mobileSyncError, "", "\uFEFF", "not here"} {
		f.Add(200, "text/xml; charset=utf-8", []byte(doc), "fred@example.com")
	}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte, address string) {
		a := answer{Status: status, ContentType: contentType, Body: body, Address: address}
		for _, r := range readers {
			s, err := r.read(a)
			if err == nil && s.Incoming == (endpoint{}) && s.Outgoing == (endpoint{}) {
				t.Errorf("%s reading %s: neither a server nor an error", r.name, r.format)
			}
		}
	})
}
