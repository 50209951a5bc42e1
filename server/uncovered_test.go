package server

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
)

func TestUncovered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := New(secured(
		newPair(t, dir, pairOptions{names: []string{"autoconfig.example.com"}}),
		newPair(t, dir, pairOptions{names: []string{"*.Firm.example"}}),
	), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"autoconfig.z.example", "autoconfig.example.com", "autodiscover.example.com", "autoconfig.firm.example", "autoconfig.b.firm.example",
		"autoconfig.a.example", "autodiscover.a.example"}
	few, count := s.Uncovered(slices.Values(names))
	if want := "[autoconfig.a.example autoconfig.b.firm.example autoconfig.z.example]"; fmt.Sprint(few) != want || count != 5 {
		t.Errorf("got %d, %v, want 5, %s", count, few, want)
	}
	if few, count := s.Uncovered(slices.Values(names[1:2])); len(few) != 0 || count != 0 {
		t.Errorf("got %d, %v of a name that is covered", count, few)
	}
	endless := func(yield func(string) bool) {
		for yield("autoconfig.a.example") {
		}
	}
	if few, count := s.Uncovered(endless); len(few) != 3 || count != MostUncovered {
		t.Errorf("got %d, %v of endless names", count, few)
	}
	plain, err := New(domains.Server{TLS: "off"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, count := plain.Uncovered(slices.Values(names)); count != 0 {
		t.Errorf("got %d without certificate files", count)
	}
}

// The log tells of a certificate with many names, or with names that are none, in one line of moderate length.
func TestLoadedLineIsBounded(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("autoconfig.domain-%d.example", i))
	}
	names[1] = strings.Repeat("a.", 5000) + "example"
	s := run(t, secured(newPair(t, t.TempDir(), pairOptions{names: names, file: "many"})), nil)
	log := s.log.String()
	if !strings.Contains(log, "names=\"autoconfig.domain-0.example a.a.") || !strings.Contains(log, "domain-4.example and 295 more\"") || len(log) > 2000 {
		t.Errorf("%d octets: %.2000s", len(log), log)
	}
}
