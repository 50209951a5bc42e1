package preview

import (
	"fmt"
	"image"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mailhint/autodiscover"
	"mailhint/domains"
	"mailhint/settings"
	"mailhint/wellknown"
)

// The keys of domains.toml name the formats whose answers depend on them: each changes these answers and no others.
func TestFormatsOfKeys(t *testing.T) {
	bases := []map[string]string{
		{"imap": `"imap.a.example"`, "smtp": `"smtp.a.example"`},
		{"imap": `[]`, "smtp": `"smtp.a.example"`},
		{"imap": `"imap.a.example"`, "smtp": `"smtp.a.example"`, "auth": `["oauth2"]`},
	}
	for _, k := range settingKeys(t) {
		changed := make(map[string]bool)
		for _, base := range bases {
			before := answersOf(t, base)
			with := maps.Clone(base)
			with[k.Name] = k.Example
			for format, after := range answersOf(t, with) {
				if after != before[format] {
					changed[format] = true
				}
			}
		}
		if got, want := slices.Sorted(maps.Keys(changed)), slices.Sorted(slices.Values(k.Formats)); !slices.Equal(got, want) {
			t.Errorf("%s changes the answers %q, and names %q", k.Name, got, want)
		}
	}
}

// settingKeys are those that may be in [defaults].
func settingKeys(t *testing.T) []domains.Key {
	t.Helper()
	for _, table := range domains.Tables() {
		if table.Name == "defaults" {
			return table.Keys
		}
	}
	t.Fatal("there is no table [defaults]")
	return nil
}

// answersOf loads a domain with some values, and returns its answers by format. An error is an answer too.
func answersOf(t *testing.T, values map[string]string) map[string]string {
	t.Helper()
	text := "[domains.\"a.example\"]\n"
	for _, key := range slices.Sorted(maps.Keys(values)) {
		text += key + " = " + values[key] + "\n"
	}
	file := filepath.Join(t.TempDir(), "domains.toml")
	logo, err := os.Create(filepath.Join(filepath.Dir(file), "logo.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer logo.Close()
	if err := png.Encode(logo, image.NewGray(image.Rect(0, 0, 4, 2))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := domains.Load(file)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	ann := settings.Address{Local: "ann", Domain: "a.example"}
	found, err := s.Lookup(t.Context(), settings.Question{Address: ann})
	if err != nil {
		t.Fatal(err)
	}
	answers := make(map[string]string)
	formats := map[string]string{"thunderbird": "autoconfig", "outlook": "autodiscover", "apple": "mobileconfig", "pacc": "pacc", "srv": "dnsrecords"}
	for name, format := range formats {
		client, ok := Named(name)
		if !ok {
			t.Fatalf("there is no client %q", name)
		}
		answer, err := client.Answer(found, ann)
		answers[format] = fmt.Sprintf("%+v %v", answer, err)
	}
	for _, protocol := range []string{"ActiveSync", "EWS"} {
		answer, err := autodiscover.AnswerJSON(found, protocol)
		answers["autodiscover"] += fmt.Sprintf("%s %v", answer, err)
	}
	for _, path := range []string{wellknown.CalDAV, wellknown.CardDAV, wellknown.JMAP} {
		url, _, _ := wellknown.Target(found, path)
		answers["wellknown"] += url + "\n"
	}
	return answers
}
