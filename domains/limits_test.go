package domains

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// killers are small texts that took the decoder, or our reader of positions, seconds and gigabytes.
func killers() map[string]string {
	repeat := strings.Repeat
	keys := numberedLines(20_000, "k%d = 1\n")
	return map[string]string{
		"40 KB of nested inline tables":     "a = " + repeat("{a = ", 8000) + "1" + repeat("}", 8000),
		"nested inline tables, not closed":  "a = " + repeat("{a=", 13_000),
		"20 KB of one dotted key":           repeat("a.", 10_000) + "a = 1",
		"a dotted key that never ends":      repeat("a.", 10_000),
		"a dotted key in quotes":            repeat(`"a".`, 5000) + "a = 1",
		"a dotted header":                   "[" + repeat("a.", 10_000) + "a]",
		"a dotted header of an array":       "[[" + repeat("a.", 10_000) + "a]]",
		"a dotted key in an inline table":   "a = {" + repeat("a.", 10_000) + "a = 1}",
		"100,000 levels of arrays":          "a = " + repeat("[", 100_000) + repeat("]", 100_000),
		"100,000 levels over lines":         "a = " + repeat("[\n", 100_000) + repeat("]", 100_000),
		"dotted keys within dotted keys":    "a = " + repeat("{a.b.c.d.e.f.g.h.i.j.k.l.m.n = ", 14) + "1" + repeat("}", 14),
		"arrays and tables in turn":         "a = " + repeat("[{a = ", 10_000) + "1" + repeat("}]", 10_000),
		"many keys in a long table":         "[" + repeat("a", 50_000) + "]\n" + keys,
		"many keys in a long quoted table":  "[\"" + repeat("a.", 25_000) + "\"]\n" + keys,
		"many keys in a longish table":      "[" + repeat("a", 4000) + "]\n" + keys,
		"many keys in a longish long array": "[[" + repeat("a", 4000) + "]]\n" + keys,
		"many tables in a long array":       repeat("a", 4000) + " = [" + repeat("{a = 1}, ", 20_000) + "]\n",
		"many tables in a long inline one":  repeat("a", 4000) + " = {" + strings.ReplaceAll(keys, "\n", ", ") + "z = 1}\n",
		"a megabyte as key":                 repeat("k", 1<<20) + " = 1",
		"a megabyte as key of a domain":     "[domains.\"a.example\"]\n" + repeat("k", 1<<20) + " = 1",
		"a megabyte as text":                "a = \"" + repeat("x", 1<<20) + "\"",
		"a megabyte as literal text":        "a = '" + repeat("x", 1<<20) + "'",
		"a megabyte over lines":             "a = '''" + repeat("x\n", 1<<19) + "'''",
		"a text that is not closed":         "a = \"\"\"" + repeat("x", 1<<20),
		"more than there may be":            repeat("#", maxFile+1),
		"millions of keys":                  repeat("a=1\n", maxMarks+1),
		"millions of inline tables":         "a=[" + repeat("{a=1},", maxMarks/4+1) + "]",
		"millions of elements":              "a=[" + repeat("1,", maxMarks+1) + "]",
		"millions of empty arrays":          "a=[" + repeat("[],", maxMarks/3+1) + "]",
		"too many tables":                   repeat("[a]\n", maxTables+1),
		"too many tables in arrays":         repeat("[[a]]\n", maxTables+1),
	}
}

func numberedLines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// checkLimits refuses each killer, and Load does so without giving it to the decoder, also in an included file.
func TestKillers(t *testing.T) {
	for name, text := range killers() {
		t.Run(name, func(t *testing.T) {
			if line, err := checkLimits(text); err == nil || line > strings.Count(text, "\n")+1 {
				t.Fatalf("line %d, error %v", line, err)
			}
			if len(text) > 2<<20 {
				return // writing it takes longer than all the others together
			}
			dir := t.TempDir()
			write(t, dir, "killer.toml", text)
			write(t, dir, "domains.toml", "include = \"killer.toml\"\n[domains.\"a.example\"]\nimap = \"imap.a.example\"\nsmtp = []\n")
			for _, file := range []string{"killer.toml", "domains.toml"} {
				before := allocated()
				_, err := Load(filepath.Join(dir, file))
				if spent := allocated() - before; err == nil || spent > 20<<20 {
					t.Errorf("Load of %s: error %v, %d MB allocated", file, err, spent>>20)
				}
			}
		})
	}
}

