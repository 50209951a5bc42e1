//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/diff"
)

// docsSession runs the commands of a page.
type docsSession struct {
	w       *docsWorld
	page    string
	dir     string // where the next command runs
	scratch string
	skipped []string // which of notRun the page has
}

// session makes the folder of a page.
func (w *docsWorld) session(t *testing.T, page string) *docsSession {
	t.Helper()
	s := &docsSession{w: w, page: page, dir: t.TempDir(), scratch: t.TempDir()}
	if slices.Contains(inClone, page) {
		clone := exec.Command("sh", "-c", `git -c safe.directory='*' ls-files -z | tar -c --null -T - | tar -x -C "$1"`, "sh", s.dir)
		clone.Dir = w.root
		if out, err := clone.CombinedOutput(); err != nil {
			t.Fatalf("cannot copy the repository: %v: %s", err, out)
		}
		installed, err := os.ReadFile(filepath.Join(w.root, "packaging", "files", "domains.toml"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, "/etc/mailhint/domains.toml", string(installed))
		for _, name := range []string{"fullchain.pem", "privkey.pem"} {
			write(t, filepath.Join(s.dir, name), "")
		}
		return s
	}
	w.files(t, s.dir)
	write(t, filepath.Join(s.dir, "domains.toml"), w.text)
	return s
}

// check does with a block what its language says.
func (s *docsSession) check(t *testing.T, b block) {
	t.Helper()
	where := fmt.Sprintf("%s:%d", s.page, b.line)
	switch b.language {
	case "sh":
		for _, command := range commands(t, b.text) {
			s.shell(t, where, command, "")
		}
	case "session":
		for part := range strings.SplitSeq(b.text, "\n\n") {
			command, typed, _ := strings.Cut(part, "\n")
			var input strings.Builder
			for line := range strings.Lines(typed) {
				line, _, _ = strings.Cut(line, " #")
				input.WriteString(strings.TrimSpace(line) + "\n")
			}
			s.shell(t, where, command, input.String())
		}
	case "console":
		s.console(t, where, b.text)
	case "toml":
		s.toml(t, where, b.text)
	case "zone":
		s.zone(t, where, b.text)
	case "nginx":
		file := write(t, filepath.Join(s.scratch, "nginx.conf"), "pid "+s.scratch+"/pid;\nerror_log stderr;\nevents {}\nhttp { access_log off; server { listen 127.0.0.1:9;\n"+b.text+"\n} }\n")
		s.must(t, where, find(t, "nginx", "nginx"), "-t", "-c", file)
	case "dovecot":
		file := write(t, filepath.Join(s.scratch, "dovecot.conf"), "protocols = imap\nssl_cert = <"+s.w.good.cert+"\nssl_key = <"+s.w.good.key+"\n"+s.paths(b.text))
		s.must(t, where, find(t, "doveconf", "dovecot-core"), "-n", "-c", file)
	case "postfix":
		dir := filepath.Join(s.scratch, "postfix")
		write(t, filepath.Join(dir, "main.cf"), "compatibility_level = 3.6\n"+s.paths(b.text))
		write(t, filepath.Join(dir, "master.cf"), "")
		if out := s.must(t, where, find(t, "postconf", "postfix"), "-c", dir, "-n"); strings.Contains(out, "unused parameter") {
			t.Errorf("%s: %s", where, out)
		}
	case "nix":
		s.must(t, where, find(t, "nix-instantiate", "nix-bin"), "--parse", "-E", "{ ... }: {\n"+b.text+"\n}")
	case "catalogue":
		s.catalogue(t, where, b.text)
	case "text":
		for line := range strings.Lines(b.text) {
			word, _, _ := strings.Cut(strings.TrimLeft(line, "$ "), " ")
			if _, err := exec.LookPath(word); err == nil && !strings.Contains(line, "  ") || strings.HasPrefix(line, "mailhint ") {
				t.Errorf("%s: this could be run, so it is not text: %s", where, line)
			}
		}
	default:
		t.Errorf("%s: no test knows blocks of the language %q", where, b.language)
	}
}

// paths puts real files in the place of /path/.
func (s *docsSession) paths(text string) string {
	return strings.NewReplacer("/path/fullchain.pem", s.w.good.cert, "/path/privkey.pem", s.w.good.key).Replace(text)
}

// must runs a program that checks an example.
func (s *docsSession) must(t *testing.T, where string, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %s: %v\n%s", where, argv[0], err, out)
	}
	return string(out)
}

