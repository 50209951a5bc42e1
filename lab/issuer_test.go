//go:build linux

package lab

import (
	"fmt"
	"net/http"
	"strings"
)

// issuerV4 is an authorization server, login.hoster.example for the cases and login.example.com for the pages.
const issuerV4 = "203.0.113.91"

// issuer says about itself what the last element of the issuer's path asks for: nothing is wrong without one.
func issuer(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, "/.well-known/oauth-authorization-server")
	if r.URL.Path == "/.well-known/openid-configuration" {
		name, ok = "", true
	}
	if !ok || name == "/none" {
		page(w, http.StatusNotFound)
		return
	}
	server := "https://" + r.Host
	self, token, register, pkce := server+name, "/token", `"registration_endpoint": "`+server+`/register",`, "S256"
	switch name {
	case "/renamed":
		self += "/"
	case "/moved":
		token = "/v2/token"
	case "/closed":
		register = ""
	case "/no-pkce":
		pkce = "plain"
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"issuer": %[1]q, "authorization_endpoint": "%[2]s/auth", "token_endpoint": "%[2]s%[3]s", %[4]s
"response_types_supported": ["code"], "code_challenge_methods_supported": [%[5]q], "scopes_supported": ["mail", "offline_access"]}`, self, server, token, register, pkce)
}
