package domains

import "testing"

// Files with the same content give the same snapshot; a difference in any of them, a list of names included, does not.
func TestSameAs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	load := func() *Snapshot {
		t.Helper()
		s, err := Load(write(t, dir, "domains.toml", "include = \"*.d/*.toml\"\n[profiles.p]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\ndomains_file = \"names.txt\"\n"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	write(t, dir, "names.txt", "a.example\nb.example\n")
	first := load()
	if again := load(); !again.SameAs(first) {
		t.Error("the same files: a different snapshot")
	}
	write(t, dir, "names.txt", "a.example\nc.example\n")
	if changed := load(); changed.SameAs(first) {
		t.Error("another name in the list: the same snapshot")
	}
	if first.SameAs(nil) {
		t.Error("a snapshot is the same as none")
	}
}