// commands splits a block into commands: as many lines as the shell needs for one.
func commands(t *testing.T, text string) (all []string) {
	t.Helper()
	var one string
	for line := range strings.Lines(text) {
		one += line
		if strings.HasSuffix(line, "\\\n") || exec.Command("sh", "-n", "-c", one).Run() != nil {
			continue
		}
		if strings.TrimSpace(one) != "" {
			all = append(all, strings.TrimSpace(one))
		}
		one = ""
	}
	if one != "" {
		t.Errorf("not a whole command: %s", one)
	}
	return all
}

// shell runs a command, which may change the folder for the next.
func (s *docsSession) shell(t *testing.T, where, command, typed string) string {
	t.Helper()
	plain := strings.TrimPrefix(command, "sudo ")
	bare, _, _ := strings.Cut(command, "  ")
	for _, n := range notRun {
		if strings.HasPrefix(plain, n.command) {
			if !slices.Contains(s.skipped, n.command) {
				s.skipped = append(s.skipped, n.command)
				s.tryNotRun(t, where, plain, n.why)
			}
			return ""
		}
	}
	words := strings.Fields(command)
	if strings.HasPrefix(command, "mailhint cert ") { // of the running server, whatever the page shows before
		write(t, filepath.Join(s.dir, "domains.toml"), s.w.text)
	}
	if len(words) > 1 && words[0] == "mailhint" && words[1] == "serve" || strings.HasPrefix(command, "go run ./cmd/mailhint serve") {
		s.background(t, where, command)
		return ""
	}
	if strings.HasPrefix(command, "openssl s_client") && !strings.Contains(command, "</dev/null") || words[0] == "nc" && !strings.Contains(command, " -vz") {
		typed += "a LOGOUT\nQUIT\n"
	}
	if strings.Contains(command, "--watch") {
		command = "timeout --signal INT 10 " + command
	}
	out, code := s.execute(t, command, typed)
	if want := expected[bare]; code != want && !strings.Contains(command, "--watch") {
		t.Errorf("%s: %s\nexit code %d, want %d\n%s", where, command, code, want, out)
	}
	return out
}

// execute runs a command in the folder of the page.
func (s *docsSession) execute(t *testing.T, command, typed string) (string, int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	pwd := filepath.Join(s.scratch, "pwd")
	cmd := exec.CommandContext(ctx, "sh", "-c", command+"\nstatus=$?; pwd >"+pwd+"; exit $status")
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.environment(), strings.NewReader(typed)
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Errorf("%s: %v", command, err)
	}
	if dir, err := os.ReadFile(pwd); err == nil {
		s.dir = strings.TrimSpace(string(dir))
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func (s *docsSession) environment() []string {
	roots := s.w.authority.roots()
	return append(os.Environ(), "PATH="+s.w.path, "SSL_CERT_FILE="+roots, "CURL_CA_BUNDLE="+roots, "MAILHINT_CONFIG=", "GOFLAGS=", "GOPROXY=off", "LC_ALL=C.UTF-8", "TZ=UTC")
}

// tryNotRun tries a command that is not run, which must fail: otherwise it could be run. Goals of the Makefile must exist.
func (s *docsSession) tryNotRun(t *testing.T, where, command, why string) {
	t.Helper()
	if strings.HasPrefix(why, "long: ") {
		command = strings.Replace(command, "make ", "make --dry-run ", 1)
		if out, code := s.execute(t, command, ""); code != 0 {
			t.Errorf("%s: %s\n%s", where, command, out)
		}
		return
	}
	if out, code := s.execute(t, "timeout 20 "+command, ""); code == 0 {
		t.Errorf("%s: it is in notRun, but can be run: %s\n%s", where, command, out)
	}
}

// background runs a server until the page ends.
func (s *docsSession) background(t *testing.T, where, command string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir, cmd.Env = s.dir, s.environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		cmd.Wait() // fails, because it was asked to end
		if t.Failed() {
			t.Logf("%s: %s\n%s", where, command, &log)
		}
	})
	eventually(t, where+": "+command+" answers at localhost:8080", func() bool { return accepts("127.0.0.1:8080")() == nil })
}

