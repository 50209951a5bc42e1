package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

// A profile that redirects Autodiscover to one of its own domains is refused when it is saved, however many domains it has.
func TestProfileRedirectsToItself(t *testing.T) {
	server := postgrestest.Shared(t)
	config := postgres.Config{URL: server.URL(server.Database(t)), Files: files(t, onlyStore)}
	if _, _, err := postgres.Migrate(t.Context(), config, true); err != nil {
		t.Fatal(err)
	}
	s := reopen(t, config)
	if _, err := s.Import(t.Context(), postgres.Import{Records: many(5)}); err != nil {
		t.Fatal(err)
	}
	redirect := func(to string) error {
		set := edits.ChangeSet{Edits: []edits.Edit{{Ref: profileRef("shared"), If: edits.Any, Values: edits.Values{"imap": "imap.example", "smtp": "smtp.example", "autodiscover": to}}}}
		_, err := s.Apply(t.Context(), set)
		return err
	}
	for _, host := range []string{"autodiscover.d3.example", "D4.example", "d0.example"} {
		err := redirect("redirect:https://" + host + "/autodiscover/autodiscover.xml")
		if !errors.As(err, new(domains.Problems)) || !strings.Contains(err.Error(), "points back to this server") {
			t.Errorf("%s: %v, want that it points back", host, err)
		}
	}
	if err := redirect("redirect:https://autodiscover.other.example/autodiscover/autodiscover.xml"); err != nil {
		t.Error(err)
	}
}
