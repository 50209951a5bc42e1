package file

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mailhint/logins"
	"mailhint/settings"
)

func TestParse(t *testing.T) {
	const ann, bob = "ann@a.example", "bob@bücher.example"
	for name, test := range map[string]struct {
		text     string
		want     string // of ann and bob
		problems []string
	}{
		"lines":      {"# people\n\n  Ann@A.example   ab123  \r\nbob@b\u00fccher.example bo456", "ab123 bo456", nil},
		"mark":       {"\uFEFFann@a.example ab123\n", "ab123", nil},
		"commas":     {"ann@a.example,ab123\nbob@bücher.example,bo456\n", "ab123 bo456", nil},
		"semicolons": {"address;login\nann@a.example;ab123\n", "ab123", nil},
		"tabs":       {"# from HR\nmail\tuid\tname\nann@a.example\tab123\tAnn Example\n", "ab123", nil},
		"quoted":     {"\"ann@a.example\",\"ab 123\"\r\n", "ab 123", nil},
		"aside":      {"ann@a.example ab123\nann@b.example other\nann@a.example.com other\naann@a.example other\n", "ab123", nil},
		"same twice": {"ann@a.example ab123\nANN@a.example ab123\n", "ab123", nil},
		"contradiction": {"ann@a.example ab123\nbob@bücher.example bo456\nann@a.example other\n", "ab123,other bo456",
			[]string{"3: this address has another login name in line 1, so that neither is used; remove one of them"}},
		"mistakes": {"ann@a.example\nann@a.example ab 123\nab123 ann@a.example\nann@b_.example x\nbob@bücher.example <b>\n", "", []string{
			"1: write an address and a login name, with a space between them; for others, use CSV",
			"2: write an address and a login name, with a space between them; for others, use CSV",
			"3: the address must be first, and the login name second",
			"4: not a valid e-mail address: the part after the @ is not a valid domain name: ",
			"5: the login name cannot be used: it contains markup or quotation marks"}},
		"columns": {"login,address\nab123,ann@a.example\nx\n", "", []string{
			"2: the address must be first, and the login name second",
			"3: this line has one column; write the address in the first and the login name in the second"}},
		"empty": {"", "", nil},
	} {
		n, problems, err := parse(strings.NewReader(test.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, who := range []string{ann, bob} {
			a, err := settings.ParseAddress(who)
			if err != nil {
				t.Fatal(err)
			}
			if found := n.find(a); found != nil {
				got = append(got, strings.Join(found, ","))
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: found %q, want %q", name, got, test.want)
		}
		if len(problems) != len(test.problems) {
			t.Errorf("%s: problems %v, want %v", name, problems, test.problems)
			continue
		}
		for i, p := range problems {
			if !strings.HasPrefix(p.String(), test.problems[i]) {
				t.Errorf("%s: problem %s, want %s", name, p, test.problems[i])
			}
			if strings.Contains(p.String(), "ann@") || strings.Contains(p.String(), "<b>") {
				t.Errorf("%s: %s repeats the line", name, p)
			}
		}
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for name, test := range map[string]struct{ file, want string }{
		"missing":   {filepath.Join(dir, "nothing"), "no such file"},
		"directory": {dir, "is not a regular file"},
		"long line": {write("long", "ann@a.example "+strings.Repeat("x", 5000)), "line 1 is longer than 4096 octets"},
		"csv":       {write("csv", "ann@a.example,ab123\nbob@a.example,\"x\nsecret"), "is not valid CSV"},
	} {
		_, err := Open(test.file, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	if _, _, err := parse(&limited{strings.NewReader(strings.Repeat("ann@a.example ab123\n", 10)), 100}); err != errTooLarge {
		t.Errorf("too large: %v", err)
	}
}

func TestNamedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := mkfifo(pipe); err != nil {
		t.Skip(err)
	}
	if _, err := Open(pipe, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("got %v", err)
	}
}

// The address is looked up first, then that of the same person at the primary domain.
func TestPrimaryDomain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "logins.txt")
	if err := os.WriteFile(file, []byte("ann@firm.example ab123\nann@alias.example al456\nbob@firm.example bo789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for local, want := range map[string]string{"ann": "al456", "bob": "bo789", "eve": ""} {
		got, err := s.Find(t.Context(), logins.Question{Address: settings.Address{Local: local, Domain: "alias.example"}, Primary: "firm.example"})
		if err != nil || strings.Join(got, ",") != want {
			t.Errorf("%s: got %q, %v; want %q", local, got, err, want)
		}
	}
}

// Changes are seen, also those by renaming, and a file that becomes unreadable leaves the names as they were.
func TestChanges(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "logins.txt")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("logins.txt", "ann@a.example old\n")
	var log lines
	s, err := open(file, 20*time.Millisecond, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wait := func(want string) {
		t.Helper()
		var got []string
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if got, _ = s.Find(t.Context(), logins.Question{Address: settings.Address{Local: "ann", Domain: "a.example"}}); slices.Equal(got, []string{want}) {
				return
			}
		}
		t.Fatalf("still %q, want %q", got, want)
	}
	wait("old")
	version := s.Version()
	write("logins.txt", "ann@a.example written\n")
	wait("written")
	if s.Version() == version {
		t.Error("the version stays")
	}
	write("new", "ann@a.example renamed\nnothing here\n")
	if err := os.Rename(filepath.Join(dir, "new"), file); err != nil {
		t.Fatal(err)
	}
	wait("renamed")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(log.String(), "cannot be read again") && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	wait("renamed")
	if !strings.Contains(log.String(), "cannot be read again") || !strings.Contains(log.String(), "the address must be first") && !strings.Contains(log.String(), "not a valid e-mail address") {
		t.Errorf("log:\n%s", log.String())
	}
	if strings.Contains(log.String(), "a.example") || strings.Contains(log.String(), "nothing") {
		t.Errorf("lines are in the log:\n%s", log.String())
	}
}

// A million lines are kept in little more memory than their text has.
func TestMillion(t *testing.T) {
	const lines = 1_000_000
	var text bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&text, "first.last%07d@students.uni.example s%07d\n", i*7919%lines, i)
	}
	size, held := text.Len(), text.Cap()
	before := heap()
	began := time.Now()
	n, problems, err := parse(&text)
	took := time.Since(began)
	if err != nil || len(problems) > 0 || n.Len() != lines {
		t.Fatalf("%d lines, %v, %v", n.Len(), problems, err)
	}
	text = bytes.Buffer{}
	kept := int64(heap()) - int64(before) + int64(held)
	t.Logf("%d MB of text read in %s, %d MB kept", size>>20, took, kept>>20)
	if kept > int64(size)*5/4 {
		t.Errorf("%d octets kept of %d", kept, size)
	}
	for _, i := range []int{0, 1, 12345, lines - 1} {
		a := settings.Address{Local: fmt.Sprintf("first.last%07d", i*7919%lines), Domain: "students.uni.example"}
		if got := n.find(a); !slices.Equal(got, []string{fmt.Sprintf("s%07d", i)}) {
			t.Errorf("%s: %q", a, got)
		}
	}
	if got := n.find(settings.Address{Local: "first.last", Domain: "students.uni.example"}); got != nil {
		t.Errorf("found %q for nobody", got)
	}
	runtime.KeepAlive(n)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"ann@a.example ab123\n", "address,login\nann@a.example,\"a\"\n", "a@b.example\t1\n#\n", "\uFEFF;;\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, _, err := parse(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, offset := range n.index {
			address := string(n.at(offset))
			a, err := settings.ParseAddress(address)
			if err != nil {
				continue // lower-cased, which can make an address longer
			}
			if got := n.find(a); a.String() == address && len(got) == 0 {
				t.Errorf("%q is kept and not found", address)
			}
		}
	})
}
