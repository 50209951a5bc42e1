package domains

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every mistake in this file has the number of its line in its name.
var mistakesByLine = numbered(`line# = 1
# a comment with a "quote and a [bracket
[server]
line# = """
many
lines
"""
line# = '''x
y''' # the string is over
tls = "line#"
[defaults]
auth = ["password",
  "line#",
  # nothing
  "line#", "oauth2", "line#"]
editable = ["name", "line#"]
[profiles.shared]
imap = "imap.example.com"
smtp = "smtp.example.com"
domains = [
  "line#",
  "b.example", 'line#',

  """line#"""]
[profiles."shared".oauth2]
line# = 1
line#.oauth2 = 1
[domains."a.example"]
profile = "line#"
imap = { url = "imap.a.example", line# = 1 }
smtp = [{ url = "submissions://line#" },
  { url = "line#" }, {
    url = "smtp.a.example",
    line# = 1,
  },
]
login = { lookup = "x", line# = 1 }
aliases = ["c.example", "line#"]
[[domains."a.example".rules]]
from = "line#"
[[domains."a.example".rules]]
from = ["192.0.2.1",
"line#"]
imap = { url = "imap.a.example", login = "%LINE#%" }
[[domains."a.example".rules]]
profile = "shared"
users_file = 5
from = '192.0.2.1'
line#.x.y = 2
[domains]
"line#".imap = "imap.example.com"
  [domains."d.example"]
	line# = 1979-05-27T07:32:00Z
imap = []
  [domains."d.example".oauth2] # no key
"line#" = 0x10
'line#' = +inf
scope = [
  "fine",
  "no\tline#",
]
[lookups.x]
type = "line#"
"li\u006Ee#" = 1
`)

// numbered replaces each # after "line" with the number of the line.
func numbered(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		lines[i] = lineMark.ReplaceAllString(line, "${1}"+strconv.Itoa(i+1))
	}
	return strings.Join(lines, "")
}

var lineMark = regexp.MustCompile(`(?i)(line|li\\u006Ee)#`)

func TestLines(t *testing.T) {
	for name, text := range map[string]string{
		"as written":      mistakesByLine,
		"CRLF":            strings.ReplaceAll(mistakesByLine, "\n", "\r\n"),
		"byte order mark": "\uFEFF" + mistakesByLine,
	} {
		t.Run(name, func(t *testing.T) {
			checkLines(t, loadText(t, text), text)
		})
	}
}

// checkLines fails if a problem is not on the line that its name says, or if one is missing.
func checkLines(t *testing.T, err error, text string) {
	t.Helper()
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error %v", err)
	}
	called := regexp.MustCompile(`(?i)line(\d+)`)
	reported := make(map[string]bool)
	for _, p := range problems {
		for _, name := range called.FindAllStringSubmatch(p.Key+" "+p.Text, -1) {
			if name[1] != strconv.Itoa(p.Line) {
				t.Errorf("%s is reported on line %d: %s", name[0], p.Line, p)
			}
			reported[name[1]] = true
		}
	}
	for _, name := range called.FindAllStringSubmatch(strings.ReplaceAll(text, `\u006E`, "n"), -1) {
		if !reported[name[1]] {
			t.Errorf("%s is not reported", name[0])
		}
	}
}

// loadText writes a configuration to a file and loads it.
func loadText(t testing.TB, text string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(file)
	return err
}

// What only one of the two readers accepts does not lead to wrong lines, and the file is always named.
func TestLinesOfOtherSyntax(t *testing.T) {
	for name, text := range map[string]string{
		"escapes of TOML 1.1":        "line1 = 1\n[defaults]\nname = \"\\e\\x41\"\nline4 = 1\n",
		"line ends in inline tables": "line1 = 1\nline2 = {\n a = 1,\n}\nline5 = 1\n",
		"times without seconds":      "line1 = 07:32\nline2 = 1\n",
		"no line end":                "line1 = 1\nline2 = 1",
		"empty keys":                 "line1 = 1\n\"\" = 2\n[\"\"]\n",
		"space":                      " \t line1\t = 1\n\t[ defaults ]\t\n  line3=1",
		"dates with a space":         "line1 = 1979-05-27 07:32:00\nline2=1\n",
		"lines apart":                strings.Repeat("\n", 1000) + "line1001 = 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			var problems Problems
			if err := loadText(t, text); !errors.As(err, &problems) {
				t.Fatalf("error %v", err)
			}
			for _, p := range problems {
				if p.File == "" {
					t.Errorf("%s does not name a file", p)
				}
				if called, ok := strings.CutPrefix(p.Key[strings.LastIndexByte(p.Key, '.')+1:], "line"); ok && p.Line != 0 && called != strconv.Itoa(p.Line) {
					t.Errorf("line %s is reported on line %d: %s", called, p.Line, p)
				}
			}
		})
	}
}
