package domains

import (
	"path/filepath"
	"testing"

	"mailhint/settings"
)

// A zone takes from [dns] what it does not say itself, and a name belongs to the longest zone that contains it.
func TestZones(t *testing.T) {
	s, err := Load("testdata/good/dns.toml")
	if err != nil {
		t.Fatal(err)
	}
	key, err := filepath.Abs("testdata/good/hoster.key")
	if err != nil {
		t.Fatal(err)
	}
	hoster := Zone{Name: "hoster.example", Server: "ns1.hoster.example:53", KeyFile: key}
	deep := Zone{Name: "deep.hoster.example", Server: "ns1.hoster.example:53", KeyFile: key}
	firm := Zone{Name: "firm.example", Server: "[2001:db8::53]:5353", KeyFile: "/etc/firm.key", Wildcard: true}
	for _, test := range []struct {
		name string
		want Zone
	}{
		{"hoster.example", hoster}, {"autoconfig.hoster.example", hoster}, {"deep.hoster.example", deep}, {"a.b.deep.hoster.example", deep},
		{"firm.example", firm}, {"notfirm.example", Zone{}}, {"example", Zone{}}, {"", Zone{}},
	} {
		got, found := s.DNS.ZoneOf(test.name)
		if got.At.Line != 5 && found {
			t.Errorf("%s: the zone is at %v, want line 5", test.name, got.At)
		}
		got.At = Position{}
		if got != test.want || found != (test.want.Name != settings.Domain("")) {
			t.Errorf("%s: got %+v, %v; want %+v", test.name, got, found, test.want)
		}
	}
}
