package filestore

import (
	"os"
	"strings"
	"testing"
)

// BenchmarkDiff compares texts that differ in one line.
func BenchmarkDiff(b *testing.B) {
	for name, file := range map[string]string{"tables": large(b, 10_000), "names": manyNames(b, 1_000_000)} {
		b.Run(name, func(b *testing.B) {
			if name == "names" {
				file = strings.Replace(file, "domains.toml", "list.txt", 1)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				b.Fatal(err)
			}
			now := strings.Replace(string(text), "5000", "6000", 1)
			for b.Loop() {
				if got := unified(file, string(text), now); len(got) > 3000 {
					b.Fatal(len(got))
				}
			}
		})
	}
}
