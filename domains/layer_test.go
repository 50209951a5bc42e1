package domains

import (
	"reflect"
	"testing"
)

// everyKey is a profile with every key that settings can have.
const everyKey = `[profiles.full]
name = "x"
short_name = "x"
docs = "https://x.example/"
support = "tel:1"
webmail = "https://x.example/"
caldav = "https://x.example/"
carddav = "https://x.example/"
webdav = "https://x.example/"
jmap = "https://x.example/"
activesync = "https://x.example/"
ews = "https://x.example/"
imap = "x.example"
pop3 = "x.example"
smtp = "x.example"
sieve = "x.example"
login = "x"
auth = "password"
autodiscover = "redirect:https://x.example/"
oauth2 = { issuer = "x.example", scope = "x", auth_url = "https://x.example/", token_url = "https://x.example/" }
pacc = false
allow_plaintext = "10.0.0.0/8"
editable = "name"
`

// A field of layer that is forgotten where layers are read or laid on each other would silently not be inherited.
func TestLayerIsWhole(t *testing.T) {
	l := newLoader()
	main, ok := l.parse(write(t, t.TempDir(), "domains.toml", everyKey), "")
	if !ok {
		t.Fatal(l.problems)
	}
	l.readFile(main)
	table := l.profiles["full"].table
	full := table.readLayer()
	table.done()
	if len(l.problems) > 0 {
		t.Fatal(l.problems)
	}
	fields := reflect.ValueOf(full)
	for i := range fields.NumField() {
		if name := fields.Type().Field(i).Name; name != "misspelt" && !fields.Field(i).FieldByName("set").Bool() {
			t.Errorf("%s: readLayer does not set it, or everyKey does not have it", fields.Type().Field(i).Name)
		}
	}
	if full.misspelt {
		t.Error("a key that is known is near to those of servers")
	}
	if !reflect.DeepEqual(full.over(layer{}), full) || !reflect.DeepEqual(layer{}.over(full), full) || !reflect.DeepEqual(layer{}.over(layer{}), layer{}) {
		t.Error("over loses a field")
	}
	explained := make(map[string]bool)
	for _, o := range full.origins() {
		explained[o.Key] = true
	}
	for key := range table.values {
		if !explained[key] && key != "allow_plaintext" && key != "editable" { // these are no part of an answer
			t.Errorf("origins does not name %s", key)
		}
	}
}
