package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"mailhint/keypairs/keypairtest"
)

// When a certificate is renewed: after a part of its lifetime, or as its CA suggests, within reason.
func TestRenewalTime(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	never := time.Duration(-1 << 62)
	for _, test := range []struct{ life, renewAfter, want time.Duration }{
		{90 * day, never, 60 * day},
		{6 * day, never, 3 * day},
		{90 * day, 50 * day, 50 * day},
		{90 * day, 7 * time.Hour, 7 * time.Hour}, // as when the CA has to revoke it
		{90 * day, -1000 * day, 6 * time.Hour},   // the CA's clock is wrong
		{6 * day, 1000 * day, 6 * day * 9 / 10},  // too late
		{time.Minute, -time.Second, 6 * time.Second},
	} {
		s := stored{entry: entry{notBefore: begin, notAfter: begin.Add(test.life)}}
		if test.renewAfter != never {
			s.ari = &acme.RenewalInfo{SelectedTime: begin.Add(test.renewAfter)}
		}
		if s.setRenewal(); s.renewAt.Sub(begin) != test.want {
			t.Errorf("lifetime %s, suggested %s: renewed after %s, want %s", test.life, test.renewAfter, s.renewAt.Sub(begin), test.want)
		}
	}
}

// Short-lived certificates are renewed again and again when their CA suggests it, and no handshake ever fails.
func TestRenewalWhileServing(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, time.Minute)
	// Pebble itself suggests any time up to the last moment, when a renewal would have to be faster than a busy machine can be.
	ca.renewAfter.Store(int64(6 * time.Second))
	c, _ := f.serve(t, ca.config(t.TempDir()))
	seen := make(map[string]bool)
	failed, asked := 0, 0
	eventually(t, "not renewed twice", func() bool {
		leaf, err := f.handshake("autoconfig.short.test", ca.issuing)
		if asked++; err != nil {
			failed++
			t.Errorf("handshake %d: %v", asked, err)
		} else {
			seen[leaf.SerialNumber.String()] = true
		}
		return len(seen) == 3 || failed > 3
	})
	if n := c.Status().Orders["ok"]; n < 3 || n > 4 { // the next one may just have been ordered
		t.Errorf("%d orders for 3 certificates", n)
	}
	t.Logf("%d handshakes", asked)
}

// A CA that does not accept what a renewal replaces gets an order like the first, at once.
func TestRenewalRefused(t *testing.T) {
	t.Parallel()
	for _, refuse := range []refusal{{500, "serverInternal", "no", ""}, {400, "malformed", "unknown certificate", ""}} {
		f := newFront(t)
		httpPort, tlsPort := f.ports()
		ca := startCA(t, httpPort, tlsPort, 90*day)
		clock := newManualClock()
		config := ca.config(t.TempDir())
		config.Clock = clock
		ca.renewAfter.Store(1) // renewed as early as possible, after six hours
		c, _ := f.serve(t, config)
		if _, err := f.handshake(names(1)[0], ca.issuing); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the first order does not end", func() bool { return c.Status().Orders["ok"] == 1 })
		before, refused := ca.orders.Load(), c.Status().Orders["refused"]
		ca.refuseRenewal.Store(&refuse)
		ca.renewAfter.Store(0) // or the new certificate, which the CA dates by the real time, would be due at once
		clock.advance(7 * time.Hour)
		eventually(t, refuse.kind+": not renewed", func() bool { return c.Status().Orders["ok"] == 2 })
		s := c.Status()
		if ca.renewals.Load() == 0 {
			t.Errorf("%s: the order did not name the certificate it replaces", refuse.kind)
		}
		if n := ca.orders.Load() - before; n != 1+s.Orders["refused"]-refused || s.Orders["unreachable"] != 0 {
			t.Errorf("%s: %d orders, status %+v", refuse.kind, n, s)
		}
	}
}

// The CA suggests a window for the renewal. The moment in it is chosen once, however often the CA is asked, and kept across restarts.
func TestRenewalMomentIsChosenOnce(t *testing.T) {
	t.Parallel()
	start := time.Now().Add(2 * time.Hour)
	ca := startSuggestingCA(t, start, func() {})
	config := ca.config(t.TempDir())
	var moments []time.Time
	for range 5 {
		c, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if len(moments) == 0 {
			store(t, c, keypairtest.Options{})
		}
		if err := c.scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.askAboutRenewal(t.Context(), names(1)[0]); err != nil {
			t.Fatal(err)
		}
		s, err := c.read(t.Context(), names(1)[0])
		if err != nil || s.ari == nil || c.known.get(s.name).renewAt != s.renewAt {
			t.Fatalf("%v, renewed at %s, known %s", err, s.renewAt, c.known.get(s.name).renewAt)
		}
		moments = append(moments, s.ari.SelectedTime)
	}
	if moments = slices.Compact(moments); len(moments) != 1 || moments[0].Before(start.Truncate(time.Second)) || moments[0].After(start.Add(4*time.Hour)) {
		t.Errorf("chosen %s, in four hours from %s", moments, start)
	}
}

// What the CA suggests for a certificate that has been renewed meanwhile is not applied to the new one.
func TestRenewedWhileAsked(t *testing.T) {
	t.Parallel()
	var renew func()
	ca := startSuggestingCA(t, time.Now().Add(-time.Hour), func() { renew() })
	c, err := New(ca.config(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	store(t, c, keypairtest.Options{Valid: day})
	renew = func() { store(t, c, keypairtest.Options{Valid: 90 * day}) }
	if err := c.askAboutRenewal(t.Context(), names(1)[0]); err != nil {
		t.Fatal(err)
	}
	s, err := c.read(t.Context(), names(1)[0])
	if err != nil || s.ari != nil {
		t.Errorf("%v; the new certificate has the suggestion for the old one: %+v", err, s.ari)
	}
	if e := c.known.get(s.name); e == nil || *e != s.entry {
		t.Errorf("known is %+v, stored %+v", e, s.entry)
	}
}

// startSuggestingCA starts a CA that only answers requests for renewal information, with four hours from start; asked is called with each.
func startSuggestingCA(t *testing.T, start time.Time, asked func()) *testCA {
	t.Helper()
	cert := keypairtest.New(t, keypairtest.Options{})
	mux := http.NewServeMux()
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	t.Cleanup(server.Close)
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/dir", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"newNonce": server.URL, "newOrder": server.URL, "renewalInfo": server.URL + "/renewals"})
	})
	mux.HandleFunc("/renewals/", func(w http.ResponseWriter, _ *http.Request) {
		asked()
		answer(w, map[string]any{"suggestedWindow": map[string]time.Time{"start": start, "end": start.Add(4 * time.Hour)}})
	})
	ca := &testCA{directory: server.URL + "/dir", roots: x509.NewCertPool()}
	ca.roots.AddCert(cert.Leaf)
	return ca
}

// store stores a new certificate for names(1).
func store(t *testing.T, c *Certificates, options keypairtest.Options) {
	t.Helper()
	cert := keypairtest.New(t, options)
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	if err := c.write(t.Context(), c.cas[0].key, names(1)[0], &issued{acme.Certificate{ChainPEM: chain}, cert.PrivateKey.(crypto.Signer)}); err != nil {
		t.Error(err)
	}
}
