package help

import (
	"cmp"
	"strings"
)

// usualRedirect is where programs on a person's own machine listen for the answer of the sign-in page (RFC 8252 section 7.3).
const usualRedirect = "http://127.0.0.1"

// oauth2 is the table of what a program asks for that does not know the provider's sign-in page. Thunderbird has fields for exactly these
// since version 155 (OAuth2CustomDetails.sys.mjs), for each server. It asks for no secret.
func (w words) oauth2() *Service {
	needs, _ := w.found.NeedsOAuth2()
	o := w.found.OAuth2
	if !needs || o == nil {
		return nil
	}
	s := &Service{Title: w.Text("oauth2.title"), Note: w.Text("oauth2.note")}
	client := Row{Label: w.Text("oauth2.client"), Value: o.ClientID, Literal: true}
	if o.ClientID == "" {
		client.Value, client.Literal = w.Text("oauth2.ask"), false
	}
	s.Rows = append(s.Rows, client)
	s.add(w.Text("oauth2.authorization"), o.AuthURL)
	s.add(w.Text("oauth2.token"), o.TokenURL)
	s.add(w.Text("oauth2.scopes"), strings.Join(o.Scope, " "))
	s.add(w.Text("oauth2.redirect"), cmp.Or(o.RedirectURL, usualRedirect))
	s.Rows = append(s.Rows, Row{Label: w.Text("oauth2.pkce"), Value: w.Text("encryption.on"), Literal: true, Choose: true})
	return s
}
