package main

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"mailhint/certs/pebbletest"
)

// refusingCA is an ACME server (RFC 8555) that notes what clients send, and refuses all orders.
type refusingCA struct {
	*httptest.Server
	rootFile string

	mu       sync.Mutex
	contacts []string // of the accounts
	ordered  []string // names
}

func startRefusingCA(t *testing.T) *refusingCA {
	t.Helper()
	ca := &refusingCA{rootFile: filepath.Join(t.TempDir(), "ca.pem")}
	ca.Server = httptest.NewTLSServer(http.HandlerFunc(ca.answer))
	t.Cleanup(ca.Close)
	write(t, ca.rootFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate().Raw})))
	return ca
}

func (ca *refusingCA) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Replay-Nonce", fmt.Sprintf("nonce-%p", r)) // it is not looked at
	w.Header().Set("Content-Type", "application/json")
	url := func(path string) string { return ca.URL + path }
	var sent struct{ Payload string }
	var payload struct {
		Contact     []string
		Identifiers []struct{ Value string }
	}
	if r.Method == http.MethodPost {
		if json.NewDecoder(r.Body).Decode(&sent) == nil {
			if text, err := base64.RawURLEncoding.DecodeString(sent.Payload); err == nil {
				json.Unmarshal(text, &payload) // what it does not fill is empty
			}
		}
	}
	ca.mu.Lock()
	defer ca.mu.Unlock()
	switch r.URL.Path {
	case "/dir":
		json.NewEncoder(w).Encode(map[string]string{"newNonce": url("/nonce"), "newAccount": url("/account"), "newOrder": url("/order"),
			"revokeCert": url("/revoke"), "keyChange": url("/key")})
	case "/account":
		ca.contacts = append(ca.contacts, payload.Contact...)
		w.Header().Set("Location", url("/account/1"))
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintln(w, `{"status": "valid"}`)
	case "/order":
		for _, i := range payload.Identifiers {
			ca.ordered = append(ca.ordered, i.Value)
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintln(w, `{"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "not \u001b[31mhere"}`)
	}
}

// orders returns the names that were ordered.
func (ca *refusingCA) orders() []string {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return slices.Clone(ca.ordered)
}

// The keys that begin with acme_ reach the CA: which, whose root is trusted, what address it may write to, and how many orders an hour it
// gets. Its refusals are reported everywhere.
func TestACMEKeys(t *testing.T) {
	httpAddress, httpsAddress := pebbletest.FreeAddress(t), pebbletest.FreeAddress(t)
	ca := startRefusingCA(t)
	config := fmt.Sprintf(`
[server]
name = "setup.example.com"
http = [%q]
https = [%q]
admin = "127.0.0.1:0"
tls = "acme"
acme_ca = ["%s/dir"]
acme_root = %q
acme_email = "odd@admin.example"
acme_orders = 2
state_dir = %q
[domains."example.com"]
imap = "imap.example.com"
smtp = "smtp.example.com"
`, httpAddress, httpsAddress, ca.URL, ca.rootFile, t.TempDir())
	zone := zoneOf{"setup.example.com": "127.0.0.1"}
	for _, label := range []string{"autoconfig", "autodiscover", "ua-auto-config"} {
		zone[label+".example.com"] = "127.0.0.1"
	}
	p := startProgramIn(t, network{resolver: zone}, config)
	metric := func(pattern string) func() bool {
		return func() bool {
			_, text := ask(t, p.admin(), "localhost", "/-/metrics")
			return regexp.MustCompile(`(?m)^` + pattern + `$`).MatchString(text)
		}
	}
	eventually(t, "the orders of this hour are used up", metric(`mailhint_acme_orders_left\{ca="[^"]+"\} 0`))
	eventually(t, "both are counted as refused", metric(`mailhint_acme_orders_total\{result="(refused|declined)"\} 2`))
	nameserver := zone.serve(t)
	if out, _ := runCert(t, 0, p.config, "list", "--resolver", nameserver); !strings.Contains(out, ": 2 of 2 orders used this hour") {
		t.Errorf("cert list:\n%s", out)
	}
	if got := ca.orders(); len(got) != 2 || !slices.ContainsFunc(got, func(name string) bool { return name == "setup.example.com" || strings.HasSuffix(name, ".example.com") }) {
		t.Errorf("ordered %q, want two names", got)
	}
	ca.mu.Lock()
	if want := []string{"mailto:odd@admin.example"}; !slices.Equal(ca.contacts, want) {
		t.Errorf("the CA knows %q, want %q", ca.contacts, want)
	}
	ca.mu.Unlock()

	// cert check ends with 1 and shows the failures; nothing that the CA said reaches the terminal unescaped.
	// The reason is written after the order has been counted.
	var out string
	eventually(t, "the reasons of both failures are known", func() bool {
		out, _ = runCert(t, 1, p.config, "check")
		return !strings.Contains(out, "stopped during the order")
	})
	if strings.Count(out, ": failed attempts: 1, the next at ") != 2 || !strings.Contains(out, "not ") || strings.Contains(out, "\x1b") {
		t.Errorf("cert check:\n%q", out)
	}

	// A name of nobody's domain is not ordered, whatever its DNS says.
	before := len(ca.orders())
	_, errs := runCert(t, 1, p.config, "get", "autoconfig.foreign.example", "--resolver", zoneOf{"autoconfig.foreign.example": "127.0.0.1", "setup.example.com": "127.0.0.1"}.serve(t))
	if !strings.Contains(errs, "autoconfig.foreign.example: no certificate is ordered for this name; they are ordered only for the server's own name, and for autoconfig.") {
		t.Errorf("cert get for a foreign name: %s", errs)
	}
	if n := len(ca.orders()); n != before {
		t.Errorf("%d orders for a foreign name", n-before)
	}

	// Whether the CA can be used is a metric.
	if !metric(`mailhint_acme_up\{ca="[^"]+"\} 1`)() {
		t.Error("the metrics do not show that the CA answers")
	}
	p.stop()
	ca.Close()
	p = startProgramIn(t, network{resolver: zone}, regexp.MustCompile(`state_dir = .*`).ReplaceAllString(config, fmt.Sprintf("state_dir = %q", t.TempDir())))
	eventually(t, "the metrics show that the CA cannot be reached", metric(`mailhint_acme_up\{ca="[^"]+"\} 0`))
}
