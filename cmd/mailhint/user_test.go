package main

import (
	"bytes"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"mailhint/accounts"
	"mailhint/accounts/file"
)

// typedCode types the code that an app shows once the secret for it has been printed.
type typedCode struct {
	printed *bytes.Buffer
	wrong   bool
	line    io.Reader
}

var appSecret = regexp.MustCompile(`(?m)^Secret for the app: ([A-Z2-7]+)$`)

func (c *typedCode) Read(p []byte) (int, error) {
	if c.line == nil {
		secret := appSecret.FindStringSubmatch(c.printed.String())
		if secret == nil {
			return 0, io.ErrUnexpectedEOF
		}
		code, err := totp.GenerateCode(secret[1], time.Now())
		if err != nil {
			return 0, err
		}
		if c.wrong {
			code = "12345"
		}
		c.line = strings.NewReader(code + "\n")
	}
	return c.line.Read(p)
}

// An app is set up only with a code that it shows. Then a password is not enough, until the app is removed.
func TestUserTOTP(t *testing.T) {
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, oneDomain)
	s := accounts.New(file.Open(filepath.Join(filepath.Dir(config), "state")), accounts.Options{})
	const password = "correct horse battery"
	if _, err := s.AddAccount(t.Context(), accounts.CommandLine("test"), accounts.Account{Name: "anna", Role: accounts.Operator}, password); err != nil {
		t.Fatal(err)
	}
	command := func(wrong bool, args ...string) (stdout, stderr string, err error) {
		var out, errs bytes.Buffer
		root := newRoot()
		root.SetIn(&typedCode{printed: &errs, wrong: wrong})
		root.SetOut(&out)
		root.SetErr(&errs)
		root.SetArgs(append([]string{"user", "totp", "--config", config}, args...))
		err = root.ExecuteContext(t.Context())
		return out.String(), errs.String(), err
	}
	needsCode := func() bool {
		t.Helper()
		list, err := s.Accounts(t.Context(), accounts.CommandLine("test"))
		if err != nil || len(list) != 1 {
			t.Fatalf("%d accounts: %v", len(list), err)
		}
		return list[0].TOTP != ""
	}

	if out, _, err := command(true, "anna"); err == nil || out != "" || needsCode() {
		t.Errorf("with a wrong code: %v, stdout %q, codes are needed: %v", err, out, needsCode())
	}
	out, errs, err := command(false, "anna")
	if err != nil || !needsCode() {
		t.Fatalf("with the code: %v, codes are needed: %v\n%s", err, needsCode(), errs)
	}
	if !strings.Contains(errs, "otpauth://totp/") || !strings.Contains(errs, "▀") {
		t.Errorf("no QR code, or no URL in words\n%s", errs)
	}
	recovery := strings.Fields(out)
	if len(recovery) < 8 {
		t.Fatalf("recovery codes: %q", out)
	}
	opened, err := s.SignIn(t.Context(), accounts.Attempt{Name: "anna", Password: password})
	if err != nil || !opened.CodeNeeded {
		t.Fatalf("the password is enough: %v", err)
	}
	if _, err := s.SignInCode(t.Context(), accounts.CodeAttempt{Secret: opened.Secret, Code: recovery[0]}); err != nil {
		t.Errorf("with a recovery code: %v", err)
	}
	if _, _, err := command(false, "anna", "--remove"); err != nil || needsCode() {
		t.Errorf("--remove: %v, codes are needed: %v", err, needsCode())
	}
	if _, _, err := command(false, "nobody"); err == nil || !strings.Contains(err.Error(), "there is no user nobody") {
		t.Errorf("an account that does not exist: %v", err)
	}
}