// The message about too many entries says where they belong. 100,000 domains with all that they can have are not too many.
func TestTooManyEntries(t *testing.T) {
	if _, err := checkLimits(numberedLines(maxTables+1, "[domains.\"a%d.example\"]\n")); err == nil ||
		err.Error() != "has more than 200000 tables; move names without settings of their own to a domains_file" {
		t.Errorf("tables: error %v", err)
	}
	if _, err := checkLimits("domains = [" + strings.Repeat("\"a.example\",\n", maxMarks+1)); err == nil ||
		err.Error() != "has more than 3000000 keys and values; move names without settings of their own to a domains_file" {
		t.Errorf("elements: error %v", err)
	}
	full := numberedLines(100_000, `[domains."a%d.example"]
name    = "Some Firm Ltd. Mail"
webmail = "https://webmail.hoster.example/"
aliases = ["firm.test", "firma.example"]
imap    = { url = "imaps://imap.hoster.example", login = "%%EMAILLOCALPART%%" }
pop3    = { url = "pop3s://pop.hoster.example", login = "%%EMAILLOCALPART%%" }
smtp    = { url = "submissions://smtp.hoster.example", login = "%%EMAILLOCALPART%%" }
`)
	if line, err := checkLimits(full); err != nil {
		t.Errorf("line %d: %v", line, err)
	}
}

// A file of more than the limit is not even read to its end.
func TestTooLargeFile(t *testing.T) {
	file := write(t, t.TempDir(), "domains.toml", conf("x"))
	if err := os.Truncate(file, 10*maxFile); err != nil {
		t.Skip(err)
	}
	_, err := Load(file)
	if err == nil || !strings.Contains(err.Error(), "more than 64 MB; move names without settings of their own to a domains_file") {
		t.Errorf("error %.300v", err)
	}
}

// What the decoder repeats of a text that it cannot read is shortened.
func TestLongMessages(t *testing.T) {
	err := loadText(t, "a = "+strings.Repeat("9", 1<<20))
	if err == nil || len(err.Error()) > 2*maxText {
		t.Errorf("error %.300v", err)
	}
}

