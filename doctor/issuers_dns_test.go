package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mailhint/domains"
)

// A CAA record that allows only dns-01 forbids nothing where records can be published.
func TestValidationByDNS(t *testing.T) {
	for table, want := range map[string]bool{"": false, "[dns]\nserver = \"ns1.example.com\"\nkey_file = \"a.key\"\nzones = \"example.com\"\n": true} {
		file := filepath.Join(t.TempDir(), "domains.toml")
		text := "[server]\ntls = \"acme\"\n" + table + "[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := domains.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		methods := New(s, nil, nil).Validation
		if slices.Contains(methods, byDNS) != want || slices.Contains(validationMethods, byDNS) {
			t.Errorf("%q: got %q", table, methods)
		}
		if _, why := forbids(issueRecords("ca.example; validationmethods=dns-01"), []Issuer{{Name: "ca.example"}}, methods); (why == nil) != want {
			t.Errorf("%q: got %v", table, why)
		}
	}
}
