//go:build linux

package lab

import (
	"fmt"
	"net/http"
	"strings"
)

// issuerV4 is login.hoster.example, an authorization server.
const issuerV4 = "203.0.113.91"

// issuer says about itself what the last element of the issuer's path asks for: nothing is wrong without one.
func issuer(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, "/.well-known/oauth-authorization-server")
	if !ok || name == "/none" {
		page(w, http.StatusNotFound)
		return
	}
	self, token, register, pkce := "https://login.hoster.example"+name, "/token", `"registration_endpoint": "https://login.hoster.example/register",`, "S256"
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
	fmt.Fprintf(w, `{"issuer": %q, "authorization_endpoint": "https://login.hoster.example/auth", "token_endpoint": "https://login.hoster.example%s", %s
"response_types_supported": ["code"], "code_challenge_methods_supported": [%q], "scopes_supported": ["mail", "offline_access"]}`, self, token, register, pkce)
}
