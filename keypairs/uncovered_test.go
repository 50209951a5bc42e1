package keypairs

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"mailhint/keypairs/keypairtest"
)

func TestUncovered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := Open([]Files{
		newFiles(t, dir, "", keypairtest.Options{Names: []string{"autoconfig.example.com"}}),
		newFiles(t, dir, "", keypairtest.Options{Names: []string{"*.Firm.example"}}),
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"autoconfig.z.example", "autoconfig.example.com", "autodiscover.example.com", "autoconfig.firm.example", "autoconfig.b.firm.example",
		"autoconfig.a.example", "autodiscover.a.example"}
	few, count := p.Uncovered(slices.Values(names))
	if want := "[autoconfig.a.example autoconfig.b.firm.example autoconfig.z.example]"; fmt.Sprint(few) != want || count != 5 {
		t.Errorf("got %d, %v, want 5, %s", count, few, want)
	}
	if few, count := p.Uncovered(slices.Values(names[1:2])); len(few) != 0 || count != 0 {
		t.Errorf("a covered name: got %d, %v, want none", count, few)
	}
	endless := func(yield func(string) bool) {
		for yield("autoconfig.a.example") {
		}
	}
	if few, count := p.Uncovered(endless); len(few) != 3 || count != MaxUncovered {
		t.Errorf("endless names: got %d, %v, want 3 names and %d", count, few, MaxUncovered)
	}
}
