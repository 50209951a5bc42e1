//go:build !unix

package slapdtest

import "testing"

// Hang stops the server, where the system can do that.
func (s *Server) Hang(t testing.TB) { t.Skip("a process cannot be stopped here") }

// Resume ends Hang.
func (s *Server) Resume(testing.TB) {}
