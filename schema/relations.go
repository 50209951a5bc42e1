package schema

import "slices"

// relations add to tables what their keys have to do with each other.
var relations = map[string]func(*node){
	"server":          server,
	"domains.*.rules": rule,
	"dns":             dns,
	"oidc":            func(n *node) { n.Required = append(n.Required, "roles") },
	"oidc.roles.*":    oidcRole,
}

// server is for [server]: some keys need tls, or each other.
func server(n *node) {
	n.Dependencies = map[string][]string{
		"https": {"tls"}, "cert": {"tls", "key"}, "key": {"tls", "cert"},
		"sign_cert": {"sign_key"}, "sign_key": {"sign_cert"},
	}
	var acme []*node
	for key := range n.Properties {
		if len(key) > len("acme_") && key[:len("acme_")] == "acme_" {
			n.Dependencies[key] = []string{"tls"}
			acme = append(acme, &node{Required: []string{key}})
		}
	}
	slices.SortFunc(acme, func(a, b *node) int { return slices.Compare(a.Required, b.Required) })
	off := append([]*node{{Required: []string{"https"}}, {Required: []string{"cert"}}}, acme...)
	none := 0
	n.AllOf = []*node{
		{If: is("tls", "files"), Then: &node{Required: []string{"cert", "key"}}},
		{If: is("tls", "files"), Then: &node{Not: &node{AnyOf: acme}}},
		{If: is("tls", "off"), Then: &node{Not: &node{AnyOf: off}}},
		{If: is("proxy_protocol", true), Then: &node{Required: []string{"trusted_proxies"}}},
		{If: &node{Properties: map[string]*node{"http": {Type: "array", MaxItems: &none}}, Required: []string{"http"}}, Then: &node{Required: []string{"tls"}}},
	}
}

// dns is for [dns]: a zone that is not a table takes everything from it. It may also be in a list, but tombi does not know contains.
func dns(n *node) {
	n.If = &node{Properties: map[string]*node{"zones": {Type: "string"}}, Required: []string{"zones"}}
	n.Then = &node{Required: []string{"server", "key_file"}}
}

// oidcRole is for a role of [oidc]: an operator has no domains, and only a provisioner has profiles.
func oidcRole(n *node) {
	n.AllOf = []*node{
		{If: is("role", "operator"), Then: &node{Not: &node{Required: []string{"domains"}}}},
		{If: is("role", "provisioner"), Then: &node{Required: []string{"profiles"}}},
		{If: &node{Required: []string{"profiles"}}, Then: is("role", "provisioner")},
	}
}

// rule is for a rule: it must say whom it is for.
func rule(n *node) {
	n.AnyOf = []*node{{Required: []string{"users_file"}}, {Required: []string{"from"}}}
}

// is matches tables in which a key has a value.
func is(key string, value any) *node {
	return &node{Properties: map[string]*node{key: {Enum: []any{value}}}, Required: []string{key}}
}
