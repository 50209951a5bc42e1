package domains

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestOIDC(t *testing.T) {
	s, err := Load("testdata/good/oidc.toml")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := filepath.Abs("testdata/good/oidc.secret")
	if err != nil {
		t.Fatal(err)
	}
	got := s.OIDC
	if got.At.Line != 1 {
		t.Errorf("the table is at %v", got.At)
	}
	got.At = Position{}
	want := OIDC{
		Issuer: "https://login.hoster.example/realms/staff", ClientID: "mailhint", SecretFile: secret, URL: "https://admin.hoster.example",
		Title: "the identity provider", Scopes: []string{"profile", "email"}, Claim: "groups", DomainsClaim: "mail_domains", Session: time.Hour,
		Roles: map[string]OIDCRole{
			"mail-admins": {Role: "operator"},
			"/firm/it":    {Role: "domain-admin", Domains: []string{"firm.example", "*.xn--bcher-kva.example"}},
			"customers":   {Role: "domain-admin"},
			"panel":       {Role: "provisioner", Profiles: []string{"*"}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
