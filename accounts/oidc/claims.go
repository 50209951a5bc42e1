package oidc

import (
	"slices"
	"strings"

	"mailhint/accounts"
)

// claims are what a provider says of a person.
type claims map[string]any

func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

// email returns the address, if the provider has verified it.
func (c claims) email() string {
	if verified, ok := c["email_verified"].(bool); !ok || !verified {
		return ""
	}
	return c.text("email")
}

// Bounds of what a provider can say.
const (
	maxValues = 1000
	maxValue  = 255
)

// values returns the values of a claim: a text, or a list of them.
func (c claims) values(name string) []string {
	var list []string
	switch v := c[name].(type) {
	case string:
		list = []string{v}
	case []any:
		for _, element := range v {
			if text, ok := element.(string); ok {
				list = append(list, text)
			}
		}
	}
	if name == "email" && c.email() == "" {
		return nil
	}
	list = slices.DeleteFunc(list, func(v string) bool { return v == "" || len(v) > maxValue })
	return list[:min(len(list), maxValues)]
}

// person says who somebody is, and what they may do. The error is ErrNoRole.
func (p *provider) person(c claims) (accounts.Vouched, error) {
	e := accounts.External{Issuer: p.Issuer, Subject: c.text("sub")}
	for _, value := range c.values(p.Claim) {
		if _, means := p.Grants[value]; means {
			e.Claims = append(e.Claims, value)
		}
	}
	if p.NamesClaim != "" {
		e.Names = c.values(p.NamesClaim)
	}
	e, ok := p.grant(e)
	if !ok {
		return accounts.Vouched{}, ErrNoRole
	}
	return accounts.Vouched{External: e, Name: p.nameOf(c), Lifetime: p.Lifetime}, nil
}

// nameOf is what a person is called: the verified address, and else the subject, in a form that no address has. A name that people can choose
// themselves would let them pass for somebody else.
func (p *provider) nameOf(c claims) string {
	if email := c.email(); email != "" {
		return strings.ToLower(email)
	}
	return "sub=" + c.text("sub")
}

// grant says what somebody may do: what the most powerful role allows that a value of the claim gives. Several values that give this role are
// taken together, except for provisioners, of whom the first in alphabetical order counts: their profiles and domains belong together.
func (p *provider) grant(e accounts.External) (accounts.External, bool) {
	e.Role, e.Domains, e.Profiles = "", nil, nil
	var grants []Grant
	for _, role := range accounts.Roles {
		for _, value := range slices.Sorted(slices.Values(e.Claims)) {
			if g, there := p.Grants[value]; there && g.Role == role {
				grants = append(grants, g)
			}
		}
		if len(grants) > 0 {
			e.Role = role
			break
		}
	}
	unlimited := slices.ContainsFunc(grants, func(g Grant) bool { return len(g.Domains) == 0 })
	switch e.Role {
	case "":
		return e, false
	case accounts.Provisioner:
		e.Domains, e.Profiles = grants[0].Domains, grants[0].Profiles
		return e, true
	case accounts.DomainAdmin:
		if unlimited {
			e.Domains = p.named(e)
		}
	case accounts.Viewer:
		if unlimited {
			return e, true
		}
	}
	for _, g := range grants {
		e.Domains = append(e.Domains, g.Domains...)
	}
	slices.Sort(e.Domains)
	e.Domains = slices.Compact(e.Domains)
	return e, true
}

// named returns the domains that the provider has named. What is not a valid domain is ignored.
func (p *provider) named(e accounts.External) []string {
	var list []string
	for _, name := range e.Names {
		if normal, err := accounts.CheckGrant(accounts.DomainAdmin, []string{name}, nil); err == nil {
			list = append(list, normal...)
		}
	}
	return list
}
