package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/keypairs/keypairtest"
)

// check reports certificates that serve could not use, each with its line, and exits with 1; serve does not start with them.
func TestCheckCertificates(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		keypairtest.Write(t, dir, name, keypairtest.New(t, keypairtest.Options{Names: []string{"autoconfig.example.com", "autodiscover.example.com"}}))
	}
	write(t, filepath.Join(dir, "broken.pem"), "no certificate")
	const head = "[server]\nhttp = [\"127.0.0.1:0\"]\nhttps = [\"127.0.0.1:0\"]\nadmin = \"\"\ntls = \"files\"\n"
	const domain = "\n[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"
	file := filepath.Join(dir, "domains.toml")
	for _, test := range []struct {
		name, keys string
		want       []string // a part of each line, in order
	}{
		{"good", "cert = [\"a.pem\", \"b.pem\"]\nkey = [\"a.key\", \"b.key\"]\n", nil},
		{"a key of another certificate", "cert = \"a.pem\"\nkey = \"b.key\"\n", []string{"domains.toml:6: server.cert: "}},
		{"two of three", "cert = [\n  \"a.pem\",\n  \"missing.pem\",\n  \"broken.pem\"]\nkey = [\"a.key\", \"b.key\", \"b.key\"]\n",
			[]string{"domains.toml:8: server.cert: ", "domains.toml:9: server.cert: "}},
		{"signing", "cert = \"a.pem\"\nkey = \"a.key\"\nsign_cert = \"a.pem\"\nsign_key = \"b.key\"\n", []string{"domains.toml:8: server.sign_cert: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			write(t, file, head+test.keys+domain)
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"check", file}, &out, &errs)
			if want := map[bool]int{true: exitGood, false: exitProblem}[test.want == nil]; code != want {
				t.Errorf("exit code %d, want %d", code, want)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if test.want == nil {
				if out.String() != "ok, 1 domain, 0 profiles\n" || errs.Len() > 0 {
					t.Errorf("got %q, %q", &out, &errs)
				}
				return
			}
			if len(lines) != len(test.want) {
				t.Fatalf("got %q, want %q", lines, test.want)
			}
			for i, want := range test.want {
				if !strings.Contains(lines[i], string(os.PathSeparator)+want) {
					t.Errorf("got %s, want %s", lines[i], want)
				}
			}
			p, err := open(file, systemNetwork(), slog.New(slog.DiscardHandler))
			if err == nil {
				p.Close()
				t.Error("serve starts")
			}
		})
	}
}
