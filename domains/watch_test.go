package domains

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/settings"
)

// conf is a configuration in which ann@a.example has her mail at a host.
func conf(host string) string {
	return fmt.Sprintf("[domains.\"a.example\"]\nimap = \"imaps://%s.example.com\"\nsmtp = []\n", host)
}

// follower is a File that is watched while 200 questions a second are put to it. Time is that of testing/synctest: hours pass at once,
// and the same things happen in the same order in each run.
type follower struct {
	*testing.T
	dir  string
	file *File

	mu      sync.Mutex
	right   []string // the answers that are right at the moment
	asked   int
	reports []string
}

// follow opens dir/domains.toml, and watches it until the test ends.
func follow(t *testing.T, dir string, right string) *follower {
	t.Helper()
	f := &follower{T: t, dir: dir, right: []string{right}}
	file, err := Open(filepath.Join(dir, "domains.toml"), func(s *Snapshot) error {
		if _, ok := s.names["refused.example"]; ok {
			return errors.New("not this one")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f.file = file
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	running.Go(func() {
		file.Watch(ctx, func(err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.reports = append(f.reports, fmt.Sprint(err))
		})
	})
	for sleep(ctx, pollEvery/2); f.asked == 0; {
		f.ask()
	}
	running.Go(func() {
		for sleep(ctx, time.Second/200) {
			f.ask()
		}
	})
	return f
}

func (f *follower) answer() string {
	found, err := f.file.Current().Lookup(context.Background(), settings.Question{Address: settings.Address{Local: "ann", Domain: "a.example"}})
	if err != nil || len(found.Incoming()) == 0 {
		return "nothing"
	}
	host, _, _ := strings.Cut(string(found.Incoming()[0].Host), ".")
	return host
}

func (f *follower) ask() {
	got := f.answer()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if !slices.Contains(f.right, got) {
		f.Errorf("question %d is answered with %s, want %s", f.asked, got, strings.Join(f.right, " or "))
	}
}

// mayBecome adds an answer that is right from now on.
func (f *follower) mayBecome(right string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.right, f.reports = append(f.right, right), nil
}

// become waits until a change on disk must have been found. Until then both the old and the new answer are right, afterwards only the
// new one. It returns what was reported meanwhile.
func (f *follower) become(right string) []string {
	f.Helper()
	f.mayBecome(right)
	time.Sleep(2*pollEvery + 3*quiet + 10*time.Millisecond)
	synctest.Wait()
	f.mu.Lock()
	f.right = []string{right}
	f.mu.Unlock()
	f.ask()
	time.Sleep(10 * time.Second) // nothing more may happen
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reports
}

// becomeQuietly is become for a change without mistakes.
func (f *follower) becomeQuietly(right string) {
	f.Helper()
	if reports := f.become(right); !slices.Equal(reports, []string{"<nil>"}) {
		f.Errorf("reports %q; want one without an error", reports)
	}
}

// stay is become for a change that cannot be used: the answer stays the same, and the mistake is reported once with the given words.
func (f *follower) stay(words string) {
	f.Helper()
	f.mu.Lock()
	right := f.right[0]
	f.mu.Unlock()
	reports := f.become(right)
	if len(reports) != 1 || !strings.Contains(reports[0], words) {
		f.Errorf("reports %q; want one with %q", reports, words)
	}
}

func (f *follower) write(name, text string) string {
	f.Helper()
	tick(f)
	return write(f, f.dir, name, text)
}

func (f *follower) rename(from, to string) {
	f.Helper()
	if err := os.Rename(filepath.Join(f.dir, from), filepath.Join(f.dir, to)); err != nil {
		f.Fatal(err)
	}
}

func (f *follower) remove(name string) {
	f.Helper()
	if err := os.RemoveAll(filepath.Join(f.dir, name)); err != nil {
		f.Fatal(err)
	}
}

func (f *follower) link(target, name string) {
	f.Helper()
	if err := os.Symlink(target, filepath.Join(f.dir, name)); err != nil {
		f.Skip(err)
	}
}

// tick waits until files that are written now have a later time than those before: the clock of a file system is coarse, and is not
// that of synctest.
func tick(t testing.TB) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clock")
	var first time.Time
	for {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if first.IsZero() {
			first = info.ModTime()
		}
		if !info.ModTime().Equal(first) {
			return
		}
		runtime.Gosched()
	}
}

// reloads are the ways in which a configuration changes on disk.
var reloads = map[string]func(f *follower){
	"written in place": func(f *follower) {
		f.write("domains.toml", conf("new"))
		f.becomeQuietly("new")
		f.write("domains.toml", conf("old"))
		f.becomeQuietly("old")
	},
	"renamed over, as editors and configuration managers do": func(f *follower) {
		for i := range 5 {
			host := fmt.Sprint("new", i)
			f.write(".domains.toml.tmp", conf(host))
			f.rename(".domains.toml.tmp", "domains.toml")
			f.becomeQuietly(host)
		}
	},
	"moved away and written again, as vim does": func(f *follower) {
		f.rename("domains.toml", "domains.toml~")
		time.Sleep(quiet / 2)
		f.write("domains.toml", conf("new"))
		f.becomeQuietly("new")
	},
	"renamed over by an older file of the same size": func(f *follower) {
		info, err := os.Stat(f.write("other.toml", conf("new")))
		if err != nil {
			f.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(f.dir, "other.toml"), time.Time{}, info.ModTime().Add(-time.Hour)); err != nil {
			f.Fatal(err)
		}
		f.rename("other.toml", "domains.toml")
		f.becomeQuietly("new")
	},
	"broken, then fixed": func(f *follower) {
		f.write("domains.toml", conf("new")+"oops")
		f.stay("domains.toml:4: is not valid TOML")
		f.write("domains.toml", conf("new")+"impa = 1\n")
		f.stay(`domains.toml:4: domains."a.example".impa: unknown key; did you mean "imap"?`)
		f.write("domains.toml", conf("new"))
		f.becomeQuietly("new")
	},
	"emptied": func(f *follower) {
		f.write("domains.toml", "")
		f.stay("defines no domain")
		f.write("domains.toml", conf("new"))
		f.becomeQuietly("new")
	},
	"deleted and created": func(f *follower) {
		f.remove("domains.toml")
		f.stay("cannot be read")
		f.write("domains.toml", conf("new"))
		f.becomeQuietly("new")
	},
	"replaced by a folder": func(f *follower) {
		f.remove("domains.toml")
		f.write("domains.toml/x", "")
		f.stay("is a directory")
		f.remove("domains.toml")
		f.write("domains.toml", conf("old"))
		f.becomeQuietly("old")
	},
	"written piece by piece": func(f *follower) {
		// Each beginning is a valid file with a wrong answer.
		pieces := []string{conf("wrong"), "[domains.\"b.example\"]\nimap = \"b.example.com\"\n", "smtp = []\n", "[profiles.x]\n", "name = \"x\"\n"}
		for rounds := range 3 {
			tick(f)
			out, err := os.Create(filepath.Join(f.dir, "domains.toml"))
			if err != nil {
				f.Fatal(err)
			}
			for _, piece := range slices.Concat(pieces[1:3], pieces[3:], []string{"[domains.\"", "a.example\"]\n", "imap = \"imaps://new", fmt.Sprint(rounds), ".example.com\"\nsmtp = []\n"}) {
				if _, err := out.WriteString(piece); err != nil {
					f.Fatal(err)
				}
				time.Sleep(quiet - 10*time.Millisecond)
			}
			if err := out.Close(); err != nil {
				f.Fatal(err)
			}
			f.becomeQuietly(fmt.Sprint("new", rounds))
		}
	},
	"rewritten again and again": func(f *follower) {
		for range 50 {
			f.write("domains.toml", conf("wrong"))
			time.Sleep(quiet / 5)
			f.write("domains.toml", conf("new"))
			time.Sleep(quiet / 5)
		}
		f.becomeQuietly("new")
	},
	"touched": func(f *follower) {
		tick(f)
		now := time.Now().Add(time.Hour)
		if err := os.Chtimes(filepath.Join(f.dir, "domains.toml"), now, now); err != nil {
			f.Fatal(err)
		}
		f.becomeQuietly("old")
	},
	"not accepted by the program": func(f *follower) {
		f.write("domains.toml", conf("new")+"aliases = \"refused.example\"\n")
		f.stay("domains.toml: not this one")
		if err := f.file.Reload(); err == nil || f.answer() != "old" {
			f.Errorf("Reload: %v, %s", err, f.answer())
		}
		f.write("domains.toml", conf("new"))
		f.becomeQuietly("new")
	},
	"on SIGHUP, without waiting": func(f *follower) {
		f.mayBecome("new")
		f.write("domains.toml", conf("new"))
		if err := f.file.Reload(); err != nil || f.answer() != "new" {
			f.Errorf("Reload: %v, %s", err, f.answer())
		}
		if reports := f.become("new"); len(reports) != 0 {
			f.Errorf("reports %q of what SIGHUP has found", reports)
		}
		f.write("domains.toml", "oops")
		if err := f.file.Reload(); err == nil || f.answer() != "new" {
			f.Errorf("Reload of a broken file: %v, %s", err, f.answer())
		}
		if reports := f.become("new"); len(reports) != 0 {
			f.Errorf("reports %q of what SIGHUP has reported", reports)
		}
	},
	"a new file matches an include pattern": func(f *follower) {
		f.write("domains.toml", "include = \"*.d/*.toml\"\n"+conf("new"))
		f.becomeQuietly("new")
		f.write("more.d/b.toml", "[domains.\"b.example\"]\nimap = \"b.example.com\"\nsmtp = []\n")
		f.becomeQuietly("new")
		if n := f.file.Current().Domains(); n != 2 {
			f.Errorf("%d domains", n)
		}
		f.write("more.d/c.toml", conf("wrong")) // defines a.example again
		f.stay("a.example is already defined at")
		f.remove("more.d/c.toml")
		f.becomeQuietly("new")
		f.remove("more.d")
		f.becomeQuietly("new")
		if n := f.file.Current().Domains(); n != 1 {
			f.Errorf("%d domains", n)
		}
	},
	"a list of domains": func(f *follower) {
		f.write("names.txt", "a.example\n")
		f.write("domains.toml", "[profiles.x]\nimap = \"imaps://new.example.com\"\nsmtp = []\ndomains_file = \"names.txt\"\n")
		f.becomeQuietly("new")
		f.write("names.txt", "# a.example has left\nb.example\n")
		f.becomeQuietly("nothing")
		f.write("names.txt", "b.example\na.example\nlocalhost\n")
		f.becomeQuietly("new")
		if s := f.file.Current(); s.SkippedLines != 1 || s.Skipped[0].Line != 3 {
			f.Errorf("%d lines are skipped: %v", s.SkippedLines, s.Skipped)
		}
		f.write("names.txt", "localhost\n")
		f.stay("is not a domain; name a file")
		f.write("names.txt", "b.example\na.example\n")
		f.becomeQuietly("new")
		f.remove("names.txt")
		f.stay("names.txt")
		f.write("names.txt", "a.example\n")
		f.becomeQuietly("new")
	},
	"a list of users": func(f *follower) {
		f.write("users.txt", "bob@a.example\n")
		f.write("domains.toml", conf("some")+"[[domains.\"a.example\".rules]]\nusers_file = \"users.txt\"\nimap = \"imaps://others.example.com\"\n")
		f.becomeQuietly("some")
		f.write("users.txt", "bob@a.example\nann@a.example\n")
		f.becomeQuietly("others")
	},
	"a new list is written piece by piece": func(f *follower) {
		f.write("domains.toml", "[profiles.x]\nimap = \"imaps://new.example.com\"\nsmtp = []\ndomains_file = \"names.txt\"\n")
		f.mayBecome("new")
		out, err := os.Create(filepath.Join(f.dir, "names.txt"))
		if err != nil {
			f.Fatal(err)
		}
		for i := range 20 {
			if _, err := fmt.Fprintf(out, "a%d.example\n", i); err != nil {
				f.Fatal(err)
			}
			time.Sleep(quiet - 10*time.Millisecond)
		}
		if _, err := out.WriteString("a.example\n"); err != nil {
			f.Fatal(err)
		}
		if err := out.Close(); err != nil {
			f.Fatal(err)
		}
		f.becomeQuietly("new")
	},
	"a list that is still missing": func(f *follower) {
		f.write("domains.toml", "[profiles.x]\nimap = \"imaps://new.example.com\"\nsmtp = []\ndomains_file = \"lists/names.txt\"\n")
		f.stay("names.txt: no such file")
		f.write("lists/names.txt", "a.example\n")
		f.becomeQuietly("new")
	},
	"a symbolic link is set to another file": func(f *follower) {
		f.write("v1/domains.toml", conf("one"))
		f.write("v2/domains.toml", conf("two"))
		f.remove("domains.toml")
		f.link(filepath.Join("v1", "domains.toml"), "domains.toml")
		f.becomeQuietly("one")
		f.remove("domains.toml")
		f.link("nowhere", "domains.toml")
		f.stay("cannot be read")
		f.remove("domains.toml")
		f.link(filepath.Join("v2", "domains.toml"), "domains.toml")
		f.becomeQuietly("two")
		f.write("v2/domains.toml", conf("three"))
		f.becomeQuietly("three")
	},
	"a Kubernetes ConfigMap is swapped": func(f *follower) {
		f.remove("domains.toml")
		for i := range 4 {
			version, host := fmt.Sprint("..2026_", i), fmt.Sprint("v", i)
			f.write(version+"/domains.toml", "include = \"more-*.toml\"\n"+conf(host))
			f.write(version+"/more-b.toml", fmt.Sprintf("[domains.\"b%d.example\"]\nimap = \"b.example.com\"\nsmtp = []\n", i))
			f.link(version, "..data_tmp")
			f.rename("..data_tmp", "..data")
			if i == 0 {
				f.link(filepath.Join("..data", "domains.toml"), "domains.toml")
				f.link(filepath.Join("..data", "more-b.toml"), "more-b.toml")
			} else {
				f.remove(fmt.Sprint("..2026_", i-1))
			}
			f.becomeQuietly(host)
			if _, ok := f.file.Current().names[settings.Domain(fmt.Sprintf("b%d.example", i))]; !ok {
				f.Errorf("the included file is not that of swap %d", i)
			}
		}
	},
	"permission is taken away": func(f *follower) {
		if os.Getuid() <= 0 {
			f.Skip("root can read everything, and Windows has no such modes")
		}
		file := f.write("domains.toml", conf("new"))
		f.becomeQuietly("new")
		tick(f)
		if err := os.Chmod(file, 0); err != nil {
			f.Fatal(err)
		}
		f.stay("permission denied")
		if err := os.Chmod(file, 0o600); err != nil {
			f.Fatal(err)
		}
		f.becomeQuietly("new")
	},
	"written with the same size and time": func(f *follower) {
		if runtime.GOOS != "linux" {
			f.Skip("only there a change is visible otherwise")
		}
		name := filepath.Join(f.dir, "domains.toml")
		before, err := os.Stat(name)
		if err != nil {
			f.Fatal(err)
		}
		f.write("domains.toml", conf("new"))
		if err := os.Chtimes(name, before.ModTime(), before.ModTime()); err != nil {
			f.Fatal(err)
		}
		if after, err := os.Stat(name); err != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
			f.Fatalf("stat: %v, %v", after, err)
		}
		f.becomeQuietly("new")
	},
	"written while it is read": func(f *follower) {
		read := 0
		f.file.loading.Lock()
		f.file.load = func(name string) (*Snapshot, watchlist, error) {
			s, watch, err := load(name)
			if read++; read == 1 {
				f.write("domains.toml", conf("new"))
			}
			return s, watch, err
		}
		f.file.loading.Unlock()
		f.write("domains.toml", conf("half"))
		f.becomeQuietly("new")
		if read != 2 {
			f.Errorf("the file was read %d times, want 2", read)
		}
	},
	"changed just when it was loaded": func(f *follower) {
		tick(f)
		// What Open remembers is from before it read, so a later state of the file is a change.
		other, err := Open(f.write("other.toml", conf("old")), func(*Snapshot) error {
			f.write("other.toml", conf("new"))
			return nil
		})
		if err != nil {
			f.Fatal(err)
		}
		if !other.changed() {
			f.Error("a change while the file was loaded is not seen")
		}
	},
}

// A change on disk is found within two seconds, never read half-written, and there is never a wrong answer.
func TestReload(t *testing.T) {
	for name, change := range reloads {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "domains.toml", conf("old"))
			synctest.Test(t, func(t *testing.T) {
				f := follow(t, dir, "old")
				change(f)
				if f.mu.Lock(); f.asked == 0 {
					t.Error("there were no questions")
				}
				f.mu.Unlock()
			})
		})
	}
}