// console runs commands and compares what they print.
func (s *docsSession) console(t *testing.T, where, text string) {
	t.Helper()
	var got strings.Builder
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			got.WriteString(line)
			got.WriteString(s.shell(t, where, strings.TrimSpace(command), ""))
		}
	}
	if got.String() != text {
		t.Errorf("%s: %s", where, diff.Diff("the page", []byte(text), "the commands", []byte(got.String())))
	}
}

// toml checks an example of domains.toml, which is then that of the page. What is needed besides is added: keys without a table belong to a domain, and a
// file needs one.
func (s *docsSession) toml(t *testing.T, where, text string) {
	t.Helper()
	dir := t.TempDir()
	s.w.files(t, dir)
	if first := strings.TrimLeft(text, "\n"); !strings.HasPrefix(first, "[") && !strings.HasPrefix(first, "#") {
		text = "[domains.\"example.com\"]\n" + text
		for _, key := range []string{"imap", "smtp"} {
			if !strings.Contains(text, "\n"+key) {
				text += key + " = \"" + key + ".example.com\"\n"
			}
		}
	} else if strings.Contains(text, "[profiles.") && !strings.Contains(text, "imap") {
		text += "imap = \"imap.hoster.example\"\nsmtp = \"smtp.hoster.example\"\ndomains = [\"shop.example\"]\n"
	} else if !strings.Contains(text, "[domains.") && !strings.Contains(text, "domains_file") {
		text += "\n[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"
	}
	for _, name := range []string{"mailhint-cert.pem", "mailhint-key.pem"} { // which systemd makes
		from := map[bool]string{true: "fullchain.pem", false: "privkey.pem"}[name == "mailhint-cert.pem"]
		pem, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		write(t, "/run/credentials/mailhint.service/"+name, string(pem))
	}
	r := s.w.run(dir, "check", write(t, filepath.Join(dir, "domains.toml"), text))
	if r.code != 0 {
		t.Errorf("%s: mailhint check: exit code %d\n%s%s\n%s", where, r.code, r.stdout, r.stderr, text)
	}
	if !slices.Contains(inClone, s.page) {
		write(t, filepath.Join(s.dir, "domains.toml"), text)
	}
}

// zone compares records with those that mailhint prints. A CAA record is for the admin's CA, and only read.
func (s *docsSession) zone(t *testing.T, where, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		rr, err := parseRecord(strings.TrimSpace(line), ".")
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		cname, ok := rr.(*dns.CNAME)
		if !ok {
			continue
		}
		r := s.w.run("", "dns", "example.com", "--target", strings.TrimSuffix(cname.Target, "."), "--config", s.w.config)
		if !strings.Contains(r.stdout, cname.Hdr.Name) || !strings.Contains(r.stdout, "CNAME "+cname.Target) {
			t.Errorf("%s: mailhint dns does not print %s:\n%s%s", where, line, r.stdout, r.stderr)
		}
	}
}

// catalogue compares lines with the English texts.
func (s *docsSession) catalogue(t *testing.T, where, text string) {
	t.Helper()
	all, err := os.ReadFile(filepath.Join(s.w.root, "texts", "en.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if !bytes.Contains(all, []byte("\n"+line)) {
			t.Errorf("%s: texts/en.toml does not have the line %s", where, line)
		}
	}
}
