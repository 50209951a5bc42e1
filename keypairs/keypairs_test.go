package keypairs

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/keypairs/keypairtest"
)

// newFiles writes a new certificate and its key; base names the files, or else the certificate's first name does.
func newFiles(t testing.TB, dir, base string, o keypairtest.Options) Files {
	t.Helper()
	cert, key := keypairtest.Write(t, dir, base, keypairtest.New(t, o))
	return Files{Cert: cert, Key: key}
}

// served returns the name of the certificate that a client gets.
func served(t testing.TB, p *Pairs, name string) string {
	t.Helper()
	cert, err := p.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	return cert.Leaf.Subject.CommonName
}

// A pair that changes on disk is read again; one that is broken on disk keeps being served as it was, and is reported once.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	files := newFiles(t, dir, "cert", keypairtest.Options{Names: []string{"old.example"}})
	other := keypairtest.New(t, keypairtest.Options{Names: []string{"new-name.example"}})
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p, err := Open([]Files{files}, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		const every = 10 * time.Second
		go p.Watch(ctx, every)
		look := func() {
			time.Sleep(every)
			synctest.Wait()
		}

		keypairtest.Write(t, dir, "cert", other)
		if got := served(t, p, ""); got != "old.example" {
			t.Errorf("before a look: %s is served, want old.example", got)
		}
		look()
		if got := served(t, p, ""); got != "new-name.example" {
			t.Errorf("after the files changed: %s is served, want new-name.example", got)
		}

		good, err := os.ReadFile(files.Cert)
		if err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(files.Cert)
		if err != nil {
			t.Fatal(err)
		}
		write(t, files.Cert, string(good[:len(good)/2]))
		look()
		look()
		if faults := p.Faults(); len(faults) != 1 || !strings.Contains(faults[0], files.Cert) {
			t.Errorf("a broken file: Faults returns %q, want one with its name", faults)
		}
		if got := served(t, p, ""); got != "new-name.example" {
			t.Errorf("with a broken file %s is served, want new-name.example", got)
		}
		if err := p.Reload(); err == nil || !strings.Contains(err.Error(), files.Cert) {
			t.Errorf("Reload with a broken file: %v, want an error with its name", err)
		}
		if n := strings.Count(log.String(), "still serving the previous one"); n != 1 {
			t.Errorf("the broken file was logged %d times, want once", n)
		}

		// The pair is tried again though it looks like the one that is served: what was wrong may have been a mode.
		write(t, files.Cert, string(good))
		if err := os.Chtimes(files.Cert, before.ModTime(), before.ModTime()); err != nil {
			t.Fatal(err)
		}
		look()
		if faults := p.Faults(); faults != nil {
			t.Errorf("Faults returns %q after the file was restored, want none", faults)
		}
		if err := p.Reload(); err != nil {
			t.Error(err)
		}
	})
}

func TestFirstExpiry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	expired := newFiles(t, dir, "", keypairtest.Options{Names: []string{"expired.example"}, Expired: true})
	p, err := Open([]Files{newFiles(t, dir, "", keypairtest.Options{Names: []string{"good.example"}}), expired}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if first := p.FirstExpiry(); !first.Before(time.Now()) {
		t.Errorf("the first of two certificates, one of them expired, expires at %s", first)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := newFiles(t, dir, "", keypairtest.Options{Names: []string{"a.example"}})
	b := newFiles(t, dir, "", keypairtest.Options{Names: []string{"b.example"}})
	text := func(name, text string) string {
		write(t, filepath.Join(dir, name), text)
		return filepath.Join(dir, name)
	}
	for _, c := range []struct {
		name string
		pair Files
		want []string
	}{
		{"key of another", Files{a.Cert, b.Key}, []string{a.Cert, b.Key, "does not match", "use the key that the certificate was made with"}},
		{"swapped", Files{a.Key, a.Cert}, []string{"swapped?"}},
		{"missing", Files{filepath.Join(dir, "none.pem"), a.Key}, []string{"none.pem does not exist", "[server]"}},
		{"not PEM", Files{text("text.pem", "hello"), a.Key}, []string{"text.pem", "BEGIN CERTIFICATE"}},
		{"empty", Files{a.Cert, text("empty.key", "")}, []string{"empty.key", "PEM"}},
		{"password", Files{a.Cert, text("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n")}, []string{"locked.key has a password", "openssl pkey"}},
		{"directory", Files{dir, a.Key}, []string{dir, "directory"}},
	} {
		_, err := Open([]Files{b, c.pair}, slog.New(slog.DiscardHandler))
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q in it", c.name, err, want)
			}
		}
	}
	if _, err := Open(nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "fullchain.pem") {
		t.Errorf("no files at all: %v", err)
	}
}

// An expired certificate is served all the same, with a warning: a program that stops helps no client.
func TestExpired(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	expired := newFiles(t, t.TempDir(), "", keypairtest.Options{Names: []string{"expired.example"}, Expired: true})
	if _, err := Open([]Files{expired}, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Errorf("Open: %v", err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), expired.Cert) {
		t.Errorf("no warning about the expired certificate: %s", &log)
	}
}

// A certificate with many names, or with names that cannot be host names, takes one log line of moderate length.
func TestLogLineIsBounded(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("autoconfig.domain-%d.example", i))
	}
	names[1] = strings.Repeat("a.", 5000) + "example"
	var log bytes.Buffer
	if _, err := Open([]Files{newFiles(t, t.TempDir(), "many", keypairtest.Options{Names: names})}, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "names=\"autoconfig.domain-0.example a.a.") || !strings.Contains(log.String(), "domain-4.example and 295 more\"") ||
		log.Len() > 2000 {
		t.Errorf("%d octets: %.2000s", log.Len(), log.String())
	}
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
