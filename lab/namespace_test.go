//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Environment variables that the tests outside the namespace pass to themselves inside.
const (
	insideDir     = "MAILHINT_LAB_DIR"     // an empty folder for everything that servers write
	insideProgram = "MAILHINT_LAB_PROGRAM" // the mailhint to test
	insideAlone   = "MAILHINT_LAB_ALONE"   // set in a second namespace, which belongs to one test; see alone
)

// outside says why the tests could not enter a namespace; empty inside one.
var outside string

// TestMain runs the tests in new namespaces for network, mounts and processes: all ports are free there, firewall rules affect nothing
// else, and no process outlives it.
func TestMain(m *testing.M) {
	if os.Getenv(insideDir) != "" {
		prepare := settle
		if os.Getenv(insideAlone) != "" {
			prepare = settleNetwork
		}
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	code, err := enter()
	if err != nil { // each test that needs a namespace is skipped, and says why
		outside = err.Error()
		code = m.Run()
	}
	os.Exit(code)
}

// enter runs this program again inside new namespaces, and returns its exit code.
func enter() (int, error) {
	as, err := root()
	if err != nil {
		return 0, err
	}
	for _, name := range []string{"unshare", "ip"} {
		if _, err := exec.LookPath(name); err != nil {
			return 0, fmt.Errorf("%s is not installed: apt-get install util-linux iproute2", name)
		}
	}
	namespaces := append(as, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
	if out, err := exec.Command(namespaces[0], append(namespaces[1:], "true")...).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("no new namespace can be made here: %w: %s", err, bytes.TrimSpace(out))
	}
	dir, err := os.MkdirTemp("", "lab")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(dir+"/in", 0o755)); err != nil { // servers become other users
		return 0, err
	}
	program := filepath.Join(dir, "mailhint")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, "mailhint/cmd/mailhint")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as people have it, and never with the race detector, which takes ten times the memory
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "lab: mailhint does not build:\n%s", out)
		return 1, nil
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	argv := append(namespaces, "env", insideDir+"="+dir+"/in", insideProgram+"="+program, self)
	argv = append(argv, os.Args[1:]...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if _, err := cmd.StdinPipe(); err != nil { // the child ends when this process ends, however that happens; see settle
		return 0, err
	}
	err = cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// root returns the words that, before a command, make it run as root.
func root() ([]string, error) {
	if os.Geteuid() == 0 {
		return nil, nil
	}
	if err := exec.Command("sudo", "-n", "true").Run(); err != nil {
		return nil, errors.New("a network namespace needs root, or sudo without a password")
	}
	return []string{"sudo", "-n"}, nil
}

// networks are this internet's. All of their addresses belong to the loopback interface. Programs ask from an address of their own:
// Dovecot takes a client with the server's own address to be on the same machine, and lets it log in without TLS.
var networks = []struct{ network, client string }{
	{"198.51.100.0/24", "203.0.113.1"},
	{"203.0.113.0/24", "203.0.113.1"},
	{"2001:db8::/64", "2001:db8::1"},
}

// settle prepares the new namespaces.
func settle() error {
	go func() { // this process is the first of its namespace: when it ends, the kernel ends all others
		io.Copy(io.Discard, os.Stdin) // until the process outside is gone
		os.Exit(1)
	}()
	dir := os.Getenv(insideDir)
	if err := syscall.Mount("lab", dir, "tmpfs", 0, "mode=0755"); err != nil { // which disappears with the namespace
		return fmt.Errorf("tmpfs on %s: %w", dir, err)
	}
	file := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver "+resolverAddress+"\n"), 0o644); err != nil {
		return err
	}
	if err := syscall.Mount(file, "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("own /etc/resolv.conf: %w", err)
	}
	return settleNetwork()
}

// settleNetwork gives a new network namespace its addresses.
func settleNetwork() error {
	// An IPv6 address that is still tentative, because the kernel has yet to find out whether another machine has it, cannot be the source
	// of a route: nodad skips this duplicate address detection.
	if err := ip("link set lo up", "address add 203.0.113.1 dev lo", "address add 2001:db8::1 dev lo nodad"); err != nil {
		return err
	}
	if err := awaitAddresses(); err != nil {
		return err
	}
	for _, n := range networks {
		if err := ip("route add local " + n.network + " dev lo src " + n.client); err != nil {
			return err
		}
	}
	for _, setting := range []string{"ipv4", "ipv6"} { // no address of these networks needs to be added before it is used
		if err := os.WriteFile("/proc/sys/net/"+setting+"/ip_nonlocal_bind", []byte("1"), 0); err != nil {
			return err
		}
	}
	return nil
}

func ip(commands ...string) error {
	for _, command := range commands {
		if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", command, err, out)
		}
	}
	return nil
}

// awaitAddresses waits until no address is tentative any more.
func awaitAddresses() error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		tentative, err := exec.Command("ip", "address", "show", "dev", "lo", "tentative").CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip address show: %w: %s", err, tentative)
		}
		if len(bytes.TrimSpace(tentative)) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("addresses are still tentative after 30 s: %s", tentative)
		}
	}
}

// alone runs the calling test again in a namespace of its own, in which all ports are free, and reports whether it is there.
func alone(t *testing.T) bool {
	t.Helper()
	if outside != "" {
		t.Skip(outside)
	}
	if os.Getenv(insideAlone) != "" {
		return true
	}
	cmd := exec.Command("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=15m")
	cmd.Env = append(os.Environ(), insideAlone+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("in a namespace of its own:\n%s", out)
	if err != nil {
		t.Errorf("in a namespace of its own: %v", err)
	}
	return false
}
