package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailhint/domains"
)

// A command that has written what the server does not use learns why.
func TestAwaitServedRefusal(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "domains.toml")
	writeFile := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const good = "[domains.\"a.example\"]\nimap = \"imap.example.com\"\nsmtp = []\n"
	writeFile(good)
	follows, err := domains.Open(file, func(*domains.Snapshot) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	writeFile(good + "impa = 1\n")
	refusal := follows.Reload()
	s := run(t, offline(), func(s *Server) {
		s.Configure(follows.Current(), nil)
		s.File = file
		s.OnAnnounced(func(digest string) {
			if digest == domains.DigestOf(refusal) {
				s.Configure(nil, refusal)
			}
		})
	})
	await := func(digest string, saved time.Time) Served {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // the server must be asked within this time, also on a busy machine
		defer cancel()
		return AwaitServed(ctx, domains.Server{Admin: s.admin}, file, digest, saved)
	}
	if got := await(follows.Current().Digest(), time.Now()); got.Status != Serving || got.Server != s.admin {
		t.Errorf("what is served: %+v", got)
	}
	if got := await("0123", time.Now()); got.Status != NotRead {
		t.Errorf("not read: %+v", got)
	}
	if got := await("0123", time.Now().Add(-time.Hour)); got.Status != ChangedAgain {
		t.Errorf("read in another state: %+v", got)
	}
	got := await(domains.DigestOf(refusal), time.Now())
	if want := "domains.toml:4: domains.\"a.example\".impa: unknown key; did you mean \"imap\"?"; got.Status != NotAccepted || !strings.HasSuffix(got.String(), want) {
		t.Errorf("refused: %q, want %q", got, want)
	}
}
