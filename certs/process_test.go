package certs

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
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
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
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
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
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
