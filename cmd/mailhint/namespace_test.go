//go:build linux

package main

import (
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// inNamespace runs the calling test again, in a process that has a network of its own: there ports 80 and 443 are free, and all of
// 10.0.0.0/8 is this machine. It reports true in that process, which has the given environment variables besides.
func inNamespace(t *testing.T, environment ...string) bool {
	t.Helper()
	const mark = "MAILHINT_TEST_NAMESPACE"
	if os.Getenv(mark) != "" {
		bringUpLoopback(t)
		return true
	}
	args := []string{"unshare", "--net", "--"}
	if os.Geteuid() != 0 {
		if err := exec.Command("sudo", "-n", "true").Run(); err != nil {
			t.Skip("making a network namespace needs root, or sudo without a password")
		}
		args = append([]string{"sudo", "-n"}, args...)
	}
	if err := exec.Command(args[0], append(args[1:], "true")...).Run(); err != nil {
		t.Skipf("%v does not work here, so there is no network to try this in: %v", args, err)
	}
	args = append(append(args, "env", mark+"=1"), environment...)
	args = append(args, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	t.Logf("in a network namespace:\n%s", out)
	if err != nil {
		t.Errorf("in a network namespace: %v", err)
	}
	return false
}

func bringUpLoopback(t *testing.T) {
	t.Helper()
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	up, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, up); err != nil {
		t.Fatal(err)
	}
	more, err := unix.NewIfreq("lo:1")
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddr("10.0.0.1").As4() // with the mask of its class
	if err := more.SetInet4Addr(address[:]); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFADDR, more); err != nil {
		t.Fatal(err)
	}
}
