package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/keypairs"
	"mailhint/keypairs/keypairtest"
)

// cert list and cert check show certificates from files, also those that cannot be used.
func TestCertFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "domains.toml")
	good, goodKey := keypairtest.Write(t, dir, "good", keypairtest.New(t, keypairtest.Options{Names: []string{"autoconfig.example.com", "autodiscover.example.com"}}))
	bad, badKey := keypairtest.Write(t, dir, "bad", keypairtest.New(t, keypairtest.Options{Expired: true, Names: []string{"autoconfig.example.org"}}))
	config := func(certs, keys string) {
		write(t, file, fmt.Sprintf("[server]\ntls = \"files\"\nhttps = [\"127.0.0.1:0\"]\ncert = [%s]\nkey = [%s]\n"+
			"[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n", certs, keys))
	}
	config(fmt.Sprintf("%q", good), fmt.Sprintf("%q", goodKey))
	if out, _ := runCert(t, 0, file, "list"); !regexp.MustCompile(`good\S*  +valid  +89  +autoconfig\.example\.com autodiscover\.example\.com\n$`).MatchString(out) {
		t.Errorf("cert list:\n%s", out)
	}
	if out, _ := runCert(t, 0, file, "check"); out != "" {
		t.Errorf("cert check of a good certificate:\n%s", out)
	}
	config(fmt.Sprintf("%q, %q, %q", good, bad, dir+"/none.pem"), fmt.Sprintf("%q, %q, %q", goodKey, badKey, goodKey))
	out, _ := runCert(t, 0, file, "list")
	for _, want := range []string{"valid", "expired   -1 ", "unusable  -", "it has expired; renew it", "none.pem does not exist"} {
		if !strings.Contains(out, want) {
			t.Errorf("cert list lacks %q:\n%s", want, out)
		}
	}
	if out, _ := runCert(t, 1, file, "check"); strings.Contains(out, good) || !strings.Contains(out, bad) || !strings.Contains(out, "none.pem") {
		t.Errorf("cert check:\n%s", out)
	}
	var listed keypairs.Listing
	if out, _ := runCert(t, 0, file, "list", "--json"); json.Unmarshal([]byte(out), &listed) != nil || len(listed.Files) != 3 || listed.Files[0].State != keypairs.Valid ||
		listed.Files[1].State != keypairs.Expired || listed.Files[2].State != keypairs.Unusable || listed.Files[2].Fault == "" {
		t.Errorf("cert list --json:\n%s", out)
	}
	if _, errs := runCert(t, 1, file, "get", "autoconfig.example.com"); !strings.Contains(errs, `only with tls = "acme"`) {
		t.Errorf("cert get: %s", errs)
	}
	write(t, file, "[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n[server]\ntls = \"off\"\n")
	if _, errs := runCert(t, 1, file, "list"); !strings.Contains(errs, `tls is "off"`) {
		t.Errorf("cert list without TLS: %s", errs)
	}
}

// An error about permissions says as whom to run the command.
func TestCertPermissions(t *testing.T) {
	t.Parallel()
	s := domains.Server{StateDir: filepath.Join(t.TempDir(), "none")}
	cert := newCert()
	cmd, _, err := cert.Find([]string{"rm"})
	if err != nil {
		t.Fatal(err)
	}
	newRoot().AddCommand(cert)
	if err := cmd.ParseFlags([]string{"--config", "my.toml", "autoconfig.example.com"}); err != nil {
		t.Fatal(err)
	}
	owner := fmt.Sprintf("'#%d'", os.Geteuid())
	if u, err := user.Current(); err == nil {
		owner = u.Username
	}
	_, err = os.Stat(certificateFolder(s))
	if got := asServerUser(cmd, err, s); got != err {
		t.Errorf("an error about something else became %v", got)
	}
	err = asServerUser(cmd, fmt.Errorf("reading: %w", fs.ErrPermission), s)
	if want := "run it as the server's user: sudo -u " + owner + " mailhint cert rm autoconfig.example.com --config my.toml"; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v lacks %q", err, want)
	}
}
