//go:build unix

package slapdtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Hang stops the server: connections stay, and new ones are accepted by the system, but nothing is answered until Resume.
func (s *Server) Hang(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	for end := time.Now().Add(time.Minute); !s.stopped(); time.Sleep(time.Millisecond) { // a thread that runs on another processor may still answer
		if time.Now().After(end) {
			t.Fatal("slapd does not stop")
		}
	}
}

// stopped reports whether all threads have stopped, where the system says so.
func (s *Server) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.cmd.Process.Pid)) // the pattern is valid
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if _, state, _ := strings.Cut(string(text), ") "); err == nil && !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// Resume ends Hang.
func (s *Server) Resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}
