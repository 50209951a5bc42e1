package doctor

import (
	"testing"

	"mailhint/dnsrecords"
)

// TestWildDifferences: what a wildcard record answers is not published under the name, and nothing that could be removed.
func TestWildDifferences(t *testing.T) {
	snapshot := load(t, usual)
	domain := find(t, snapshot, "a.example")
	for _, wild := range []bool{true, false} {
		w := newWorld(t, snapshot, "a.example")
		delete(w.cnames, "autoconfig.a.example")
		owner := "autoconfig.a.example"
		if wild {
			owner = "*.a.example"
		}
		w.hosts[owner] = addresses("203.0.113.80")
		want, err := dnsrecords.For(domain.Found, dnsrecords.Options{Server: setupName, TTL: 3600})
		if err != nil {
			t.Fatal(err)
		}
		differences, err := w.doctor().Differences(t.Context(), want)
		if err != nil || len(differences) != 2 {
			t.Fatalf("got %+v, %v", differences, err)
		}
		if missing := differences[0]; missing.Name != "autoconfig.a.example" || missing.Extra {
			t.Errorf("got %+v, want the name that is missing", missing)
		}
		if extra := differences[1]; extra.Name != "autoconfig.a.example" || !extra.Extra || extra.Wild != wild {
			t.Errorf("got %+v, want wild %t", extra, wild)
		}
	}
}