// What somebody announces that he has written is served at once, but only if it is exactly that.
func TestAnnounced(t *testing.T) {
	testAnnounced(t, func(f *File, s *Snapshot) (error, bool) { return f.Announced(s.Digest()) })
}

// The same applies to what this process itself has written, which is not read again.
func TestSaved(t *testing.T) {
	testAnnounced(t, func(f *File, s *Snapshot) (error, bool) {
		err, done := f.Saved(s)
		if err == nil && done && f.Current() != s {
			t.Error("the files were read again")
		}
		return err, done
	})
}

func testAnnounced(t *testing.T, announce func(*File, *Snapshot) (err error, done bool)) {
	t.Helper()
	dir := t.TempDir()
	name := write(t, dir, "domains.toml", "include = \"*.d/*.toml\"\n"+conf("old"))
	more := func(i int) string {
		return fmt.Sprintf("[domains.\"b%d.example\"]\nimap = \"b.example.com\"\nsmtp = []\n", i)
	}
	write(t, dir, "x.d/b.toml", more(0))
	file, err := Open(name, func(s *Snapshot) error {
		if _, ok := s.names["b3.example"]; ok {
			return errors.New("not this one")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	host := func() string {
		found, err := file.Current().Lookup(t.Context(), settings.Question{Host: "a.example"})
		if err != nil {
			t.Fatal(err)
		}
		return string(found.Servers[0].Host)
	}
	written := func(texts map[string][]byte) *Snapshot {
		s, err := Read(name, texts)
		if err != nil {
			t.Fatal(err)
		}
		return s.Snapshot
	}
	if err, done := announce(file, written(nil)); err != nil || done {
		t.Errorf("without a change: %v, %v", err, done)
	}

	// Two files are written, one after the other. The state between is good by itself.
	included := filepath.Join(dir, "x.d", "b.toml")
	main := "include = \"*.d/*.toml\"\n" + conf("new")
	want := written(map[string][]byte{name: []byte(main), included: []byte(more(1))})
	tick(t)
	write(t, dir, "domains.toml", main)
	if err, done := announce(file, want); err != nil || done || host() != "old.example.com" {
		t.Errorf("half-way: %v, %v, serving %s", err, done, host())
	}
	write(t, dir, "x.d/b.toml", more(1))
	if err, done := announce(file, want); err != nil || !done || host() != "new.example.com" || file.Current().Digest() != want.Digest() {
		t.Errorf("announced: %v, %v, serving %s", err, done, host())
	}
	if file.changed() {
		t.Error("what was announced is read once more")
	}

	// A file is there that was not when it was read.
	want = written(map[string][]byte{included: []byte(more(2))})
	tick(t)
	write(t, dir, "x.d/b.toml", more(2))
	write(t, dir, "x.d/c.toml", more(4))
	if err, done := announce(file, want); err != nil || done {
		t.Errorf("with another file: %v, %v", err, done)
	}
	if err := os.Remove(filepath.Join(dir, "x.d", "c.toml")); err != nil {
		t.Fatal(err)
	}

	// The program does not accept it.
	want = written(map[string][]byte{included: []byte(more(3))})
	tick(t)
	write(t, dir, "x.d/b.toml", more(3))
	if err, done := announce(file, want); err == nil || !done || DigestOf(err) != want.Digest() {
		t.Errorf("refused: %v, %v, digest %q, want %q", err, done, DigestOf(err), want.Digest())
	}
}

// Without a change on disk nothing is read and nothing is reported.
func TestWatchIsQuiet(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "domains.toml", "include = \"*.d/*.toml\"\n"+conf("old"))
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, dir, "old")
		before := f.file.Current()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if f.file.Current() != before || len(f.reports) != 0 {
			t.Errorf("after five minutes: loaded again %v, reports %q", f.file.Current() != before, f.reports)
		}
	})
}

