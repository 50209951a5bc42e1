//go:build linux

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// result is what a run of mailhint ended with.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// command prepares a run of mailhint, in a folder or, if that is "", in no particular one.
func (n *internet) command(ctx context.Context, folder string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Getenv(insideProgram), args...)
	cmd.Dir = folder
	cmd.Env = []string{"SSL_CERT_FILE=" + n.authority.roots(), "SSL_CERT_DIR=/nowhere", "PATH=" + os.Getenv("PATH"), "HOME=" + n.dir}
	return cmd
}

// run runs mailhint.
func (n *internet) run(folder string, args ...string) result {
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	cmd := n.command(ctx, folder, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // so that it prints where it hangs
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	err := cmd.Run()
	r := result{stdout.String(), stderr.String(), 0, time.Since(begin)}
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		r.code = exit.ExitCode()
	} else if err != nil {
		r.code, r.stderr = -1, err.Error()
	}
	return r
}

// server is the [server] table of the running mailhint, with the name that domains point to.
func (n *internet) server(name string, pairs ...pair) string {
	var certs, keys []string
	for _, p := range append([]pair{n.good}, pairs...) {
		certs, keys = append(certs, fmt.Sprintf("%q", p.cert)), append(keys, fmt.Sprintf("%q", p.key))
	}
	return fmt.Sprintf("[server]\nname = %q\nhttp = [\"%[2]s:80\", \"[%[3]s]:80\"]\nhttps = [\"%[2]s:443\", \"[%[3]s]:443\"]\ntls = \"files\"\n"+
		"cert = [%s]\nkey = [%s]\nadmin = \"\"\nprobe = \"0\" # connections are counted\n\n", name, setupV4, setupV6, strings.Join(certs, ", "), strings.Join(keys, ", "))
}

// config is the domains.toml of a case, as its admin would have it.
func (n *internet) config(c *testcase) string {
	return filepath.Join(n.folder("config"), c.name+".toml")
}

func (n *internet) writeConfig(t testing.TB, c *testcase) {
	t.Helper()
	write(t, n.config(c), n.server(c.setupName())+c.toml())
}

// startMailhint starts the mailhint that answers for all domains.
func (n *internet) startMailhint(t testing.TB) {
	t.Helper()
	text := n.server(setupHost, n.manyCertificates(t)...) + manyTOML
	for _, c := range n.cases {
		text += c.toml()
	}
	dir := n.folder("mailhint")
	write(t, filepath.Join(dir, "many.txt"), strings.Join(n.many, "\n")+"\n")
	config := write(t, filepath.Join(dir, "domains.toml"), text)
	p := startCommand(t, "mailhint", dir, n.command(context.Background(), dir, "serve", "--config", config))
	p.await(t, accepts(setupV4+":443"))
}

// examination is what "doctor --json" prints.
type examination struct {
	Domains []struct {
		Domain    string    `json:"domain"`
		Findings  []finding `json:"findings"`
		Unchecked []string  `json:"unchecked"`
		Clients   []struct {
			Name, Incoming, Outgoing, Login, From, Why string
			Works                                      bool
		} `json:"clients"`
	} `json:"domains"`
}

// finding is something that is wrong.
type finding struct{ Code, Severity, Subject, Text, Fix, Paste string }

// doctor runs doctor.
func (n *internet) doctor(t testing.TB, config string, args ...string) (examination, result) {
	t.Helper()
	r := n.run("", append([]string{"doctor", "--json", "--resolver", resolverAddress, "--config", config}, args...)...)
	var e examination
	if err := json.Unmarshal([]byte(r.stdout), &e); err != nil {
		t.Fatalf("doctor %q: %v, exit code %d\nstdout: %s\nstderr: %s", args, err, r.code, r.stdout, r.stderr)
	}
	return e, r
}