// allocated returns the number of octets that have been allocated: a measure of work that does not depend on how busy the machine is.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The work for what is within the limits grows with its size: twice as much takes not much more than twice the work.
func TestLimitsLeaveLinearWork(t *testing.T) {
	repeat := strings.Repeat
	for name, text := range map[string]func(n int) string{
		"keys":             func(n int) string { return numberedLines(n, "k%d=1\n") },
		"unknown keys":     func(n int) string { return "[domains.\"a.example\"]\n" + numberedLines(n, "imapp%d=1\n") },
		"dotted keys":      func(n int) string { return numberedLines(n, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p%d=1\n") },
		"tables":           func(n int) string { return numberedLines(n, "[t%d]\n") },
		"dotted tables":    func(n int) string { return numberedLines(n, "[a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p%d]\n") },
		"implicit tables":  func(n int) string { return numberedLines(n, "a.b%d.c.d.e.f=1\n") },
		"unquoted domains": func(n int) string { return numberedLines(n, "[domains.a%d.example]\nimap=1\n") },
		"arrays of tables": func(n int) string { return repeat("[[a]]\n", n) },
		"arrays within":    func(n int) string { return repeat("[[a]]\n[[a.b]]\n[[a.b.c]]\n", n) },
		"inline tables":    func(n int) string { return "a=[" + repeat("{b=1},", n) + "]" },
		"nested inline":    func(n int) string { return numberedLines(n, "a%d="+repeat("{a=", 14)+"{b=1}"+repeat("}", 14)+"\n") },
		"nested arrays":    func(n int) string { return numberedLines(n, "a%d="+repeat("[", 16)+repeat("]", 16)+"\n") },
		"empty arrays":     func(n int) string { return "a=[" + repeat("[],", n) + "]" },
		"elements":         func(n int) string { return "a=[" + repeat("1,", n) + "]" },
		"empty lines":      func(n int) string { return repeat("\n", n) },
		"comments":         func(n int) string { return repeat("#\n", n) },
		"spaces":           func(n int) string { return repeat(" ", n) + "a=1" },
		"a long number":    func(n int) string { return "a=" + repeat("1", n) },
		"a long fraction":  func(n int) string { return "a=1." + repeat("1", n) },
		"a long time":      func(n int) string { return "a=2020-01-01T00:00:00." + repeat("1", n) },
		"escapes":          func(n int) string { return numberedLines(n, "a%d=\"\"\""+repeat("\\\n ", 100)+"\"\"\"\n") },
		"long keys":        func(n int) string { return numberedLines(n, repeat("k", 200)+"%d=1\n") },
		"wrong domains":    func(n int) string { return numberedLines(n, "[domains.\"%d\"]\n") },
		"domains": func(n int) string {
			return numberedLines(n, "[domains.\"a%d.example\"]\nimap=\"h.example\"\nsmtp=\"h.example\"\n")
		},
		"names in a list": func(n int) string {
			return "[profiles.a]\nimap=[]\ndomains=[" + numberedLines(n, "\"a%d.example\",\n") + "]"
		},
		"missing profiles": func(n int) string {
			return numberedLines(n, "[profiles.p%d]\n") + numberedLines(n, "[domains.\"a%d.example\"]\nprofile=\"q\"\n")
		},
		"patterns to include": func(n int) string { return "include=[" + numberedLines(n, "\"no%d*.toml\",\n") + "]" },
		"wrong servers": func(n int) string {
			return "[domains.\"a.example\"]\nimap=[" + numberedLines(n, "\"imaps://h%d\",\n") + "]"
		},
		"wrong methods": func(n int) string {
			return "[domains.\"a.example\"]\nauth=[" + numberedLines(n, "\"passwort%d\",\n") + "]"
		},
	} {
		t.Run(name, func(t *testing.T) {
			spent := func(n int) (per uint64) {
				file := write(t, t.TempDir(), "domains.toml", text(n))
				before := allocated()
				_, _ = Load(file)
				return allocated() - before
			}
			const n = 300
			once, twice := spent(n), spent(2*n)
			if twice > 3*once+1<<20 {
				t.Errorf("%d octets take %d KB, %d octets take %d KB", len(text(n)), once>>10, len(text(2*n)), twice>>10)
			}
			if size := uint64(len(text(2 * n))); twice > 2000*size+1<<20 {
				t.Errorf("%d octets take %d KB", size, twice>>10)
			}
		})
	}
}

// What admins write is within the limits, whatever its strings and comments look like.
func TestWithinLimits(t *testing.T) {
	for _, text := range []string{
		"",
		"a = 1",
		"[domains.\"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.example\"]\nimap = \"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.example\"",
		"[domains.a.b.c.d.e.f.g.h.i.j.example]  # the loader has the better message for it",
		"# " + strings.Repeat("[{.", 1000) + "\na = 1",
		"a = \"" + strings.Repeat("[{.", 1000) + "\"",
		"a = '" + strings.Repeat("[{.\\", 1000) + "'",
		"a = \"\\\"" + strings.Repeat("[{.", 1000) + "\"",
		"a = '''" + strings.Repeat("'[{.\n", 500) + "'''",
		"a = \"\"\"" + strings.Repeat("\"[{.\\\"\n", 500) + "\"\"\"",
		"a = \"\"\"x\"\"\"\"\" # two quotes end the text\nb = [[1, 2], [3.5, 4.5]]",
		"[profiles.a]\ndomains = [" + numberedLines(100_000, "\"a%d.example\", ") + "]",
		strings.Repeat("[[domains.\"a-long-name-as-some-customers-have-it.example\".rules]]\nfrom = \"192.0.2.1\"\nimap = { url = \"imap.example.com\", login = \"x\" }\n", 20_000),
		"[domains.\"" + strings.Repeat("a.", 125) + "example\"]\n" + numberedLines(30, "key%d = 1\n"),
		"a = [\n" + strings.Repeat("# a comment (with brackets [ and quotes \" ')\n", 1000) + "]",
	} {
		if line, err := checkLimits(text); err != nil {
			t.Errorf("line %d: %v\n%.200s", line, err, text)
		}
	}
}

func FuzzCheckLimits(f *testing.F) {
	for _, text := range []string{
		"a = [[{b.c = 1}]]\n[x.\"y.z\"]\n[[q]]\n", "a = \"\\\"\" # [\nb = '''x''''\n", "a = \"\"\"\\\"\"\"\"\"\n[b]\n", "a = [1, # ]\n2]\n",
		"a.b = {c.d = {e = [{f = 1}]}, g = 1}\n", mistakesByLine,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := checkLimits(text); err != nil {
			return
		}
		values := make(map[string]any)
		if _, err := toml.Decode(text, &values); err != nil {
			return
		}
		findLines(text)
		checkShape(t, values, 0)
	})
}

// checkShape fails if checkLimits misread a text that the decoder accepted: it would be deeper, or longer, than the limits.
func checkShape(t *testing.T, v any, depth int) {
	t.Helper()
	if depth > maxDepth+maxParts {
		t.Fatalf("%d levels", depth)
	}
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			if len(key) > maxText {
				t.Fatalf("a key of %d octets", len(key))
			}
			checkShape(t, below, depth+1)
		}
	case []map[string]any:
		for _, below := range v {
			checkShape(t, below, depth+1)
		}
	case []any:
		for _, below := range v {
			checkShape(t, below, depth+1)
		}
	case string:
		if len(v) > maxText {
			t.Fatalf("a text of %d octets", len(v))
		}
	}
}