// Looking for changes takes at most a hundredth of one core, however slow the file system is, and happens four times a second where it is fast.
func TestWatchTakesLittleTime(t *testing.T) {
	for _, test := range []struct {
		look     time.Duration
		from, to int // times in ten minutes
	}{{0, 2390, 2400}, {2 * time.Millisecond, 2300, 2400}, {50 * time.Millisecond, 100, 120}, {2 * time.Second, 2, 3}} {
		dir := t.TempDir()
		name := write(t, dir, "domains.toml", conf("old"))
		synctest.Test(t, func(t *testing.T) {
			file, err := Open(name, func(*Snapshot) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			looks := 0
			file.look = func() bool {
				looks++
				time.Sleep(test.look)
				return false
			}
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
			defer stop()
			file.Watch(ctx, func(error) {})
			if looks < test.from || looks > test.to {
				t.Errorf("%d looks of %v in ten minutes, want %d to %d", looks, test.look, test.from, test.to)
			}
		})
	}
}

// A broken file at the start is an error: there is nothing good to continue with.
func TestOpenBroken(t *testing.T) {
	dir := t.TempDir()
	for file, want := range map[string]string{
		write(t, dir, "broken.toml", "oops"): "is not valid TOML",
		filepath.Join(dir, "missing.toml"):   "name the file with --config",
		dir:                                  "is a directory",
	} {
		f, err := Open(file, func(*Snapshot) error { return nil })
		var problems Problems
		if f != nil || !errors.As(err, &problems) || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v, %v; want an error with %q", f, err, want)
		}
		if unread := !strings.HasSuffix(file, "broken.toml"); errors.Is(err, ErrUnread) != unread {
			t.Errorf("%s: ErrUnread %v, want %v", file, !unread, unread)
		}
	}
	including := write(t, dir, "including.toml", "include = [\"broken.d\"]\n"+conf("old"))
	if err := os.Mkdir(filepath.Join(dir, "broken.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(including); err == nil || errors.Is(err, ErrUnread) {
		t.Errorf("an included file that cannot be read: %v, want a mistake of the main file", err)
	}
	refuse := errors.New("not this one")
	if f, err := Open(write(t, dir, "good.toml", conf("old")), func(*Snapshot) error { return refuse }); f != nil || !errors.Is(err, refuse) {
		t.Errorf("Open: %v, %v; want %v", f, err, refuse)
	}
}

// In real time and on all cores: several writers, signals, and questions without a pause, until the file has been loaded many times.
func TestReloadInParallel(t *testing.T) {
	const enough = 50
	dir := t.TempDir()
	name := write(t, dir, "domains.toml", conf("v0"))
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	var loads atomic.Int32
	file, err := Open(name, func(*Snapshot) error {
		if loads.Add(1) == enough {
			stop()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { file.Watch(ctx, func(error) {}) })
	for writer := range 2 {
		running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				text := conf(fmt.Sprint("v", i))
				if i%3 == 0 {
					text += "oops"
				}
				temp := write(t, dir, fmt.Sprint("temp", writer), text)
				if err := os.Rename(temp, name); err != nil {
					t.Error(err)
				}
				sleep(ctx, 20*time.Millisecond)
			}
		})
	}
	for range 2 {
		running.Go(func() {
			for sleep(ctx, 30*time.Millisecond) {
				_ = file.Reload() // every third is broken
			}
		})
		running.Go(func() {
			for ctx.Err() == nil {
				found, err := file.Current().Lookup(context.Background(), settings.Question{Host: "a.example"})
				if err != nil || len(found.Servers) != 1 || !strings.HasPrefix(string(found.Servers[0].Host), "v") {
					t.Errorf("found %+v, %v", found, err)
					return
				}
			}
		})
	}
	running.Wait()
	if n := loads.Load(); n < enough {
		t.Errorf("the file was loaded %d times in five minutes, want %d", n, enough)
	}
}
