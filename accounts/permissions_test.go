package accounts_test

import (
	"fmt"
	"strings"
	"testing"

	"mailhint/accounts"
)

// The rules in words of their own, so that a slip in the table is noticed: what each role may do to its own and to other domains, profiles,
// tokens and so on. An action that is not here is denied.
const rules = `
operator      view own other
operator      probe own other
operator      edit own other
operator      add own other
operator      remove own other
operator      view profile own other
operator      edit profile own other
operator      apply own other
operator      view audit own other
operator      manage accounts own other
operator      manage tokens own other
operator      manage sessions own other
operator      manage self own

domain-admin  view own
domain-admin  probe own
domain-admin  edit own
domain-admin  view profile own
domain-admin  view audit own
domain-admin  manage tokens own
domain-admin  manage sessions own
domain-admin  manage self own

provisioner   view own
provisioner   probe own
provisioner   edit own
provisioner   add own
provisioner   remove own
provisioner   view profile own
provisioner   view audit own
provisioner   manage tokens own
provisioner   manage sessions own
provisioner   manage self own

viewer        view own
viewer        view profile own
viewer        view audit own
viewer        manage tokens own
viewer        manage sessions own
viewer        manage self own
`

// people are an account for each role, with domains and profiles.
var people = map[accounts.Role]accounts.Account{
	accounts.Operator:    {Name: "me", Role: accounts.Operator},
	accounts.DomainAdmin: {Name: "me", Role: accounts.DomainAdmin, Domains: []string{"own.example"}},
	accounts.Provisioner: {Name: "me", Role: accounts.Provisioner, Domains: []string{"own.example"}, Profiles: []string{"own"}},
	accounts.Viewer:      {Name: "me", Role: accounts.Viewer, Domains: []string{"own.example"}},
}

var (
	own     = accounts.Target{Domain: "own.example", Profile: "own", Account: "me"}
	foreign = accounts.Target{Domain: "other.example", Profile: "other", Account: "you", Admins: []string{"you"}}
)

func TestPermissions(t *testing.T) {
	may := make(map[string]bool)
	for line := range strings.Lines(rules) {
		words := strings.Fields(line)
		for i, word := range words {
			if word == "own" || word == "other" {
				action, _, _ := strings.Cut(strings.Join(words[1:i], " "), " own")
				may[fmt.Sprintf("%s %s %s", words[0], action, word)] = true
			}
		}
	}
	for role, a := range people {
		for _, action := range accounts.Actions {
			for name, target := range map[string]accounts.Target{"own": own, "other": foreign} {
				what := fmt.Sprintf("%s %s %s", role, action, name)
				if got := a.Principal(client.Address).May(action, target); got != may[what] {
					t.Errorf("%s: %v, want %v", what, got, may[what])
				}
			}
		}
	}
	if len(accounts.Actions) != 13 || len(accounts.Roles) != 4 {
		t.Error("there are new actions or roles; add them here")
	}
}

// What is no account may do nothing: a request that is not signed in, a disabled account, a role that does not exist.
func TestNobodyMayAnything(t *testing.T) {
	for name, p := range map[string]accounts.Principal{
		"zero":         {},
		"only a name":  {Name: "me"},
		"unknown role": {Name: "me", Role: "root"},
		"disabled":     accounts.Account{Name: "me", Role: accounts.Operator, Disabled: true}.Principal(client.Address),
	} {
		for _, action := range accounts.Actions {
			if p.May(action, own) || p.May(action, accounts.Target{}) {
				t.Errorf("%s may %s", name, action)
			}
		}
		if p.MayChange("name", []string{"name"}) || p.AllowsProfile("own") || p.SeesAll() {
			t.Errorf("%s may change keys, use profiles or see everything", name)
		}
	}
	if people[accounts.Operator].Principal(client.Address).May("invented", own) {
		t.Error("an action that is not in the table is permitted")
	}
}

// A name stands for the record of exactly this name.
func TestOwnDomains(t *testing.T) {
	admin := accounts.Account{Name: "me", Role: accounts.DomainAdmin, Domains: []string{"own.example", "*.wild.example"}}.Principal(client.Address)
	for domain, want := range map[string]bool{
		"own.example": true, "*.wild.example": true,
		"sub.own.example": false, "*.own.example": false, "example": false, "notown.example": false, "OWN.example": false, "own.example.": false,
		"wild.example": false, "a.wild.example": false, "": false,
	} {
		if got := admin.May(accounts.Edit, accounts.Target{Domain: domain}); got != want {
			t.Errorf("%q: %v, want %v", domain, got, want)
		}
	}
	if !admin.May(accounts.Edit, accounts.Target{Domain: "other.example", Admins: []string{"you", "me"}}) {
		t.Error("the key admins gives no permission")
	}
	if admin.May(accounts.Edit, accounts.Target{Domain: "other.example", Admins: []string{"m", "me2", ""}}) {
		t.Error("the key admins gives permission to somebody else")
	}
	provisioner := people[accounts.Provisioner].Principal(client.Address)
	for _, target := range []accounts.Target{{Domain: "own.example", Profile: "other"}, {Domain: "own.example"}, {Domain: "own.example", Profile: "other", Admins: []string{"me"}}} {
		if provisioner.May(accounts.Remove, target) {
			t.Errorf("a provisioner may remove %+v", target)
		}
	}
}

func TestKeys(t *testing.T) {
	editable := []string{"name", "login"}
	for _, test := range []struct {
		role accounts.Role
		key  string
		want bool
	}{
		{accounts.Operator, "admins", true},
		{accounts.DomainAdmin, "name", true},
		{accounts.DomainAdmin, "login", true},
		{accounts.DomainAdmin, "imap", false},
		{accounts.DomainAdmin, "admins", false},
		{accounts.DomainAdmin, "profile", false},
		{accounts.DomainAdmin, "rules", false},
		{accounts.DomainAdmin, "editable", false},
		{accounts.DomainAdmin, "oauth2.issuer", false},
		{accounts.DomainAdmin, "name.x", true}, // refused elsewhere: there is no such key
		{accounts.DomainAdmin, "", false},
		{accounts.Provisioner, "profile", true},
		{accounts.Provisioner, "name", true},
		{accounts.Provisioner, "admins", false},
		{accounts.Viewer, "name", false},
	} {
		if got := people[test.role].Principal(client.Address).MayChange(test.key, editable); got != test.want {
			t.Errorf("%s, %q: %v, want %v", test.role, test.key, got, test.want)
		}
	}
}
