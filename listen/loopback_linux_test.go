package listen

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// On a machine without IPv4, localhost and 127.0.0.1 are ::1, and an address without a host is every address that there is.
func TestWithoutIPv4(t *testing.T) {
	if os.Getenv("LISTEN_TEST_WITHOUT_IPV4") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWithoutIPv4$", "-test.v")
		cmd.Env = append(os.Environ(), "LISTEN_TEST_WITHOUT_IPV4=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		if os.Geteuid() == 0 { // root needs no namespace of users, which some containers forbid
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, os.ErrPermission) {
			t.Skipf("making a network namespace needs root or user namespaces: %v", err)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	for _, command := range [][]string{{"link", "set", "lo", "up"}, {"addr", "del", "127.0.0.1/8", "dev", "lo"}} {
		if out, err := exec.Command("ip", command...).CombinedOutput(); err != nil {
			t.Fatalf("ip %q: %v %s", command, err, out)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "[::1]:0", ":0"} {
		opened, err := listenAt(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		defer opened.Close()
		if ip := opened.Addr().(*net.TCPAddr).IP; address != ":0" && !ip.Equal(net.IPv6loopback) {
			t.Errorf("%s: it listens on %s", address, ip)
		}
		_, port, err := net.SplitHostPort(opened.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", "[::1]:"+port)
		if err != nil {
			t.Errorf("%s: it listens on %s, and ::1 cannot connect: %v", address, opened.Addr(), err)
			continue
		}
		conn.Close()
	}
	if _, err := listenAt("192.0.2.1:0"); !IsAbsent(err) {
		t.Errorf("192.0.2.1: error %v", err)
	}
}
