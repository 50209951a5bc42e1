//go:build linux

package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What probe prints must load, and doctor must find nothing wrong with it.
func TestProbe(t *testing.T) {
	t.Parallel()
	n := theInternet(t)
	for _, name := range []string{"good", "good-own-servers", "good-starttls-only"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := n.named(t, name)
			someAttempts(t, func() error {
				r := n.run("", "probe", c.domain, "--resolver", resolverAddress)
				if r.code != 0 {
					return fmt.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
				}
				config := write(t, filepath.Join(t.TempDir(), "domains.toml"), n.server(setupHost)+r.stdout)
				if checked := n.run("", "check", config); checked.code != 0 {
					return fmt.Errorf("check: exit code %d\n%s%s\n%s", checked.code, checked.stdout, checked.stderr, r.stdout)
				}
				e, examined := n.doctor(t, config, c.domain, "--only", "M,L")
				if examined.code != 0 || len(e.Domains) != 1 || len(e.Domains[0].Findings) > 0 {
					return fmt.Errorf("doctor: exit code %d, %s\n%s", examined.code, examined.stdout, r.stdout)
				}
				return nil
			})
		})
	}
}

// probe reports what is wrong, and still prints an entry that loads.
func TestProbeFault(t *testing.T) {
	t.Parallel()
	n := theInternet(t)
	c := n.named(t, "m04-expired")
	r := n.run("", "probe", c.mail.name, "--resolver", resolverAddress)
	if r.stdout != "" || !strings.Contains(r.stderr, "expired") || r.code != 1 {
		t.Errorf("exit code %d, want 1, no entry, and on stderr that the certificate has expired\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// init needs nothing but an address.
func TestInit(t *testing.T) {
	t.Parallel()
	n := theInternet(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "domains.toml")
	begin := func() result {
		return n.run(dir, "init", "ann@good.example", "--resolver", resolverAddress, "--target", setupHost)
	}
	first := begin()
	written, err := os.ReadFile(file)
	if err != nil || first.code != 0 {
		t.Fatalf("exit code %d, %v\n%s%s", first.code, err, first.stdout, first.stderr)
	}
	for _, want := range []string{"autoconfig.good.example.", setupHost, "mailhint "} {
		if !strings.Contains(first.stdout, want) {
			t.Errorf("it does not print %q:\n%s", want, first.stdout)
		}
	}
	if regexp.MustCompile(`\bann\b`).Match(written) {
		t.Errorf("the file contains the address:\n%s", written)
	}
	if r := n.run(dir, "check"); r.code != 0 {
		t.Errorf("check: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	again := begin()
	if now, err := os.ReadFile(file); again.code != 1 || err != nil || string(now) != string(written) {
		t.Errorf("a second time: exit code %d, want 1 and the same file\n%s", again.code, again.stderr)
	}
}

// dns --diff prints what is published differently from what should be.
func TestDiff(t *testing.T) {
	t.Parallel()
	n := theInternet(t)
	for name, want := range map[string]string{
		"good":              `^$`,
		"d01-autoconfig":    `(?m)^autoconfig\.d01-autoconfig\.example\.\s.*CNAME\s+setup\.hoster\.example\.`,
		"d02-foreign-alias": `(?m)^autoconfig\.d02-foreign-alias\.example\.\s.*CNAME\s+setup\.hoster\.example\.`,
		"d05-port":          `(?m)^_imaps\._tcp\.d05-port\.example\.\s.*SRV\s+0 1 993 mail\.hoster\.example\.`,
		"d06-digest":        `(?m)^_ua-auto-config\.d06-digest\.example\.\s.*TXT\s+"v=UAAC1;`,
	} {
		c := n.named(t, name)
		r := n.run("", "dns", c.domain, "--diff", "--resolver", resolverAddress, "--config", n.config(c))
		if wantCode := min(len(c.want), 1); r.code != wantCode || !regexp.MustCompile(want).MatchString(strings.TrimSpace(r.stdout)) {
			t.Errorf("%s: exit code %d, want %d and %s; got\n%s%s", name, r.code, wantCode, want, r.stdout, r.stderr)
		}
	}
}

// doctor --nagios answers a monitoring system.
func TestNagios(t *testing.T) {
	t.Parallel()
	n := theInternet(t)
	for _, test := range []struct {
		name, resolver string
		code           int
		line           string
	}{
		{"good", resolverAddress, 0, `^MAILHINT OK - .*\| domains=1 problems=0.*\n$`},
		{"m04-ends-soon", resolverAddress, 1, `^MAILHINT WARNING - .*M04.*\n$`},
		{"m03-submission", resolverAddress, 2, `^MAILHINT CRITICAL - .*M03 mail\.m03-submission\.example:587.*\n$`},
		{"good", "203.0.113.254", 3, `^MAILHINT UNKNOWN - .*\n$`},
	} {
		c := n.named(t, test.name)
		someAttempts(t, func() error {
			r := n.run("", "doctor", c.domain, "--nagios", "--resolver", test.resolver, "--config", n.config(c))
			if r.code != test.code || !regexp.MustCompile(test.line).MatchString(r.stdout) {
				return fmt.Errorf("%s: exit code %d, want %d and %s; got\n%s%s", test.name, r.code, test.code, test.line, r.stdout, r.stderr)
			}
			return nil
		})
	}
}

// What cannot be checked is reported neither as good nor as wrong.
func TestNameServersDown(t *testing.T) {
	t.Parallel()
	n := theInternet(t)
	dead := &testcase{name: "dead", domain: deadDomain}
	n.writeConfig(t, dead)
	for _, test := range []struct {
		c        *testcase
		resolver string
	}{{n.named(t, "good"), "203.0.113.254"}, {dead, resolverAddress}} {
		r := n.run("", "doctor", test.c.domain, "--json", "--resolver", test.resolver, "--config", n.config(test.c))
		if r.code != 3 {
			t.Errorf("%s at %s: exit code %d, want 3\n%s%s", test.c.domain, test.resolver, r.code, r.stdout, r.stderr)
		}
	}
}

// doctor --watch reports a port that closes, and that it is open again.
func TestWatch(t *testing.T) {
	n := theInternet(t)
	c := n.named(t, "good-own-servers")
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	cmd := n.command(ctx, "", "doctor", c.domain, "--watch", "1s", "--resolver", resolverAddress, "--config", n.config(c))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	await := func(pattern string) {
		t.Helper()
		buffer := make([]byte, 4096)
		for !regexp.MustCompile(pattern).MatchString(seen.String()) {
			count, err := stdout.Read(buffer)
			seen.Write(buffer[:count])
			if err != nil {
				t.Fatalf("no %q before the end: %v\n%s%s", pattern, err, &seen, &stderr)
			}
		}
	}
	await(` good\n|\+ good-own-servers`) // on a busy machine a handshake may take too long for once
	firewall(t, "add chain inet lab trouble { type filter hook input priority 1; }\n"+
		"add rule inet lab trouble ip daddr "+c.mail.v4+" tcp dport 993 reject with tcp reset\n"+
		"add rule inet lab trouble ip6 daddr "+c.mail.v6+" tcp dport 993 reject with tcp reset")
	await(`\+ good-own-servers\.example M01 mail\.good-own-servers\.example:993`)
	firewall(t, "delete chain inet lab trouble")
	await(`- good-own-servers\.example M01 mail\.good-own-servers\.example:993`)
	stop()
	if _, err := io.Copy(&seen, stdout); err != nil {
		t.Error(err)
	}
	if cmd.Wait(); ctx.Err() != context.Canceled {
		t.Errorf("it did not end when it was interrupted\n%s", &stderr)
	}
}

// firewall runs commands of nft.
func firewall(t testing.TB, commands string) {
	t.Helper()
	cmd := exec.Command(find(t, "nft", "nftables"), "-f", "-")
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
}
