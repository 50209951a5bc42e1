package doctor

import (
	"mailhint/probe"
)

// oauth2 is a domain whose people can sign in at its own authorization server, or with a password.
const oauth2 = usual + `auth = ["oauth2", "password"]
oauth2 = { issuer = "https://login.a.example", scope = ["mail"], auth_url = "https://login.a.example/auth", token_url = "https://login.a.example/token" }
`

const (
	oauth2Place  = "https://login.a.example/.well-known/oauth-authorization-server"
	goodMetadata = `{"issuer":"https://login.a.example","authorization_endpoint":"https://login.a.example/auth","token_endpoint":"https://login.a.example/token",` +
		`"registration_endpoint":"https://login.a.example/register","code_challenge_methods_supported":["S256"],"scopes_supported":["mail"],"response_types_supported":["code"]`
)

// authorizes adds an authorization server to the world, with more members of its metadata, which override those before them.
func authorizes(more string) func(*world) {
	return func(w *world) {
		w.hosts["login.a.example"] = addresses("203.0.113.91")
		w.pages[oauth2Place] = body(200, "application/json", goodMetadata+more+"}")
	}
}

// oauthCases are about OAuth2.
var oauthCases = []findingCase{
	{name: "an authorization server", config: oauth2, change: authorizes("")},
	{name: "no metadata", config: oauth2, change: func(w *world) {
		w.hosts["login.a.example"] = addresses("203.0.113.91")
		w.pages["https://login.a.example/"] = body(404, htmlType, website)
	}, want: "warning L02 https://login.a.example no metadata of this issuer"},
	{name: "no metadata, and OAuth2 alone", config: usual + "auth = [\"oauth2\"]\noauth2 = { issuer = \"https://login.a.example\", scope = [\"mail\"], " +
		"auth_url = \"https://login.a.example/auth\", token_url = \"https://login.a.example/token\" }\n", change: func(*world) {},
		want: "C01, C03, L02"},
	{name: "OAuth2 without a place to sign in", config: usual + "auth = [\"oauth2\", \"password\"]\n", change: func(*world) {},
		want: "warning L02 a.example do not say where to sign in"},
	{name: "another issuer", config: oauth2, change: authorizes(`,"issuer":"https://login.a.example/"`),
		want: "warning L02 https://login.a.example the metadata is for the issuer https://login.a.example/"},
	{name: "other endpoints", config: oauth2, change: authorizes(`,"token_endpoint":"https://login.a.example/v2/token"`),
		want: "warning L03 https://login.a.example token_url is https://login.a.example/token, but the server says https://login.a.example/v2/token"},
	{name: "no PKCE", config: oauth2, change: authorizes(`,"code_challenge_methods_supported":["plain"]`),
		want: "warning L04 https://login.a.example does not offer PKCE with S256"},
	{name: "no registration", config: oauth2, change: authorizes(`,"registration_endpoint":""`),
		want: "warning L04 https://login.a.example programs cannot register"},
	{name: "an unknown scope", config: oauth2, change: authorizes(`,"scopes_supported":["openid"]`),
		want: "warning L05 https://login.a.example does not list mail"},
	{name: "submission without OAuth2", config: oauth2, change: func(w *world) {
		authorizes("")(w)
		w.looks["mail.a.example:465"] = func(l *probe.Look) { l.After.Mechanisms = []string{"PLAIN"} }
	}, want: "M05 mail.a.example:465 should offer the login method oauth2 but offers only password"},
	{name: "OAUTHBEARER alone", config: oauth2, change: func(w *world) {
		authorizes("")(w)
		for _, port := range []string{"993", "143", "465", "587"} {
			w.looks["mail.a.example:"+port] = func(l *probe.Look) { l.After.Mechanisms = []string{"PLAIN", "OAUTHBEARER"} }
		}
	}},
}
