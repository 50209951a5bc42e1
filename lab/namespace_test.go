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
)

// Environment variables that the tests outside of the namespace hand to themselves inside.
const (
	insideDir     = "MAILHINT_LAB_DIR"     // an empty folder for everything that servers write
	insideProgram = "MAILHINT_LAB_PROGRAM" // the mailhint to test
)

// outside says why the tests could not enter a namespace; empty inside of it.
var outside string

// TestMain runs the tests in new namespaces for network, mounts and processes: all ports are free there, a firewall rule hurts
// nobody, and nothing outlives it.
func TestMain(m *testing.M) {
	if os.Getenv(insideDir) != "" {
		if err := settle(); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	code, err := enter()
	if err != nil { // tell it by skipping each test
		outside = err.Error()
		code = m.Run()
	}
	os.Exit(code)
}

// enter runs this program again inside of new namespaces, and returns its exit code.
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
	if out, err := exec.Command("go", "build", "-o", program, "mailhint/cmd/mailhint").CombinedOutput(); err != nil {
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
	if _, err := cmd.StdinPipe(); err != nil { // it ends when we end, however that happens; see settle
		return 0, err
	}
	err = cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// root returns the words before a command that has it run as root.
func root() ([]string, error) {
	if os.Geteuid() == 0 {
		return nil, nil
	}
	if err := exec.Command("sudo", "-n", "true").Run(); err != nil {
		return nil, errors.New("a network namespace needs root, or sudo without a password")
	}
	return []string{"sudo", "-n"}, nil
}

// networks are this internet's. All of their addresses are at home on the loopback. Programs ask from an address of their own: to
// Dovecot, who asks from the address that he asks is in the same room, and may log in without TLS.
var networks = []struct{ network, client string }{
	{"198.51.100.0/24", "203.0.113.1"},
	{"203.0.113.0/24", "203.0.113.1"},
	{"2001:db8::/64", "2001:db8::1"},
}

// settle makes the new namespaces habitable.
func settle() error {
	go func() { // this process is the first of its namespace: when it ends, the kernel ends all others
		io.Copy(io.Discard, os.Stdin) // until the process outside is gone
		os.Exit(1)
	}()
	dir := os.Getenv(insideDir)
	if err := syscall.Mount("lab", dir, "tmpfs", 0, "mode=0755"); err != nil { // which goes with the namespace
		return fmt.Errorf("tmpfs on %s: %w", dir, err)
	}
	file := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver "+resolverAddress+"\n"), 0o644); err != nil {
		return err
	}
	if err := syscall.Mount(file, "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("own /etc/resolv.conf: %w", err)
	}
	commands := []string{"ip link set lo up", "ip address add 203.0.113.1/32 dev lo", "ip address add 2001:db8::1/128 dev lo"}
	for _, n := range networks {
		commands = append(commands, "ip route add local "+n.network+" dev lo src "+n.client)
	}
	for _, command := range commands {
		words := strings.Fields(command)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, out)
		}
	}
	for _, setting := range []string{"ipv4", "ipv6"} { // of a whole network no address needs to be added before it is used
		if err := os.WriteFile("/proc/sys/net/"+setting+"/ip_nonlocal_bind", []byte("1"), 0); err != nil {
			return err
		}
	}
	return nil
}
