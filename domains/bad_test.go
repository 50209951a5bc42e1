package domains

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// badFiles returns the files of testdata/bad: one for each mistake, or a directory for a mistake in several files.
func badFiles(t testing.TB) []string {
	t.Helper()
	single, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	several, err := filepath.Glob("testdata/bad/*/domains.toml")
	if err != nil {
		t.Fatal(err)
	}
	if len(single) == 0 || len(several) == 0 {
		t.Fatal("testdata/bad is empty")
	}
	return slices.Concat(single, several)
}

// Every file of testdata/bad is refused with exactly the problems that its comments list: "# want: line: key: text" for the file
// itself, "# want: other.txt:line: text" for one that it names.
func TestBadFiles(t *testing.T) {
	for _, file := range badFiles(t) {
		t.Run(strings.TrimPrefix(filepath.ToSlash(file), "testdata/bad/"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.Lines(string(text)) {
				if w, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "# want: "); ok {
					want = append(want, w)
				}
			}
			s, err := Load(file)
			if err == nil || s != nil {
				t.Fatal("it was loaded")
			}
			got := readable(t, file, err)
			for _, line := range got {
				if !slices.Contains(want, line) {
					t.Errorf(" got %s", line)
				}
			}
			for _, line := range want {
				if !slices.Contains(got, line) {
					t.Errorf("want %s", line)
				}
			}
		})
	}
}

// readable returns problems without the path of the file or its directory.
func readable(t testing.TB, file string, err error) []string {
	t.Helper()
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("the error is %T: %v", err, err)
	}
	var list []string
	for _, p := range problems {
		line := strings.ReplaceAll(p.String(), file+":", "")
		line = strings.ReplaceAll(line, file, "this file")
		list = append(list, strings.TrimSpace(strings.ReplaceAll(line, filepath.Dir(file)+string(filepath.Separator), "")))
	}
	return list
}

// Of thousands of unknown keys each is reported, but only the first with a suggestion.
func TestThousandsOfUnknownKeys(t *testing.T) {
	const n = 3 * enoughHints
	err := loadText(t, "[server]\n"+numberedLines(n, "prob%d = 1\n")+conf("x"))
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error %v", err)
	}
	unknown, hints := 0, 0
	for _, p := range problems {
		if strings.HasPrefix(p.Text, "unknown key") {
			unknown++
		}
		if strings.Contains(p.Text, "did you mean \"probe\"?") {
			hints++
		}
	}
	if unknown != n || hints == 0 || hints > enoughHints {
		t.Errorf("%d unknown keys, %d hints", unknown, hints)
	}
}

// Thousands of missing profiles are not all compared with thousands of profiles.
func TestThousandsOfMissingProfiles(t *testing.T) {
	const n = 2000
	err := loadText(t, numberedLines(n, "[profiles.p%d]\nimap = []\nsmtp = []\n")+numberedLines(n, "[domains.\"a%d.example\"]\nprofile = \"p%[1]dx\"\n"))
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error %v", err)
	}
	hints := 0
	for _, p := range problems {
		if strings.Contains(p.Text, "; did you mean \"p") {
			hints++
		}
	}
	if len(problems) != n || hints < 100 || hints > n/4 {
		t.Errorf("%d problems, %d hints", len(problems), hints)
	}
}
