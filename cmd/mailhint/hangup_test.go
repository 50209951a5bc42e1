//go:build unix

package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestServeReadsTheFileOnHangup(t *testing.T) {
	r := startProgram(t, oneDomain)
	before := strings.Count(r.log.String(), "configuration read again")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file is read again", func() bool { return strings.Count(r.log.String(), "configuration read again") > before })
}
