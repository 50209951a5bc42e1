package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mailhint/certs/pebbletest"
	"mailhint/dnsupdate"
	"mailhint/dnsupdate/knottest"
	"mailhint/domains"
)

// blocksOf returns the code blocks of a page in a language.
func blocksOf(t *testing.T, page, language string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("%s has no block of %s", page, language)
	}
	return all
}

const dnsPage = "../../docs/dns.md"

// TestDNSDocs runs the examples of docs/dns.md with a real Knot and a real BIND: they may publish all records, and nothing that the page does
// not allow them.
func TestDNSDocs(t *testing.T) {
	key := knottest.NewKey("mailhint")
	secret := strings.NewReplacer("SECRET", key.Secret)
	for _, server := range []struct {
		name, language string
		programs       []string // where it may be
		config         func(dir, port string) string
		args           []string
	}{
		{"Knot", "yaml", []string{"knotd", "/usr/sbin/knotd"}, func(dir, port string) string {
			return fmt.Sprintf("server:\n  rundir: %[1]q\n  listen: 127.0.0.1@%[2]s\ndatabase:\n  storage: %[1]q\ntemplate:\n  - id: default\n    storage: %[1]q\n", dir, port)
		}, []string{"-c"}},
		{"BIND", "named", []string{"named", "/usr/sbin/named"}, func(dir, port string) string {
			return fmt.Sprintf("options { directory %q; listen-on port %s { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none; session-keyfile none; "+
				"lock-file none; recursion no; dnssec-validation no; };\ncontrols {};\n", dir, port)
		}, []string{"-g", "-c"}},
	} {
		t.Run(server.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "dns") // a short name: it contains a Unix socket
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			address := pebbletest.FreeAddress(t)
			_, port, _ := net.SplitHostPort(address)
			keyFile := filepath.Join(dir, "mailhint.key")
			if err := os.WriteFile(keyFile, []byte(secret.Replace(blocksOf(t, dnsPage, "conf")[0])), 0o600); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "example.com.zone"), "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n@ MX 10 mail\nmail A 127.0.0.1\n")
			config := filepath.Join(dir, "server.conf")
			write(t, config, server.config(dir, port)+secret.Replace(blocksOf(t, dnsPage, server.language)[0]))
			startServer(t, server.programs, append(server.args, config), address)

			file := filepath.Join(dir, "domains.toml")
			write(t, file, strings.Replace(blocksOf(t, dnsPage, "toml")[0], "ns1.example.net", address, 1)+
				"[server]\nname = \"setup.example.net\"\n[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
			command, shown, _ := strings.Cut(blocksOf(t, dnsPage, "console")[0], "\n")
			for _, want := range []string{shown, "nothing was changed, 11 records published before\n"} {
				var out, errs bytes.Buffer
				code := run(t.Context(), append(strings.Fields(command)[2:], "--config", file, "--resolver", "127.0.0.1:1"), &out, &errs)
				if printed := strings.ReplaceAll(out.String(), address, "ns1.example.net:53"); code != exitGood || !strings.HasSuffix(printed, want) {
					t.Fatalf("exit code %d, want\n%s\ngot\n%s%s", code, want, printed, &errs)
				}
			}
			snapshot, err := domains.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			challenges := &dnsupdate.Challenges{Zones: func() domains.DNS { return snapshot.DNS }}
			err = challenges.Check(t.Context(), "autoconfig.example.com")
			if err == nil {
				err = challenges.Publish(t.Context(), "autoconfig.example.com", "text")
			}
			if err == nil {
				err = challenges.Withdraw(t.Context(), "autoconfig.example.com", "text")
			}
			if err != nil {
				t.Errorf("the record for a CA: %v", err)
			}
			update := new(dns.Msg)
			update.SetUpdate("example.com.")
			mx, err := dns.NewRR("example.com. 60 IN MX 10 elsewhere.example.")
			if err != nil {
				t.Fatal(err)
			}
			update.Insert([]dns.RR{mx})
			update.SetTsig("mailhint.", dns.HmacSHA256, 300, time.Now().Unix())
			client := dns.Client{Net: "tcp", Timeout: 30 * time.Second, TsigSecret: map[string]string{"mailhint.": key.Secret}}
			if answer, _, err := client.Exchange(update, address); answer == nil || answer.Rcode == dns.RcodeSuccess {
				t.Errorf("the key may change MX records: %v, %v", answer, err)
			}
		})
	}
}

// startServer runs a name server until the test ends, and waits until it answers for example.com.
func startServer(t *testing.T, programs, args []string, address string) {
	t.Helper()
	program := ""
	for _, name := range programs {
		if found, err := exec.LookPath(name); err == nil && program == "" {
			program = found
		}
	}
	if program == "" {
		t.Skipf("%s is not installed; make programs installs it", programs[0])
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		cmd.Wait() // fails, because it was interrupted
		if t.Failed() {
			t.Logf("output of %s:\n%s", program, &log)
		}
	})
	client := dns.Client{Net: "tcp", Timeout: time.Second}
	eventually(t, "the name server does not answer", func() bool {
		answer, _, err := client.Exchange(new(dns.Msg).SetQuestion("example.com.", dns.TypeSOA), address)
		return err == nil && len(answer.Answer) == 1
	})
}

// Every example of domains.toml on the page is valid.
func TestDNSDocsConfigurations(t *testing.T) {
	for _, block := range blocksOf(t, dnsPage, "toml") {
		file := filepath.Join(t.TempDir(), "domains.toml")
		write(t, file, block+"[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
		if _, err := domains.Load(file); err != nil {
			t.Errorf("%v in\n%s", err, block)
		}
	}
}
