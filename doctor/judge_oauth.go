package doctor

import (
	"context"

	"mailhint/oauth"
)

// oauthCodes are the codes for what an authorization server offers.
var oauthCodes = map[oauth.Point]Code{
	oauth.Discovery: OAuth2Issuer, oauth.Endpoints: OAuth2Endpoints, oauth.Clients: OAuth2Clients, oauth.Scopes: OAuth2Scopes,
}

// gatherOAuth asks the authorization server that clients learn of from the settings. A server of thousands of domains is asked once.
func (s *session) gatherOAuth(ctx context.Context, o *observations) {
	needs, _ := o.Found.NeedsOAuth2()
	if !needs || o.OAuth2 == nil || !s.wants(OAuth2Issuer) && !s.wants(OAuth2Endpoints) && !s.wants(OAuth2Clients) && !s.wants(OAuth2Scopes) {
		return
	}
	issuer := o.OAuth2.IssuerURL()
	answer := s.authorizations.do(issuer, func() oauth.Observation { return oauth.Look(ctx, s.Prober, issuer) })
	o.authorization = &answer
}

// judgeOAuth says what keeps mail programs from signing in at the authorization server. Programs that use a password instead still work, if
// there is one.
func (j *judgement) judgeOAuth() {
	needs, only := j.Found.NeedsOAuth2()
	if !needs {
		return
	}
	severity := Warning
	if only {
		severity = Problem
	}
	if j.OAuth2 == nil {
		j.add(newFinding(OAuth2Issuer, severity, string(j.Found.Domain), "OAuth2 is a login method, but the settings do not say where to sign in",
			"Add the table oauth2 to the domain's entry in domains.toml, or remove \"oauth2\" from auth."))
		return
	}
	subject := clip(j.OAuth2.IssuerURL())
	switch a := j.authorization; {
	case a == nil:
	case a.Unknown != nil:
		j.couldNotCheck("the OAuth2 issuer %s: %s", subject, reason(a.Unknown))
	default:
		for _, f := range oauth.Judge(j.OAuth2, *a) {
			s := severity
			if f.Point == oauth.Scopes { // the list need not be complete
				s = Warning
			}
			j.add(newFinding(oauthCodes[f.Point], s, subject, f.Text, f.Fix, f.Paste))
		}
	}
}
