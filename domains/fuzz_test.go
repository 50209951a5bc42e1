package domains

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailhint/settings"
)

// withoutFiles renames the keys that name files, so that no input makes the loader read files of this machine.
var withoutFiles = strings.NewReplacer("include", "enclude", "_file", "_fi1e")

// FuzzLoad loads texts as domains.toml: nothing panics or hangs, mistakes have a position and a text, and what is loaded is consistent.
func FuzzLoad(f *testing.F) {
	seeds := append(badFiles(f), goodFiles(f)...)
	for _, file := range append(seeds, filepath.FromSlash("../domains.toml"), filepath.FromSlash("../docs/example/domains.toml")) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(mistakesByLine)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64<<10 {
			return
		}
		file := write(t, dir, "domains.toml", withoutFiles.Replace(text))
		start := time.Now()
		s, err := Load(file)
		if took := time.Since(start); took > 30*time.Second { // the slowest of the seeds takes 50 ms
			t.Errorf("%d octets took %v", len(text), took)
		}
		if err != nil {
			checkProblems(t, err, text)
			return
		}
		checkSnapshot(t, s)
	})
}

func checkProblems(t *testing.T, err error, text string) {
	t.Helper()
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("error %T: %v", err, err)
	}
	for i, p := range problems {
		if p.File == "" || p.Text == "" || p.Line < 0 || p.Line > strings.Count(text, "\n")+1 {
			t.Errorf("problem %q at %+v", p.Text, p.Position)
		}
		if strings.ContainsAny(p.Key, "\n\r\x1b") {
			t.Errorf("the key %q breaks the line", p.Key)
		}
		if i > 0 && (p == problems[i-1] || p.Line < problems[i-1].Line && p.File == problems[i-1].File) {
			t.Errorf("%s is listed after %s", p, problems[i-1])
		}
	}
}

// checkSnapshot looks up every name, and one below each wildcard, from everywhere.
func checkSnapshot(t *testing.T, s *Snapshot) {
	t.Helper()
	if s.Domains() == 0 && s.fallback == nil {
		t.Error("there is no domain")
	}
	if len(s.Server.HTTP)+len(s.Server.HTTPS) == 0 {
		t.Error("there is no address to listen on")
	}
	names := []settings.Domain{"nowhere.example"}
	for d := range s.names {
		names = append(names, d)
	}
	for d := range s.wildcards {
		names = append(names, "x."+d)
	}
	for _, d := range names {
		for _, client := range []netip.Addr{{}, netip.MustParseAddr("10.20.0.1"), netip.MustParseAddr("2001:db8::1")} {
			for _, q := range []settings.Question{
				{Host: d, Client: client},
				{Address: settings.Address{Local: "ann", Domain: d}, Client: client},
				{Address: settings.Address{Local: "ann", Domain: "elsewhere.example"}, Host: d, Client: client},
			} {
				found, err := s.Lookup(t.Context(), q)
				if err != nil {
					continue
				}
				checkFound(t, found)
				if len(s.Explain(found.Settings)) == 0 {
					t.Errorf("%s: the origins of its settings are missing", found.Domain)
				}
				e, _ := s.find(found.Domain, client)
				forAll := e.choose(q).networks.ContainAll()
				for _, server := range found.Servers {
					if server.Security == settings.Plaintext && !client.IsValid() && !forAll {
						t.Errorf("%s: clients in unknown networks get %s", found.Domain, server.URL())
					}
				}
			}
		}
	}
	checkAllSettings(t, s)
}
