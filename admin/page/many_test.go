//go:build unix

package page_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
	"mailhint/admin"
	"mailhint/admin/page"
	"mailhint/domains"
	"mailhint/filestore"
	"mailhint/settings"
)

// Lists of 100,000 domains take less than 0.2 s of a processor, whatever is asked for.
func TestManyDomains(t *testing.T) {
	const many = 100_000
	folder := t.TempDir()
	var names strings.Builder
	for i := range many {
		fmt.Fprintf(&names, "customer-%06d.example\n", i)
	}
	file := filepath.Join(folder, "domains.toml")
	for name, text := range map[string]string{
		file: fmt.Sprintf("[server]\nname = \"setup.example\"\nstate_dir = %q\n[profiles.shared]\nimap = \"imap.hoster.example\"\nsmtp = \"smtp.hoster.example\"\ndomains_file = \"names.txt\"\n"+
			"[domains.\"own.example\"]\nimap = \"imap.own.example\"\nsmtp = \"smtp.own.example\"\n", filepath.Join(folder, "state")),
		filepath.Join(folder, "names.txt"): names.String(),
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config, err := domains.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	store, err := filestore.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{accounts: accounts.New(accountstest.NewMemory(), accounts.Options{})}
	s.service = &admin.Service{Store: store, Current: func() *domains.Snapshot { return config }, Accounts: s.accounts,
		Seen: func(host string, _ settings.Server) (string, time.Time) {
			if strings.HasPrefix(host, "imap.own") {
				return "closed", time.Now()
			}
			return "good", time.Now()
		}}
	if _, err := s.accounts.AddAccount(t.Context(), accounts.CommandLine("test"), accounts.Account{Name: "olga", Role: accounts.Operator}, password); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewTLSServer(page.New(page.Options{Admin: s.service, Accounts: s.accounts}))
	defer s.Close()
	v := s.visitor(t)
	v.signIn("olga")
	for _, test := range []struct{ path, want string }{
		{"/domains", "100,001 domains"}, {"/domains?after=customer-050000.example", "customer-050001.example"}, {"/domains?search=customer-0999", "100 domains"},
		{"/domains?search=own", "1 domain"}, {"/domains?profile=shared", "100,000 domains"}, {"/domains?state=closed", "own.example"}, {"/domains?search=nothing", "No domain matches"},
		{"/domains/customer-000007.example", "customer-000007.example"}, {"/profiles", "100,000"},
	} {
		v.get(test.path) // the first reads the files
		best := time.Hour
		for range 5 {
			began := busy(t)
			a := v.get(test.path)
			if best = min(best, busy(t)-began); a.StatusCode != http.StatusOK || !strings.Contains(a.body, test.want) {
				t.Fatalf("%s: status %d, without %q\n%s", test.path, a.StatusCode, test.want, a.body)
			}
		}
		if limit := slower * 200 * time.Millisecond; best > limit {
			t.Errorf("%s takes %s, more than %s", test.path, best, limit)
		}
	}
}

// busy is how long the processor has worked for this process, which does not depend on what else runs on the machine.
func busy(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
