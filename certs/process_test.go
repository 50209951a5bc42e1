package certs

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// childVariable makes this test program the second process of TestTwoProcesses.
const childVariable = "MAILHINT_CERTS_CHILD"

// child is what the second process must know.
type child struct {
	Directory, Dir string
	Root           []byte
	Names          int
	Killed         bool // during the order; another process answers the challenges
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := runChild([]byte(text)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runChild orders the same names on the same directory, and prints the serial numbers of what it would serve, and how many orders were
// refused.
func runChild(text []byte) error {
	var is child
	if err := json.Unmarshal(text, &is); err != nil {
		return err
	}
	root, err := x509.ParseCertificate(is.Root)
	if err != nil {
		return err
	}
	ca := &testCA{directory: is.Directory, roots: x509.NewCertPool()}
	ca.roots.AddCert(root)
	c, err := New(ca.config(is.Dir))
	if err != nil {
		return err
	}
	defer c.Close()
	if is.Killed {
		return c.Get(context.Background(), names(1)[0])
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	go c.Run(ctx)
	c.Want(slices.Values(names(is.Names)))
	for _, name := range names(is.Names) {
		for c.known.get(name) == nil && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		s, err := c.read(ctx, name)
		if err != nil {
			return err
		}
		fmt.Println(s.leaf.SerialNumber)
	}
	fmt.Println(c.Status().Orders["refused"])
	return nil
}

// Two processes on one directory want the same names at the same moment: each name is ordered once, and both serve the same certificate.
// The CA asks only one of them, whichever has placed the order.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	const n = 20
	dir := t.TempDir()
	text, err := json.Marshal(child{Directory: ca.directory, Dir: dir, Root: ca.root.Raw, Names: n})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*testTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c, _ := f.serve(t, ca.config(dir))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the second process says %q", lines.Text())
	}
	var asking sync.WaitGroup
	var here []string
	asking.Go(func() { here = handshakes(t, f, ca, names(n)) })
	if _, err := fmt.Fprintln(stdin, "go"); err != nil {
		t.Fatal(err)
	}
	var there []string
	for lines.Scan() {
		there = append(there, lines.Text())
	}
	if err := cmd.Wait(); err != nil || len(there) == 0 {
		t.Fatalf("the second process: %v", err)
	}
	asking.Wait()
	refused, err := strconv.ParseInt(there[len(there)-1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	refused += c.Status().Orders["refused"] // see testCA
	if there = there[:len(there)-1]; !slices.Equal(here, there) {
		t.Errorf("serial numbers\nhere  %s\nthere %s", here, there)
	}
	if orders := ca.orders.Load(); orders != n+refused {
		t.Errorf("%d orders for %d names, %d refused", orders, n, refused)
	}
}

// A process is killed at any step of an order. The next one on the same directory reads it without complaint, waits before it orders by
// itself, counts what was ordered, and gets the certificate when asked to.
func TestKilledAtAnyStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"/sign-me-up", "/order-plz", "/chalZ/", "/finalize-order/", "/certZ/"} {
		t.Run(strings.Trim(step, "/"), func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			httpPort, tlsPort := f.ports()
			ca := startCA(t, httpPort, tlsPort, 90*day)
			dir := t.TempDir()
			text, err := json.Marshal(child{Directory: ca.directory, Dir: dir, Root: ca.root.Raw, Killed: true})
			if err != nil {
				t.Fatal(err)
			}
			beside, err := New(ca.config(dir))
			if err != nil {
				t.Fatal(err)
			}
			defer beside.Close()
			f.certs.Store(beside)
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"="+string(text))
			started, reached := make(chan struct{}), make(chan struct{})
			kill := sync.OnceFunc(func() { <-started; close(reached); cmd.Process.Kill() }) // if it fails, the process is waited for in vain
			ca.before.Store(&hook{step, kill})
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			close(started)
			cmd.Wait() // killed, which is an error
			select {
			case <-reached:
			default:
				t.Fatal("the order did not get that far")
			}
			ca.before.Store(nil)
			ageLocks(t, dir)

			c, err := New(ca.config(dir))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			name := names(1)[0]
			if wait := c.failures.wait(name, time.Now()); wait < firstBackoff/2 || wait > firstBackoff*2 {
				t.Errorf("orders again by itself after %s", wait)
			}
			report, err := c.Report(t.Context(), slices.Values([]string{name}))
			if err != nil || len(report.Certificates) != 1 || report.Certificates[0].State != Missing || report.Certificates[0].Failure == nil {
				t.Errorf("the report is %+v, error %v", report.Certificates, err)
			}
			if counted := int64(report.Accounts[0].Orders); counted < ca.orders.Load() {
				t.Errorf("%d orders counted of %d", counted, ca.orders.Load())
			}
			if err := c.Get(t.Context(), name); err != nil {
				t.Errorf("no certificate afterwards: %v", err)
			}
			if cert, err := c.Stored(t.Context(), name); cert == nil || err != nil {
				t.Errorf("the certificate cannot be read: %v", err)
			}
		})
	}
}

// ageLocks makes the locks of a killed process look as they do ten seconds later, when they count as abandoned.
func ageLocks(t *testing.T, dir string) {
	t.Helper()
	locks, err := filepath.Glob(filepath.Join(dir, "locks", "*.lock"))
	if err != nil || len(locks) == 0 {
		t.Fatalf("the killed process left no locks: %v", err)
	}
	for _, lock := range locks {
		if err := os.WriteFile(lock, []byte(`{"created":"2020-01-01T00:00:00Z","updated":"2020-01-01T00:00:00Z"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
