package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The commands that people wait for, with large configurations, without the start of the process.
//
//	go test ./cmd/mailhint -run '^$' -bench Edits -benchtime 5x
func BenchmarkEdits(b *testing.B) {
	const head = "[server]\nadmin = \"\"\nstate_dir = \"state\"\n\n[profiles.shared]\nimap = \"imap.hoster.example\"\nsmtp = \"smtp.hoster.example\"\n"
	entries := func(n int) string {
		var text strings.Builder
		text.WriteString(head)
		for i := range n {
			fmt.Fprintf(&text, "\n# customer %d\n[domains.\"d%05d.example\"]\nprofile = \"shared\"\nname = \"Customer %d\"\n", i, i, i)
		}
		return text.String()
	}
	listed := func(n int) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "d%05d.example\n", i)
		}
		return text.String()
	}
	wanted := func(round int) string {
		var text strings.Builder
		text.WriteString("{\"kind\":\"profile\",\"name\":\"shared\",\"values\":{\"imap\":\"imap.hoster.example\",\"smtp\":\"smtp.hoster.example\"}}\n")
		for i := range 20_000 {
			fmt.Fprintf(&text, "{\"name\":\"d%05d.example\",\"values\":{\"profile\":\"shared\",\"name\":\"Round %d\"}}\n", i, round)
		}
		return text.String()
	}
	setup := func(b *testing.B, files ...string) func(args ...string) {
		b.Helper()
		b.Chdir(b.TempDir())
		for i := 0; i < len(files); i += 2 {
			if err := os.WriteFile(filepath.Clean(files[i]), []byte(files[i+1]), 0o600); err != nil {
				b.Fatal(err)
			}
		}
		return func(args ...string) {
			b.Helper()
			var messages strings.Builder
			if code := run(b.Context(), args, io.Discard, &messages); code != exitGood {
				b.Fatalf("%q: exit code %d\n%s", args, code, messages.String())
			}
		}
	}
	b.Run("list-20000-entries", func(b *testing.B) {
		mailhint := setup(b, "domains.toml", entries(20_000))
		for b.Loop() {
			mailhint("list")
		}
	})
	b.Run("list-20000-names", func(b *testing.B) {
		mailhint := setup(b, "domains.toml", head+"domains_file = \"names.txt\"\n", "names.txt", listed(20_000))
		for b.Loop() {
			mailhint("list")
		}
	})
	b.Run("set-in-10000-entries", func(b *testing.B) {
		mailhint := setup(b, "domains.toml", entries(10_000))
		for i := 0; b.Loop(); i++ {
			mailhint("set", "d05000.example", fmt.Sprintf("name=Round %d", i))
		}
	})
	b.Run("apply-20000", func(b *testing.B) {
		mailhint := setup(b, "domains.toml", entries(1))
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			if err := os.WriteFile("wanted.json", []byte(wanted(i)), 0o600); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			mailhint("apply", "wanted.json")
		}
	})
	b.Run("history-50000-lines", func(b *testing.B) {
		mailhint := setup(b, "domains.toml", entries(1))
		for i := range 3 {
			if err := os.WriteFile("wanted.json", []byte(wanted(i)), 0o600); err != nil {
				b.Fatal(err)
			}
			mailhint("apply", "wanted.json")
		}
		for b.Loop() {
			mailhint("history", "--limit", "50")
		}
	})
}
